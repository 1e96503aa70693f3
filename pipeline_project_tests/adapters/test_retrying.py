"""Trying again: how often, how long, and when not."""

import pytest

from pipeline_project.adapters.retrying import Again, retried
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import ConfigError, TransientError


class Clock:
    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def go(clock, answers, deadline_s=1000.0, **more):
    left = list(answers)

    def attempt():
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return retried(attempt, deadline=Deadline(deadline_s, clock), sleep=clock.sleep, **more), left


def again(wait_s=None):
    return Again(TransientError("in trouble"), wait_s)


def test_a_value_comes_without_a_wait():
    clock = Clock()
    assert go(clock, ["value"])[0] == "value"
    assert clock.slept == []


def test_the_waits_grow_until_a_value_comes():
    clock = Clock()
    assert go(clock, [again(), again(), again(), "value"])[0] == "value"
    assert [0.5, 1.0, 2.0] <= clock.slept <= [1.0, 2.0, 4.0]
    assert clock.slept == sorted(clock.slept)


def test_a_server_that_says_how_long_is_waited_for_that_long():
    clock = Clock()
    go(clock, [again(7.0), "value"])
    assert clock.slept == [7.0]


def test_a_server_that_asks_for_too_long_is_not_waited_for():
    clock = Clock()
    with pytest.raises(TransientError, match="in trouble"):
        go(clock, [again(61.0), "value"])
    assert clock.slept == []


def test_no_wait_reaches_past_the_deadline():
    clock = Clock()
    with pytest.raises(TransientError, match="in trouble"):
        go(clock, [again(20.0), "value"], deadline_s=10.0)
    assert clock.slept == []


def test_the_last_try_tells_its_own_error():
    clock = Clock()
    with pytest.raises(TransientError, match="in trouble"):
        go(clock, [again()] * 3, tries=3)
    assert len(clock.slept) == 2


def test_what_cannot_pass_is_not_tried_again():
    clock = Clock()
    with pytest.raises(ConfigError, match="wrong key"):
        go(clock, [again(), ConfigError("wrong key"), "value"])
    assert len(clock.slept) == 1
