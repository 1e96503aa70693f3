"""The script that the box runs every minute, started as the timer starts it."""

import ast
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline_project_tests.aws_bed.metadata import Metadata

SCRIPT = Path(__file__).parents[2] / "ec2" / "dead_mans_switch.py"
_SPEC = importlib.util.spec_from_file_location("dead_mans_switch", SCRIPT)
assert _SPEC and _SPEC.loader
switch = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(switch)


class Box:
    """A box whose shutdown command leaves a file."""

    def __init__(self, folder: Path, metadata: Metadata) -> None:
        self.folder, self.metadata = folder, metadata
        self.shut_down = folder / "shut-down"
        self.python = [sys.executable]
        self.up(600)

    def up(self, seconds: float) -> None:
        (self.folder / "uptime").write_text(f"{seconds} 1.0\n")
        self.uptime_s = seconds

    def started(self, ago_s: float) -> None:
        self.metadata.tags = {**(self.metadata.tags or {}), switch.STARTED: _time(-ago_s)}

    def lease(self, run: str, ends_in_s: float) -> None:
        self.metadata.tags = {**(self.metadata.tags or {}), switch.LEASE + run: _time(ends_in_s)}

    def tick(self, *options: str) -> str:
        """Run the script once; returns what it said."""
        done = subprocess.run(
            [*self.python, str(SCRIPT), "--metadata", self.metadata.url]
            + ["--uptime-file", str(self.folder / "uptime")]
            + ["--state", str(self.folder / "run" / "state.json"), *options]
            + ["--shutdown", "touch", str(self.shut_down)],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr


def _time(in_s: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=in_s)).isoformat()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    metadata = Metadata()
    metadata.tags = {"Name": "a box", "pipeline_project": "gpu-worker"}
    yield Box(tmp_path, metadata)
    metadata.close()


def test_a_box_with_a_lease_lives(box: Box) -> None:
    box.started(ago_s=620)
    box.lease("one", ends_in_s=300)
    assert box.tick() == ""
    assert not box.shut_down.exists()


def test_a_box_whose_last_lease_ended_shuts_down(box: Box) -> None:
    box.started(ago_s=620)
    box.lease("one", ends_in_s=-400)
    assert "the last lease ended" in box.tick()
    assert box.shut_down.exists()


def test_one_of_two_runs_dead_keeps_the_box_for_the_other(box: Box) -> None:
    box.started(ago_s=620)
    box.lease("dead", ends_in_s=-4000)
    box.lease("alive", ends_in_s=100)
    box.tick()
    assert not box.shut_down.exists()


def test_a_lease_that_just_ended_has_its_grace(box: Box) -> None:
    box.started(ago_s=620)
    box.lease("one", ends_in_s=-60)
    box.tick()
    assert not box.shut_down.exists()
    box.tick("--grace-s", "30")
    assert box.shut_down.exists()


def test_a_box_started_without_any_lease_lives_for_the_grace_only(box: Box) -> None:
    box.up(100)
    box.started(ago_s=110)
    box.tick()
    assert not box.shut_down.exists()
    box.up(1000)
    box.started(ago_s=1010)
    box.tick()
    assert box.shut_down.exists()


def test_a_box_that_a_person_started_is_left_alone(box: Box) -> None:
    box.lease("released", ends_in_s=-9000)
    box.up(100_000)
    assert box.tick() == ""
    assert not box.shut_down.exists()


def test_a_started_tag_of_an_earlier_boot_does_not_count(box: Box) -> None:
    box.up(3000)
    box.started(ago_s=90_000)
    box.lease("old", ends_in_s=-80_000)
    box.tick()
    assert not box.shut_down.exists()


def test_a_box_up_for_too_long_shuts_down_whatever_its_leases_say(box: Box) -> None:
    box.up(90_000)
    box.started(ago_s=90_010)
    box.lease("forever", ends_in_s=9_000)
    assert "overdue" in box.tick()
    assert box.shut_down.exists()


def test_a_box_that_never_sees_its_tags_shuts_down_after_a_while(box: Box) -> None:
    box.metadata.tags = None
    box.up(1700)
    assert "404" in box.tick()
    assert not box.shut_down.exists()
    box.up(1900)
    assert "blind" in box.tick()
    assert box.shut_down.exists()


def test_a_service_that_goes_away_counts_from_the_last_answer(box: Box) -> None:
    box.up(5000)
    box.started(ago_s=5010)
    box.lease("one", ends_in_s=300)
    box.tick()
    box.metadata.close()
    box.up(6700)
    box.tick()
    assert not box.shut_down.exists()
    box.up(6900)
    box.tick()
    assert box.shut_down.exists()


def test_a_person_s_box_stays_up_when_the_service_goes_away(box: Box) -> None:
    box.tick()
    box.metadata.close()
    box.up(50_000)
    box.tick()
    assert not box.shut_down.exists()


def test_state_left_by_an_earlier_boot_or_cut_short_is_as_none(box: Box) -> None:
    box.metadata.tags = None
    state = box.folder / "run" / "state.json"
    state.parent.mkdir()
    for text in (json.dumps({"uptime_s": 99_999, "ours": False}), '{"uptime_s":'):
        state.write_text(text)
        box.up(1900)
        box.tick()
        assert box.shut_down.exists()
        box.shut_down.unlink()


def test_dry_run_says_it_and_does_nothing(box: Box) -> None:
    box.started(ago_s=620)
    box.lease("one", ends_in_s=-400)
    assert "shutting down" in box.tick("--dry-run")
    assert not box.shut_down.exists()


def test_a_shutdown_that_fails_is_said_and_tried_again(box: Box) -> None:
    box.started(ago_s=620)
    box.lease("one", ends_in_s=-400)
    box.shut_down.mkdir()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--metadata", box.metadata.url]
        + ["--uptime-file", str(box.folder / "uptime"), "--state", str(box.folder / "s.json")]
        + ["--shutdown", "/no/such/command"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "/no/such/command" in done.stderr
    box.shut_down.rmdir()
    box.tick()
    assert box.shut_down.exists()


@pytest.mark.parametrize("written", ["", "soon", "2026-13-01T00:00:00Z", "9" * 40])
def test_a_time_that_is_none_counts_as_no_such_tag(written: str) -> None:
    tags = {switch.STARTED: "2026-11-21T10:00:00Z", switch.LEASE + "x": written}
    now_s = datetime(2026, 11, 21, 10, 30, tzinfo=UTC).timestamp()
    limits = {"grace_s": 300, "max_uptime_s": 86_400}
    assert "expired" in switch.decide(tags, now_s=now_s, uptime_s=1800, **limits)
    assert switch.decide({switch.STARTED: written}, now_s=now_s, uptime_s=1800, **limits) == ""


def test_it_runs_on_the_python_of_an_older_image(box):
    """Amazon Linux 2023 has 3.9 and Ubuntu 22.04 has 3.10: neither knows datetime.UTC."""
    older = (
        "import datetime, runpy, sys; del datetime.UTC; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
    box.started(ago_s=590)
    box.lease("one", ends_in_s=-400)
    box.python = [sys.executable, "-c", older]
    assert "expired" in box.tick()
    assert box.shut_down.exists()
