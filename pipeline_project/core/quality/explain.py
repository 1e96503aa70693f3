"""Why a picture got its label: what each measure added to the odds of it.

Odds are those of the label against the runner-up, in natural logarithms: +2.3 is ten times as
likely, -2.3 a tenth. They are the sum of a start, which no measure of this picture has a part in,
and of one contribution per feature.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.classifier import Classifier
from pipeline_project.core.quality.classifier_bayes import GaussianNaiveBayes
from pipeline_project.core.quality.classifier_features import feature_values
from pipeline_project.core.quality.classifier_network import Network
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project.core.records import Classification, Label
from pipeline_project.errors import ConfigError

Floats = npt.NDArray[np.float64]
Kind = Literal["detail", "moiré", "light and noise"]

EXACT = "exact: the model is a sum over its features"
ALONG_A_LINE = "integrated gradients from the mean of the training pictures"
# Below it a unit of the network hardly moves, and its curve is as good as straight.
_STRAIGHT = 1e-6


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one measure added.

    Attributes:
        measure: its name.
        value: as measured.
        usual: what it is compared with, in the same unit: the mean of the training pictures (the
            geometric one where the logarithm is the feature); for naive Bayes the middle between
            the means of the two labels.
        log_odds: for the label where above 0, for the runner-up where below.
    """

    measure: str
    value: float
    usual: float
    log_odds: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a label and not the runner-up.

    Attributes:
        label: the most probable one.
        against: the second most probable one.
        log_odds: of `label` against `against`: `start` and all contributions together.
        start: before any measure is looked at.
        contributions: one per feature; those that speak for the label first, largest first, and
            those that speak most against it last.
        method: how the contributions were found, in words.
    """

    label: Label
    against: Label
    log_odds: float
    start: float
    contributions: tuple[Contribution, ...]
    method: str

    def together(self) -> dict[Kind, float]:
        """Log-odds of all measures of one kind, which is steadier than those of each alone."""
        sums: dict[Kind, float] = dict.fromkeys(get_args(Kind), 0.0)
        for each in self.contributions:
            sums[kind_of(each.measure)] += each.log_odds
        return sums


def kind_of(measure: str) -> Kind:
    """Say what a measure is about."""
    higher_is = MEASURES[measure].higher_is
    if higher_is == "sharper":
        return "detail"
    return "moiré" if higher_is == "moiré" else "light and noise"


def explain(judge: Classifier, measures: Mapping[str, float]) -> Explanation:
    """Share the log-odds of the label against the runner-up out among the measures.

    Naive Bayes is a sum over its features, so its shares are exact. For the network each unit's
    way from the training mean to this picture is shared out among the features in proportion to
    their part in the unit's input. That is the integral of the gradient along the straight line
    between the two, in closed form, and the shares add up exactly as well. A measure that goes
    with others (Laplacians at several scales) may then speak against them: they are weighed
    against one another, not each alone.

    Args:
        judge: naive Bayes or a network.
        measures: name to value; at least those of the judge's features.

    Raises:
        ConfigError: the judge is of another kind.
        KeyError: a measure is missing.

    References:
        Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", ICML 2017.
    """
    values = feature_values(judge.features, [measures])[0]
    label, against = _first_two(judge.classify(measures))
    if isinstance(judge, GaussianNaiveBayes):
        start, shares, usual = _by_densities(judge, values, label, against)
        method = EXACT
    elif isinstance(judge, Network):
        start, shares, usual = _along_a_line(judge, values, label, against)
        method = ALONG_A_LINE
    else:
        raise ConfigError(
            f"Explaining a label of classifier {judge.name!r}: it is a {type(judge).__name__}; "
            "naive Bayes and networks can be explained. Name one of those by quality.classifier."
        )
    found = [
        Contribution(
            feature.measure,
            float(measures[feature.measure]),
            float(np.exp(middle) if feature.scale == "log" else middle),
            float(share),
        )
        for feature, middle, share in zip(judge.features, usual, shares, strict=True)
    ]
    found.sort(key=lambda each: -each.log_odds)
    return Explanation(label, against, start + float(shares.sum()), start, tuple(found), method)


def as_stored(explanation: Explanation) -> dict[str, Any]:
    """Give an explanation as it stands in JSON."""
    return {
        "label": explanation.label,
        "against": explanation.against,
        "log_odds": explanation.log_odds,
        "start": explanation.start,
        "method": explanation.method,
        "together": explanation.together(),
        "contributions": [
            {
                "measure": each.measure,
                "value": each.value,
                "usual": each.usual,
                "log_odds": each.log_odds,
            }
            for each in explanation.contributions
        ],
    }


def _first_two(verdict: Classification) -> tuple[Label, Label]:
    likely: dict[Label, float] = {
        "sharp": verdict.p_sharp,
        "blur": verdict.p_blur,
        "moire": verdict.p_moire,
    }
    del likely[verdict.label]
    return verdict.label, max(likely, key=lambda name: likely[name])


def _by_densities(
    judge: GaussianNaiveBayes, values: Floats, label: Label, against: Label
) -> tuple[float, Floats, Floats]:
    means, variances = np.array(judge.means), np.array(judge.variances)
    one, other = judge.labels.index(label), judge.labels.index(against)
    densities = -0.5 * (np.log(variances) + (values - means) ** 2 / variances)
    start = float(np.log(judge.priors[one] / judge.priors[other]))
    return start, densities[one] - densities[other], (means[one] + means[other]) / 2


def _along_a_line(
    judge: Network, values: Floats, label: Label, against: Label
) -> tuple[float, Floats, Floats]:
    one, other = judge.labels.index(label), judge.labels.index(against)
    weights = judge.outer[:, one] - judge.outer[:, other]
    parts = ((values - judge.middle) / judge.spread)[:, None] * judge.inner
    way = parts.sum(axis=0)
    at_mean = np.tanh(judge.inner_bias)
    straight = np.abs(way) < _STRAIGHT
    slope = np.where(
        straight,
        1 - at_mean**2,
        (np.tanh(way + judge.inner_bias) - at_mean) / np.where(straight, 1.0, way),
    )
    start = float(at_mean @ weights + judge.outer_bias[one] - judge.outer_bias[other])
    return start, np.asarray(parts @ (slope * weights), np.float64), judge.middle
