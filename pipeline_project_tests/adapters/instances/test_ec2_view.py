"""What one look at an instance tells beside its state."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipeline_project.adapters.instances.ec2_view import Seen, ahead_s


def seen(date: str) -> Seen:
    return Seen("stopped", "g4dn.xlarge", None, {}, "profile", ahead_s(date))


@pytest.mark.parametrize(("by_s", "words"), [(-600, "s ahead of AWS's"), (600, "s behind AWS's")])
def test_a_clock_that_is_far_from_aws_s_is_a_problem_before_the_start(by_s, words):
    answered = format_datetime(datetime.now(UTC) + timedelta(seconds=by_s), usegmt=True)
    [problem] = seen(answered).clock_problems
    assert words in problem and "Set the clock right" in problem


@pytest.mark.parametrize("by_s", [-60, 0, 60])
def test_a_clock_that_is_about_right_is_none(by_s):
    answered = format_datetime(datetime.now(UTC) + timedelta(seconds=by_s), usegmt=True)
    assert seen(answered).clock_problems == []


@pytest.mark.parametrize("date", ["", "soon", "Sat, 21 Nov 2026 12:00:00 -0000"])
def test_an_answer_without_a_usable_date_says_nothing_about_the_clock(date):
    assert seen(date).clock_problems == []
