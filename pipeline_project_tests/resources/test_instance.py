"""One run's hold on an instance."""

import logging

import pytest

from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.instances.local import LocalInstance
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import PermanentError, RemoteTimedOut, TransientError
from pipeline_project.resources.instance import RunInstance
from pipeline_project_tests.contracts.instances import MovableClock, holders


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def local(tmp_path, clock):
    return LocalInstance(
        LocalObjectStore(tmp_path / "store"), LocalCommands(tmp_path / "commands"), clock
    )


def hold(instances, clock):
    return RunInstance(
        instances, "run-1", 60.0, logging.getLogger("test"), lambda: clock().timestamp()
    )


def test_entering_and_leaving_without_a_start_touches_nothing(local, clock, tmp_path):
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    held = hold(local, clock)
    held.let_go()
    held.let_go()
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before


def test_leaving_releases_what_was_started_and_leaving_again_changes_nothing(local, clock):
    held = hold(local, clock)
    held.start()
    assert holders(local) == ["run-1"]
    held.let_go()
    assert holders(local) == []
    held.let_go()


def test_a_second_entry_does_not_release_the_lease_of_the_first(local, clock):
    held = hold(local, clock)
    held.start()
    hold(local, clock).let_go()
    assert holders(local) == ["run-1"]


def test_a_start_that_was_interrupted_is_let_go_all_the_same(local, clock):
    class Interrupted(LocalInstance):
        def start(self, run_id, *, lease_s):
            super().start(run_id, lease_s=lease_s)
            raise KeyboardInterrupt

    local.__class__ = Interrupted
    held = hold(local, clock)
    with pytest.raises(KeyboardInterrupt):
        held.start()
    held.let_go()
    assert holders(local) == []


def test_keeping_renews_the_lease_before_it_ends(local, clock):
    held = hold(local, clock)
    held.start()
    for _ in range(20):
        clock.pass_s(10)
        held.keep()
    assert holders(local) == ["run-1"]


def test_a_lease_that_somebody_dropped_ends_the_wait(local, clock):
    held = hold(local, clock)
    held.start()
    local.stop()
    clock.pass_s(30)
    with pytest.raises(PermanentError, match="Somebody stopped the instance"):
        held.keep()


def test_passing_trouble_is_borne_as_long_as_the_lease_lasts(local, clock):
    class Unreachable(LocalInstance):
        def renew(self, run_id, *, lease_s):
            raise TransientError("no route")

    local.__class__ = Unreachable
    held = hold(local, clock)
    held.start()
    clock.pass_s(30)
    held.keep()
    clock.pass_s(31)
    with pytest.raises(TransientError):
        held.keep()


def test_a_cost_limit_that_cannot_be_kept_is_a_problem_before_the_start(local, clock):
    class Unpriced(LocalInstance):
        instance_id = "i-0123456789abcdef0"

    local.__class__ = Unpriced
    held = RunInstance(local, "run-1", 60.0, logging.getLogger("test"), max_cost_usd=5.0)
    (problem,) = held.check()
    assert "aws.max_cost_usd, $5" in problem and "aws.usd_per_hour" in problem


def test_every_phase_gets_the_same_deadline(local, clock):
    held = hold(local, clock)
    first = held.deadline(100)
    clock.pass_s(40)
    assert held.deadline(100) is first
    assert held.deadline(100).remaining_s == pytest.approx(60)


def test_whoever_reaches_the_deadline_while_the_instance_starts_is_told_why_it_is_there(
    local, clock
):
    class NeverReady(LocalInstance):
        def wait_ready(self, *, timeout_s, keep=lambda: None):
            raise RemoteTimedOut(f"becoming ready did not end within {timeout_s:g} s")

    local.__class__ = NeverReady
    held = hold(local, clock)
    deadline = held.deadline(100)
    with pytest.raises(RemoteTimedOut) as early:
        held.wait_ready(deadline)
    assert "max_runtime" not in str(early.value)  # its own limit, not the run's
    clock.pass_s(101)
    with pytest.raises(RemoteTimedOut, match="limits.max_runtime_s; what is done is kept"):
        held.wait_ready(deadline)
