"""Active-learning scores: how much a frame's predictions ask for a label.

High is what a labeller should see: an unsure model, or many objects. Formulas as Lightly
publishes them, with its defaults.

References:
    https://docs.lightly.ai/docs/active-learning-scorers; `lightly.active_learning.scorers` of
    lightly-ai/lightly (MIT). Settles, Active Learning Literature Survey, 2009, section 3.1.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pipeline_project.core.metadata.lightly_predictions import (
    CLASSIFICATION,
    Prediction,
    TaskSchema,
)

# Of one frame; None where there is no file with predictions of it.
Predicted = tuple[Prediction, ...] | None

_REPEATED = 0.25  # how much a further object of a class counts, beside 1 of the first
_LOWEST = 0.9  # score of the frame with the fewest objects; the one with the most has 1


def least_confidence(probabilities: Sequence[float]) -> float:
    """How unlikely the likeliest class is: 0 for certainty, 1 where all are equally likely.

    (1 - max p) / (1 - 1/k) for k classes.
    """
    count = len(probabilities)
    return (1 - max(probabilities)) / (1 - 1 / count) if count > 1 else 0.0


def margin(probabilities: Sequence[float]) -> float:
    """How close the two likeliest classes are, 1 - (first - second): 0 apart, 1 equal."""
    first, second = (sorted(probabilities, reverse=True) + [0.0])[:2]
    return 1 - (first - second)


def entropy(probabilities: Sequence[float]) -> float:
    """Entropy of the classes by its largest value, -sum p log p / log k: 0 to 1."""
    given = np.asarray(probabilities, np.float64)
    likely = given[given > 0]
    return float(-(likely * np.log(likely)).sum() / np.log(len(given))) if len(given) > 1 else 0.0


_UNCERTAINTIES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "uncertainty_least_confidence": least_confidence,
    "uncertainty_margin": margin,
    "uncertainty_entropy": entropy,
}
_OF_OBJECTS = ("object_frequency", "objectness_least_confidence")


def score_names(schema: TaskSchema) -> tuple[str, ...]:
    """The scores that a task has."""
    return tuple(_UNCERTAINTIES) + (() if schema.kind == CLASSIFICATION else _OF_OBJECTS)


def score(name: str, frames: Sequence[Predicted]) -> npt.NDArray[np.float64]:
    """Score frames by what was predicted of them.

    Args:
        name: one of `score_names`.
        frames: n frames' predictions.

    Returns:
        shape (n,), 0 to 1; NaN where a frame has no predictions, or none with what is needed. A
        frame in which a detector found nothing has uncertainty and objectness 0.
    """
    if name == "object_frequency":
        return _object_frequency(frames)
    if name == "objectness_least_confidence":
        return np.asarray([_objectness(each) for each in frames], np.float64)
    return np.asarray([_uncertainty(_UNCERTAINTIES[name], each) for each in frames], np.float64)


def class_counts(schema: TaskSchema, frames: Sequence[Predicted]) -> npt.NDArray[np.float64]:
    """How many of each class were predicted in each frame: shape (n, classes)."""
    counts = np.zeros((len(frames), len(schema.classes)))
    for row, each in enumerate(frames):
        for prediction in each or ():
            counts[row, prediction.place] += 1
    return counts


def _object_frequency(frames: Sequence[Predicted]) -> npt.NDArray[np.float64]:
    """Many objects, of many classes, scaled from the fewest to the most of all frames."""
    counted = np.full(len(frames), np.nan)
    for row, each in enumerate(frames):
        if each is not None:
            classes = Counter(prediction.place for prediction in each)
            counted[row] = sum(1 + _REPEATED * (count - 1) for count in classes.values())
    if np.isnan(counted).all():
        return counted
    low, high = np.nanmin(counted), np.nanmax(counted)
    if high == low:
        return np.where(np.isnan(counted), np.nan, 1.0)
    return np.asarray(_LOWEST + (1 - _LOWEST) * (counted - low) / (high - low), np.float64)


def _objectness(predicted: Predicted) -> float:
    if predicted is None:
        return float("nan")
    scores = [each.score for each in predicted if each.score is not None]
    if not scores:
        return float("nan") if predicted else 0.0
    return 1 - sum(scores) / len(scores)


def _uncertainty(of: Callable[[Sequence[float]], float], predicted: Predicted) -> float:
    """The most uncertain prediction of the frame."""
    if predicted is None:
        return float("nan")
    known = [of(each.probabilities) for each in predicted if each.probabilities is not None]
    if not known:
        return float("nan") if predicted else 0.0
    return max(known)
