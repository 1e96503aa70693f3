"""The numbers that a classifier looks at, made of measures; and what its answer looks like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from pipeline_project.core.records import LABELS, Classification, Label

Scale = Literal["log", "linear"]
# Where a variance becomes this small (grey levels squared) the image is as good as constant.
LOG_FLOOR = 0.01


@dataclass(frozen=True, slots=True)
class Feature:
    """One number that the classifier looks at.

    Attributes:
        measure: name of the measure it is made of.
        scale: `log` takes the natural logarithm of the measure, `linear` takes it as it is.
        low: smaller values are taken as this one, which ends the training data.
        high: larger values are taken as this one.
    """

    measure: str
    scale: Scale
    low: float
    high: float


def feature_values(
    features: Sequence[Feature], frames: Sequence[Mapping[str, float]]
) -> npt.NDArray[np.float64]:
    """Turn measures into features, shape (frames, features), each within its low and high."""
    values = np.array([[frame[feature.measure] for feature in features] for frame in frames])
    logs = [feature.scale == "log" for feature in features]
    values[:, logs] = np.log(np.maximum(values[:, logs], LOG_FLOOR))
    low = [feature.low for feature in features]
    high = [feature.high for feature in features]
    return np.asarray(np.clip(values, low, high), np.float64)


def classifications(
    labels: Sequence[Label], probabilities: npt.NDArray[np.float64]
) -> list[Classification]:
    """Turn probabilities, shape (frames, labels), into answers; ties go to the first of LABELS."""
    found: list[Classification] = []
    for row in probabilities.tolist():
        by_label = dict(zip(labels, row, strict=True))
        found.append(
            Classification(
                label=max(LABELS, key=by_label.__getitem__),
                p_sharp=by_label["sharp"],
                p_blur=by_label["blur"],
                p_moire=by_label["moire"],
            )
        )
    return found


def rows(stored: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    """Read a matrix as it stands in a JSON file."""
    return tuple(tuple(float(value) for value in row) for row in stored)


def read_features(stored: Sequence[Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Read features as they stand in a JSON file."""
    return tuple(Feature(**feature) for feature in stored)


def feature_problems(features: Sequence[Feature], labels: Sequence[str]) -> list[str]:
    """Say what is wrong with labels and features; nothing if all is well."""
    problems = []
    if sorted(labels) != sorted(LABELS):
        problems.append(f"labels are {labels}, not {LABELS}")
    if any(feature.scale not in get_args(Scale) for feature in features):
        problems.append(f"a feature's scale is not one of {get_args(Scale)}")
    return problems
