"""How good a classifier is, from true labels and the probabilities it gave: numbers, no opinion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline_project.core.records import LABELS, Label

Floats = npt.NDArray[np.float64]
BINS = 15


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """How well one label is told from the others.

    Attributes:
        count: frames that truly have it.
        precision: share of those given it that truly have it; 1 where none is given it.
        recall: share of those that truly have it that are given it; 1 where none has it.
        auc: probability that a frame that has it gets a higher probability of it than one that
            has not; 0.5 where there is nothing to compare.
    """

    count: int
    precision: float
    recall: float
    auc: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Frames whose label is about equally sure.

    Attributes:
        count: of them.
        promised: mean probability of the given label.
        kept: share of them whose given label is true.
    """

    count: int
    promised: float
    kept: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one classifier on one set.

    Attributes:
        count: of frames.
        accuracy: share of frames whose most probable label is true.
        labels: figures of each label.
        confusion: rows true, columns given, in the order of `LABELS`.
        calibration_error: expected calibration error over `bins`: mean of |promised - kept|,
            weighted by count; 0 is perfect.
        bins: 15 of equal count, from least to most sure.
    """

    count: int
    accuracy: float
    labels: dict[Label, LabelFigures]
    confusion: npt.NDArray[np.int64]
    calibration_error: float
    bins: list[Bin]


def evaluate(true: Sequence[str], probabilities: Floats) -> Evaluation:
    """Compare true labels with probabilities, shape (frames, 3), columns in order of `LABELS`.

    References:
        Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
        binning", AAAI 2015 (expected calibration error); equal-count bins as Nixon et al.,
        "Measuring calibration in deep learning", CVPR workshops 2019.
    """
    index = np.array([LABELS.index(label) for label in true], int)
    given = probabilities.argmax(axis=1)
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(confusion, (index, given), 1)
    bins = _bins(probabilities.max(axis=1), given == index)
    figures: dict[Label, LabelFigures] = {}
    for column, label in enumerate(LABELS):
        hits = int(confusion[column, column])
        named, having = int(confusion[:, column].sum()), int(confusion[column].sum())
        figures[label] = LabelFigures(
            count=having,
            precision=hits / named if named else 1.0,
            recall=hits / having if having else 1.0,
            auc=area_under_curve(index == column, probabilities[:, column]),
        )
    total = max(1, len(index))
    return Evaluation(
        count=len(index),
        accuracy=float(np.trace(confusion)) / total,
        labels=figures,
        confusion=confusion,
        calibration_error=sum(each.count * abs(each.promised - each.kept) for each in bins) / total,
        bins=bins,
    )


def area_under_curve(positive: npt.NDArray[np.bool_], score: Floats) -> float:
    """Area under the ROC curve, ties counted half; 0.5 where one side is empty."""
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return 0.5
    _, place, many = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(many) - (many - 1) / 2)[place]
    return float((rank[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def recall_at_precision(positive: npt.NDArray[np.bool_], score: Floats, precision: float) -> float:
    """Most that any threshold finds while at least `precision` of what it finds is true.

    Higher is better; 0 where no threshold reaches it. Frames of equal score go together.
    """
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    last = np.append(np.diff(score[order]) != 0, True)
    reached = last & (hits >= precision * np.arange(1, len(order) + 1))
    return float(hits[reached].max(initial=0) / max(1, int(positive.sum())))


def roc_points(positive: npt.NDArray[np.bool_], score: Floats) -> list[tuple[float, float]]:
    """False and true positive rate at every threshold, from (0, 0) to (1, 1)."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    misses = np.cumsum(~positive[order])
    # Equal scores cannot be told apart by any threshold.
    last = np.append(np.diff(score[order]) != 0, True)
    true_rate = hits[last] / max(1, int(hits[-1]))
    false_rate = misses[last] / max(1, int(misses[-1]))
    return [(0.0, 0.0), *zip(false_rate.tolist(), true_rate.tolist(), strict=True)]


def _bins(sure: Floats, right: npt.NDArray[np.bool_]) -> list[Bin]:
    order = np.argsort(sure, kind="stable")
    return [
        Bin(len(part), float(sure[part].mean()), float(right[part].mean()))
        for part in np.array_split(order, BINS)
        if len(part)
    ]
