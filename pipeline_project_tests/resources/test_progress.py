"""Progress in the log: seldom, but always the end."""

import logging

import pytest

from pipeline_project.resources.pipes import _progress
from pipeline_project.resources.progress import LoggedProgress


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_stage_is_logged_at_most_every_few_seconds_and_at_its_end(lines):
    now = [0.0]
    sink = LoggedProgress(logging.getLogger("p"), every_s=5, clock=lambda: now[0])
    for done in range(1, 11):
        sink.update("score", done, 10, "frames", "")
        now[0] += 1
    assert lines() == [
        "score: 1 of 10 frames",
        "score: 6 of 10 frames",
        "score: 10 of 10 frames",
    ]


def test_stages_do_not_silence_each_other_and_an_unknown_total_is_left_out(lines):
    sink = LoggedProgress(logging.getLogger("p"))
    sink.update("probe", 1, None, "files", "a.mp4")
    sink.update("score", 2, None, "frames", "")
    assert lines() == ["probe: 1 files a.mp4", "score: 2 frames"]


def test_a_state_is_told_without_a_count(lines):
    LoggedProgress(logging.getLogger("p")).update("selection", 0, None, "", "running")
    assert lines() == ["selection: running"]


def test_the_same_end_is_told_once(lines):
    sink = LoggedProgress(logging.getLogger("p"))
    sink.update("probe", 2, 2, "files", "")
    sink.update("probe", 2, 2, "files", "")
    assert lines() == ["probe: 2 of 2 files"]


@pytest.mark.parametrize(
    "message",
    [
        {"method": "log", "params": {"message": "x"}},
        {"method": "closed", "params": None},
        {"method": "report_custom_message", "params": {"payload": "text"}},
        {"method": "report_custom_message", "params": {"payload": {"other": 1}}},
        {"method": "report_custom_message", "params": {"payload": {"progress": {"done": 1}}}},
    ],
)
def test_other_messages_are_no_progress(message):
    assert _progress(message) is None
