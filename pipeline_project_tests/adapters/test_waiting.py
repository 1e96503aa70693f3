"""The wait loop, on a clock that moves only by its own sleeps."""

import pytest

from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import RemoteFailed, RemoteTimedOut


class Clock:
    def __init__(self):
        self.now = 100.0
        self.sleeps = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


def wait(clock, statuses, deadline, **more):
    states = iter(statuses)
    return wait_until(
        lambda: next(states),
        success=lambda status: status == "done",
        failure=lambda status: status == "broken",
        deadline=deadline,
        interval_s=2.0,
        what="the kettle",
        sleep=clock.sleep,
        **more,
    )


def test_success_ends_the_wait_with_its_status():
    clock = Clock()
    assert wait(clock, ["a", "b", "done"], Deadline(60, clock)) == "done"
    assert clock.sleeps == [2.0, 2.0]


def test_failure_ends_the_wait_at_once_and_names_the_status():
    clock = Clock()
    with pytest.raises(RemoteFailed, match="the kettle failed: broken"):
        wait(clock, ["a", "broken", "done"], Deadline(60, clock))


def test_the_deadline_ends_the_wait_and_the_last_status_is_named():
    clock = Clock()
    with pytest.raises(RemoteTimedOut, match=r"within 5 s; last status: warm"):
        wait(clock, ["cold", "warm", "warm", "warm", "warm"], Deadline(5, clock))
    assert sum(clock.sleeps) == 5


def test_a_success_in_the_last_moment_counts():
    clock = Clock()
    assert wait(clock, ["a", "a", "done"], Deadline(3, clock)) == "done"


def test_phases_that_share_a_deadline_do_not_get_it_twice():
    clock = Clock()
    deadline = Deadline(10, clock)
    wait(clock, ["a", "a", "a", "done"], deadline)
    assert deadline.remaining_s == 4
    with pytest.raises(RemoteTimedOut):
        wait(clock, ["a"] * 9, deadline)
    assert clock.now == 110
    assert deadline.passed


def test_each_change_is_told_once():
    clock = Clock()
    seen = []
    wait(clock, ["a", "a", "b", "b", "done"], Deadline(60, clock), on_change=seen.append)
    assert seen == ["a", "b", "done"]


def test_trouble_while_polling_is_not_hidden():
    def poll():
        raise OSError("no route")

    with pytest.raises(OSError, match="no route"):
        wait_until(
            poll,
            success=bool,
            failure=bool,
            deadline=Deadline(60),
            interval_s=1,
            what="x",
        )
