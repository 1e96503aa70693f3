"""A selection followed to its end, over the embedded service and real processes."""

import logging
import sys

import pytest

from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.selection_service.base import SelectionOutcome, SelectionStatus
from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.core.config import CurationConfig
from pipeline_project.errors import (
    ConfigError,
    RemoteCancelled,
    RemoteFailed,
    RemoteTimedOut,
    TransientError,
)
from pipeline_project.resources.progress import LoggedProgress
from pipeline_project.resources.selection_service import SelectionClient


class InterruptedAfterSending(LocalCommands):
    """Is interrupted when the command runs, before its id is handed back."""

    def send(self, argv, *, env, timeout_s, label):
        super().send(argv, env=env, timeout_s=timeout_s, label=label)
        raise KeyboardInterrupt


def test_an_interrupt_before_the_id_is_known_ends_the_selection_all_the_same(tmp_path):
    commands = InterruptedAfterSending(tmp_path / "commands", grace_s=1.0)
    store = LocalObjectStore(tmp_path / "store")
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    other = LocalCommands(tmp_path / "commands", grace_s=1.0)
    others = other.send(sleeper, env={}, timeout_s=60, label="run-2")
    client = SelectionClient(EmbeddedSelectionService(commands, store, lambda _: sleeper))
    try:
        with pytest.raises(KeyboardInterrupt):
            client.run(
                request_key="runs/run-1/request.json",
                label="run-1",
                deadline=Deadline(60),
                progress=LoggedProgress(logging.getLogger("test")),
                keep=lambda: None,
            )
        assert commands.running() == [(others, "run-2")]
    finally:
        other.cancel(others)


class Scripted:
    """A service that answers as it is told; `said` keeps what was asked of it."""

    def __init__(self, *answers, outcome=None, cancel_error=None, problems=()):
        self.answers = list(answers)
        self.outcome = outcome
        self.cancel_error = cancel_error
        self.problems = list(problems)
        self.said = []

    def check(self, config):
        self.said.append("check")
        return self.problems

    def ensure_worker(self, config, *, timeout_s, label):
        raise self.answers.pop(0)

    def schedule(self, request_key, *, timeout_s, label):
        return "s1"

    def poll(self, scheduled_id):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def fetch(self, scheduled_id):
        return self.outcome

    def cancel_labelled(self, label):
        self.said.append(f"cancel {label}")
        if self.cancel_error:
            raise self.cancel_error


class Heard:
    def __init__(self):
        self.messages = []

    def update(self, stage, done, total, unit, message):
        self.messages.append(message)


def follow(service, seconds=30.0, heard=None):
    return SelectionClient(service, interval_s=0.01).run(
        request_key="runs/r1/request.json",
        label="r1",
        deadline=Deadline(seconds),
        progress=heard or Heard(),
        keep=lambda: None,
    )


def test_trouble_on_the_way_is_waited_out_and_told():
    outcome = SelectionOutcome("sel", 3, False)
    heard = Heard()
    service = Scripted(
        SelectionStatus("running", "half way"),
        TransientError("HTTP 503"),
        TransientError("HTTP 503"),
        SelectionStatus("completed"),
        outcome=outcome,
    )
    assert follow(service, heard=heard) is outcome
    assert "running half way (asking again: HTTP 503)" in heard.messages
    assert service.said == []


def test_trouble_that_stays_ends_with_the_deadline_and_a_cancelled_selection():
    service = Scripted(TransientError("HTTP 503"))
    with pytest.raises(RemoteTimedOut, match="asking again: HTTP 503"):
        follow(service, seconds=0.05)
    assert service.said == ["cancel r1"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (SelectionStatus("failed", "CRASHED: out of memory"), RemoteFailed),
        (SelectionStatus("cancelled", "by hand"), RemoteCancelled),
        (ConfigError("the token is refused"), ConfigError),
    ],
)
def test_every_other_end_is_an_error_with_the_services_words_and_leaves_nothing(answer, kind):
    words = answer.message if isinstance(answer, SelectionStatus) else str(answer)
    service = Scripted(answer)
    with pytest.raises(kind, match=words):
        follow(service)
    assert service.said == ["cancel r1"]


def test_an_end_that_cannot_be_made_is_told_beside_what_happened():
    service = Scripted(
        SelectionStatus("failed", "CRASHED"), cancel_error=TransientError("no answer")
    )
    with pytest.raises(RemoteFailed, match="CRASHED.* Ending it failed, too: no answer"):
        follow(service)


def test_a_worker_that_does_not_come_is_stopped():
    service = Scripted(RemoteTimedOut("no worker"))
    with pytest.raises(RemoteTimedOut, match="no worker"):
        SelectionClient(service).ensure_worker(CurationConfig(), Deadline(1), "r1")
    assert service.said == ["cancel r1"]


def test_the_service_is_only_checked_where_it_is_asked_for():
    service = Scripted(problems=["no role", "no token"])
    SelectionClient(service).demand_usable(CurationConfig())
    assert service.said == []
    with pytest.raises(ConfigError, match="no role; no token. Nothing was started"):
        SelectionClient(service).demand_usable(CurationConfig(service="lightly"))
