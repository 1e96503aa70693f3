"""A small network: standardised features, one layer of tanh units, softmax.

Several networks that were fitted apart and whose scores are averaged are one network with all
their units, so an ensemble costs no more than two small matrix products. Calibration is folded
into the last layer.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_project.core.hashing import canonical_json
from pipeline_project.core.quality.classifier_features import (
    Feature,
    classifications,
    feature_problems,
    feature_values,
    read_features,
    rows,
)
from pipeline_project.core.quality.registry import MEASURES, QUALITY_VERSION
from pipeline_project.core.records import Classification, Label
from pipeline_project.errors import ConfigError

MODEL = "network"

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Scores are `tanh(values @ inner + inner_bias) @ outer + outer_bias`.

    Feature values beyond the training data are taken as its ends.

    Attributes:
        name: as in `quality.classifier`, or as it was trained.
        version: of the parameters.
        features: n of them.
        labels: m of them, in the order of the columns of `outer`.
        middle: n means that are taken from the values first.
        spread: n standard deviations that they are divided by then, above 0.
        inner: n rows of units.
        inner_bias: one number per unit.
        outer: units rows of m.
        outer_bias: m numbers.
        sha256: hash of all parameters; part of the key of every label.
    """

    name: str
    version: str
    features: tuple[Feature, ...]
    labels: tuple[Label, ...]
    middle: Matrix
    spread: Matrix
    inner: Matrix
    inner_bias: Matrix
    outer: Matrix
    outer_bias: Matrix
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
        return classifications(self.labels, self.probabilities(values))

    def probabilities(self, values: Matrix) -> Matrix:
        """Probability of each label, shape (frames, labels), for features (frames, features)."""
        units = np.tanh((values - self.middle) / self.spread @ self.inner + self.inner_bias)
        scores = units @ self.outer + self.outer_bias
        # Relative to the best label, so that no exponential overflows.
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float64)


def from_parameters(parameters: Mapping[str, Any]) -> Network:
    """Make a network of the parameters as they stand in a JSON file.

    Raises:
        ConfigError: labels, shapes or values do not make a network, or it was fitted to measures
            as another version takes them.
    """
    try:
        arrays = {
            name: np.array(parameters[name], np.float64)
            for name in ("middle", "spread", "inner_bias", "outer_bias")
        }
        made = Network(
            name=str(parameters["name"]),
            version=str(parameters["version"]),
            features=read_features(parameters["features"]),
            labels=tuple(parameters["labels"]),
            inner=np.array(rows(parameters["inner"])),
            outer=np.array(rows(parameters["outer"])),
            **arrays,
            sha256=hashlib.sha256(canonical_json(dict(parameters)).encode("ascii")).hexdigest(),
        )
        measured_as = str(parameters["quality_version"])
    except (KeyError, TypeError, ValueError) as cause:
        raise ConfigError(
            f"Reading classifier parameters: seen {type(cause).__name__} {cause}. Expected what "
            "`pipeline train` writes; train it again."
        ) from cause
    _check(made, measured_as)
    return made


def _check(made: Network, measured_as: str) -> None:
    if measured_as != QUALITY_VERSION:
        raise ConfigError(
            f"Checking classifier {made.name!r}: it was fitted to quality measures of version "
            f"{measured_as}, and these are of version {QUALITY_VERSION}. "
            "Train it again with `pipeline train`."
        )
    problems = feature_problems(made.features, made.labels)
    inputs, units, outputs = len(made.features), made.inner_bias.size, len(made.labels)
    shapes = {
        "middle": (made.middle, (inputs,)),
        "spread": (made.spread, (inputs,)),
        "inner": (made.inner, (inputs, units)),
        "inner_bias": (made.inner_bias, (units,)),
        "outer": (made.outer, (units, outputs)),
        "outer_bias": (made.outer_bias, (outputs,)),
    }
    for name, (matrix, shape) in shapes.items():
        if matrix.shape != shape or not np.isfinite(matrix).all():
            problems.append(f"{name} is not {shape} finite numbers")
    if (made.spread <= 0).any():
        problems.append("a spread is not above 0")
    unknown = [each.measure for each in made.features if each.measure not in MEASURES]
    if unknown:
        problems.append(f"there is no measure {', '.join(unknown)}")
    if problems:
        raise ConfigError(
            f"Checking classifier {made.name!r}: {'; '.join(problems)}. "
            "Restore the file it was read from, or train it again with `pipeline train`."
        )
