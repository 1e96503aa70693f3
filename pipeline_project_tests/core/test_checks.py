import pytest

from pipeline_project.core.checks import moire_drift, no_nulls, reject_share, rows_agree


@pytest.mark.parametrize(
    ("rejected", "listed", "passed"), [(0, 0, True), (10, 100, True), (11, 100, False)]
)
def test_a_larger_share_of_rejects_than_the_limit_is_told(rejected, listed, passed):
    verdict = reject_share(rejected, listed, 0.1)
    assert verdict.passed is passed
    assert f"{rejected} of {listed}" in verdict.summary


@pytest.mark.parametrize(
    ("now", "before", "passed"),
    [
        ((10, 100), (10, 100), True),
        ((40, 100), (10, 100), False),
        ((0, 100), (30, 100), False),
        ((40, 49), (10, 100), True),  # too few now
        ((40, 100), (0, 0), True),  # nothing before
    ],
)
def test_moire_that_comes_or_goes_at_once_is_told(now, before, passed):
    assert moire_drift(now, before, limit=0.15, min_frames=50).passed is passed


def test_measures_without_values_are_named():
    verdict = no_nulls({"entropy": 0, "contrast": 3}, rows=10, of=20)
    assert not verdict.passed
    assert "contrast: 3" in verdict.summary
    assert "entropy" not in verdict.summary
    assert no_nulls({"entropy": 0}, rows=10, of=20).passed


def test_a_table_with_fewer_or_more_rows_than_recorded_is_told():
    assert rows_agree({"scores": 5, "labels": 5}, {"scores": 5, "labels": 5}).passed
    assert not rows_agree({"scores": 5, "labels": 5}, {"scores": 5, "labels": 4}).passed
    assert not rows_agree({"scores": 5}, {"scores": 6}).passed
