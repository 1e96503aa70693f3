"""From measures to a label: sharp, blur or moire.

Only the naive Bayes rule and the reading of its parameters. How the parameters were found is in
`making/talk_classifier.py`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from pipeline_project.core.hashing import canonical_json
from pipeline_project.core.records import LABELS, Classification, Label
from pipeline_project.errors import ConfigError

# Raise it when the code gives other probabilities for the same measures and parameters. The
# parameters have a hash of their own.
CLASSIFIER_VERSION = "1"

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


@dataclass(frozen=True, slots=True)
class GaussianNaiveBayes:
    """A Gaussian per label and feature, features taken as independent.

    Feature values beyond the training data are taken as its ends, so that a black frame, far
    below every Gaussian, does not go to the label that happens to be the widest.

    Attributes:
        name: as in `quality.classifier`.
        version: of the parameters.
        features: n of them.
        labels: m of them, in the order of the rows below.
        means: m rows of n.
        variances: m rows of n, above 0.
        priors: m probabilities that sum to 1.
        sha256: hash of all parameters; part of the key of every label.
    """

    name: str
    version: str
    features: tuple[Feature, ...]
    labels: tuple[Label, ...]
    means: tuple[tuple[float, ...], ...]
    variances: tuple[tuple[float, ...], ...]
    priors: tuple[float, ...]
    sha256: str

    def classify(self, measures: Mapping[str, float]) -> Classification:
        """Label one frame by its measures; the three probabilities sum to 1.

        Raises:
            KeyError: a measure that a feature is made of is missing.
        """
        return self.classify_many([measures])[0]

    def classify_many(self, frames: Sequence[Mapping[str, float]]) -> list[Classification]:
        """Label many frames by their measures, in their order; see `classify`."""
        if not frames:
            return []
        values = feature_values(self.features, frames)
        probabilities = self._probabilities(values)
        found: list[Classification] = []
        for row in probabilities:
            by_label = dict(zip(self.labels, row.tolist(), strict=True))
            found.append(
                Classification(
                    label=max(LABELS, key=by_label.__getitem__),
                    p_sharp=by_label["sharp"],
                    p_blur=by_label["blur"],
                    p_moire=by_label["moire"],
                )
            )
        return found

    def _probabilities(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Posterior of each label, shape (frames, labels), for features (frames, features)."""
        means, variances = np.array(self.means), np.array(self.variances)
        away = values[:, None, :] - means
        log_joint = np.log(self.priors) - 0.5 * np.sum(
            np.log(2 * np.pi * variances) + away**2 / variances, axis=2
        )
        # Relative to the best label, so that no exponential underflows for all of them.
        joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
        return np.asarray(joint / joint.sum(axis=1, keepdims=True), np.float64)


def feature_values(
    features: Sequence[Feature], frames: Sequence[Mapping[str, float]]
) -> npt.NDArray[np.float64]:
    """Turn measures into features, shape (frames, features), each within its low and high."""
    values = np.array([[frame[feature.measure] for feature in features] for frame in frames])
    for column, feature in enumerate(features):
        if feature.scale == "log":
            values[:, column] = np.log(np.maximum(values[:, column], LOG_FLOOR))
    low = [feature.low for feature in features]
    high = [feature.high for feature in features]
    return np.asarray(np.clip(values, low, high), np.float64)


def from_parameters(parameters: Mapping[str, Any]) -> GaussianNaiveBayes:
    """Make a classifier of the parameters as they stand in a JSON file.

    Raises:
        ConfigError: labels, shapes or values do not make a classifier.
    """
    try:
        made = GaussianNaiveBayes(
            name=str(parameters["name"]),
            version=str(parameters["version"]),
            features=tuple(Feature(**feature) for feature in parameters["features"]),
            labels=tuple(parameters["labels"]),
            means=_rows(parameters["means"]),
            variances=_rows(parameters["variances"]),
            priors=tuple(float(prior) for prior in parameters["priors"]),
            sha256=hashlib.sha256(canonical_json(dict(parameters)).encode("ascii")).hexdigest(),
        )
    except (KeyError, TypeError, ValueError) as cause:
        raise ConfigError(
            f"Reading classifier parameters: seen {type(cause).__name__} {cause}. Expected name, "
            "version, features, labels, means, variances and priors, as in talk.json."
        ) from cause
    _check(made)
    return made


@cache
def classifier(name: str) -> GaussianNaiveBayes:
    """Return the built-in classifier of this name; there is one, `talk`.

    Raises:
        ConfigError: there is no such classifier.
    """
    file = resources.files("pipeline_project.core.quality").joinpath(f"{name}.json")
    if name != "talk":
        raise ConfigError(f"Loading quality classifier {name!r}: it does not exist. Use 'talk'.")
    return from_parameters(json.loads(file.read_text("utf-8")))


def _rows(rows: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in rows)


def _check(made: GaussianNaiveBayes) -> None:
    shape = (len(made.labels), len(made.features))
    problems = []
    if sorted(made.labels) != sorted(LABELS):
        problems.append(f"labels are {made.labels}, not {LABELS}")
    for name, rows in (("means", made.means), ("variances", made.variances)):
        if (len(rows), *{len(row) for row in rows}) != shape or not np.isfinite(rows).all():
            problems.append(f"{name} are not {shape[0]} rows of {shape[1]} finite numbers")
    if any(value <= 0 for row in made.variances for value in row):
        problems.append("a variance is not above 0")
    if len(made.priors) != shape[0] or min(made.priors) <= 0 or abs(sum(made.priors) - 1) > 1e-9:
        problems.append(f"priors {made.priors} are not {shape[0]} probabilities that sum to 1")
    if any(feature.scale not in get_args(Scale) for feature in made.features):
        problems.append(f"a feature's scale is not one of {get_args(Scale)}")
    if problems:
        raise ConfigError(
            f"Checking classifier {made.name!r}: {'; '.join(problems)}. "
            "Restore the file it was read from."
        )
