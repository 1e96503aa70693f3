"""Figures of a classifier, against numbers worked out by hand."""

import numpy as np
import pytest

from pipeline_project.core.quality.evaluation import (
    BINS,
    area_under_curve,
    evaluate,
    recall_at_precision,
    roc_points,
)

TRUE = ["sharp", "sharp", "blur", "moire"]
GIVEN = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.9, 0.0], [0.3, 0.1, 0.6]])


def test_figures_of_four_frames_are_those_worked_by_hand():
    found = evaluate(TRUE, GIVEN)
    assert found.accuracy == 0.75
    assert found.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert (found.labels["blur"].precision, found.labels["blur"].recall) == (0.5, 1.0)
    assert (found.labels["sharp"].precision, found.labels["sharp"].recall) == (1.0, 0.5)
    # Sharp: 0.8 and 0.2 against 0.1 and 0.3; three of four pairs are in order.
    assert found.labels["sharp"].auc == 0.75
    # Each frame is a bin of its own: |0.6-1| |0.7-0| |0.8-1| |0.9-1|, over 4.
    assert found.calibration_error == pytest.approx((0.4 + 0.7 + 0.2 + 0.1) / 4)


def test_kept_promises_have_no_calibration_error_and_broken_ones_their_size():
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.4, 1, 30_000)
    right = rng.random(30_000) < sure
    rest = (1 - sure) / 2
    shares = np.stack([sure, rest, rest], axis=1)
    true = np.where(right, "sharp", "blur").tolist()
    assert evaluate(true, shares).calibration_error < 0.01
    assert len(evaluate(true, shares).bins) == BINS
    assert {each.count for each in evaluate(true, shares).bins} == {2000}
    bragging = np.tile([0.98, 0.01, 0.01], (30_000, 1))
    expected = 0.98 - right.mean()
    assert evaluate(true, bragging).calibration_error == pytest.approx(expected, abs=0.01)


def test_area_counts_ties_half_and_is_a_half_where_there_is_nothing_to_compare():
    yes = np.array([True, False, True, False])
    assert area_under_curve(yes, np.array([1.0, 1.0, 1.0, 1.0])) == 0.5
    assert area_under_curve(yes, np.array([0.9, 0.1, 0.5, 0.5])) == 0.875
    assert area_under_curve(np.array([True]), np.array([0.3])) == 0.5


def test_roc_starts_at_nothing_ends_at_all_and_has_one_point_per_threshold():
    points = roc_points(np.array([True, False, True]), np.array([0.9, 0.5, 0.5]))
    assert points == [(0.0, 0.0), (0.0, 0.5), (1.0, 1.0)]


def test_a_label_that_nobody_has_does_not_break_the_figures():
    found = evaluate(["sharp"], np.array([[1.0, 0.0, 0.0]]))
    assert found.labels["moire"].count == 0
    assert found.labels["moire"].auc == 0.5


def test_recall_at_a_precision_is_the_most_that_any_threshold_gives():
    true = np.array([True, True, False, True, False, True])
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    assert recall_at_precision(true, score, 1.0) == 0.5
    assert recall_at_precision(true, score, 0.75) == 0.75
    assert recall_at_precision(true, score, 0.6) == 1
    assert recall_at_precision(~true, score, 0.9) == 0


def test_recall_at_a_precision_takes_equal_scores_together():
    true = np.array([True, False, True])
    assert recall_at_precision(true, np.array([0.8, 0.8, 0.1]), 0.9) == 0
