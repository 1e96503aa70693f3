"""The naive Bayes rule: a Gaussian per label and feature."""

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
from pipeline_project.core.records import Classification, Label
from pipeline_project.errors import ConfigError

MODEL = "gaussian naive bayes"


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
        return classifications(self.labels, self._probabilities(values))

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


def from_parameters(parameters: Mapping[str, Any]) -> GaussianNaiveBayes:
    """Make a classifier of the parameters as they stand in a JSON file.

    Raises:
        ConfigError: labels, shapes or values do not make a classifier.
    """
    try:
        made = GaussianNaiveBayes(
            name=str(parameters["name"]),
            version=str(parameters["version"]),
            features=read_features(parameters["features"]),
            labels=tuple(parameters["labels"]),
            means=rows(parameters["means"]),
            variances=rows(parameters["variances"]),
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


def _check(made: GaussianNaiveBayes) -> None:
    shape = (len(made.labels), len(made.features))
    problems = feature_problems(made.features, made.labels)
    for name, matrix in (("means", made.means), ("variances", made.variances)):
        if (len(matrix), *{len(row) for row in matrix}) != shape or not np.isfinite(matrix).all():
            problems.append(f"{name} are not {shape[0]} rows of {shape[1]} finite numbers")
    if any(value <= 0 for row in made.variances for value in row):
        problems.append("a variance is not above 0")
    if len(made.priors) != shape[0] or min(made.priors) <= 0 or abs(sum(made.priors) - 1) > 1e-9:
        problems.append(f"priors {made.priors} are not {shape[0]} probabilities that sum to 1")
    if problems:
        raise ConfigError(
            f"Checking classifier {made.name!r}: {'; '.join(problems)}. "
            "Restore the file it was read from."
        )
