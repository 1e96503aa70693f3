"""From measures to a label: sharp, blur or moire.

What every classifier is and how its parameters become one. The rules themselves are in
`classifier_bayes.py` and `classifier_network.py`; how the parameters were found is in
`making/talk_classifier.py` and `making/quality_classifier.py`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Protocol

from pipeline_project.core.quality import classifier_bayes, classifier_network
from pipeline_project.core.quality.classifier_features import Feature
from pipeline_project.core.records import Classification
from pipeline_project.errors import ConfigError

# Raise it when the code gives other probabilities for the same measures and parameters. The
# parameters have a hash of their own.
CLASSIFIER_VERSION = "1"

BUILT_IN = ("default", "talk")


class Classifier(Protocol):
    """Gives labels with probabilities to measured frames."""

    @property
    def name(self) -> str:
        """As in `quality.classifier`, or as it was trained."""
        ...

    @property
    def features(self) -> tuple[Feature, ...]:
        """What it looks at; it needs no other measures."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of all parameters; part of the key of every label."""
        ...

    def classify(self, measures: Mapping[str, float]) -> Classification:
        """Label one frame by its measures; the three probabilities sum to 1.

        Raises:
            KeyError: a measure that a feature is made of is missing.
        """
        ...

    def classify_many(self, frames: Sequence[Mapping[str, float]]) -> list[Classification]:
        """Label many frames by their measures, in their order; see `classify`."""
        ...


_MODELS: Mapping[str, Callable[[Mapping[str, Any]], Classifier]] = {
    classifier_bayes.MODEL: classifier_bayes.from_parameters,
    classifier_network.MODEL: classifier_network.from_parameters,
}


def from_parameters(parameters: Mapping[str, Any]) -> Classifier:
    """Make a classifier of the parameters as they stand in a JSON file.

    Raises:
        ConfigError: model, labels, shapes or values do not make a classifier, or it was fitted to
            measures as another version takes them.
    """
    model = parameters.get("model", classifier_bayes.MODEL)
    if model not in _MODELS:
        raise ConfigError(
            f"Reading classifier parameters: the model is {model!r}; known are "
            f"{', '.join(_MODELS)}. Train it again with `pipeline train`."
        )
    return _MODELS[model](parameters)


@cache
def classifier(name: str) -> Classifier:
    """Return the built-in classifier of this name, one of `BUILT_IN`.

    Raises:
        ConfigError: there is no such classifier.
    """
    if name not in BUILT_IN:
        raise ConfigError(
            f"Loading quality classifier {name!r}: it does not exist. "
            f"Use {' or '.join(map(repr, BUILT_IN))}, or the path of a trained model."
        )
    file = resources.files("pipeline_project.core.quality").joinpath(f"{name}.json")
    return from_parameters(json.loads(file.read_text("utf-8")))
