"""Fitting a classifier to labelled measures, and what it does on scenes it was not fitted to.

The model is the mean of some small networks (see `classifier_network.py`), each from another
start. Its probabilities are calibrated on scenes that were left out of the fit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.classifier_features import Feature, feature_values
from pipeline_project.core.quality.classifier_network import MODEL, Network, from_parameters
from pipeline_project.core.quality.registry import QUALITY_VERSION
from pipeline_project.core.records import LABELS, Label

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

VERSION = "1"
SEED = 20260101
FOLDS = 5
MEMBERS = 4
UNITS = 12
WEIGHT_DECAY = 6.0
MOST_STEPS = 250
# Feature values beyond these quantiles of the training data are taken as them.
TAIL = 0.001
# Enough to tell models apart, few enough to read; also where the file stays small.
DIGITS = 5

# None needs the Laplacian of all native pixels: it takes a sixth of the time of decoding them, for
# two more right in a thousand.
_LOG = "half_laplacian_variance tile_laplacian_variance contrast".split()
_LINEAR = (
    "spectral_peak_max spectral_peak_mean radial_residual spectral_slope "
    "spectral_band_2 spectral_band_3 spectral_band_4 spectral_band_5 spectral_band_6 "
    "spectral_anisotropy spectral_anisotropy_3 spectral_anisotropy_4 spectral_anisotropy_5 "
    "spectral_alignment spectral_direction_spread spectral_weakest_direction "
    "tile_band_3_max tile_band_4_max tile_band_5_max tile_band_5_min tile_floor tile_curvature "
    "spectral_peak_upper spectral_peak_second spectral_peak_broad spectral_peak_half "
    "spectral_excess_max spectral_excess_median radial_residual_median"
).split()
FEATURES = (
    *(Feature(name, "log", -np.inf, np.inf) for name in _LOG),
    *(Feature(name, "linear", -np.inf, np.inf) for name in _LINEAR),
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One measured frame whose label is known.

    Attributes:
        measures: name to value; at least those of the features.
        label: the true one.
        scene: frames with the same one are never on both sides of a split.
        fitted: whether anything is fitted to it; a frame that is not is only judged.
    """

    measures: Mapping[str, float]
    label: Label
    scene: str
    fitted: bool = True


def fit(
    found: Sequence[Labelled], name: str, features: Sequence[Feature] = FEATURES
) -> dict[str, Any]:
    """Return the parameters of a calibrated network, as they are stored.

    The same frames in the same order give the same parameters on the same machine.

    Args:
        found: frames of all three labels and of two scenes or more.
        name: of the classifier.
        features: what it looks at; their limits are set here.
    """
    found = [each for each in found if each.fitted]
    values = feature_values(features, [each.measures for each in found])
    low, high = (np.quantile(values, share, axis=0) for share in (TAIL, 1 - TAIL))
    limited = tuple(
        replace(feature, low=_rounded(least), high=_rounded(most))
        for feature, least, most in zip(features, low, high, strict=True)
    )
    values = feature_values(limited, [each.measures for each in found])
    labels, scenes = _indices(found)
    parameters = _fit_network(values, labels)
    held_out = _held_out_scores(values, labels, scenes)
    return {
        "name": name,
        "model": MODEL,
        "version": VERSION,
        "quality_version": QUALITY_VERSION,
        "features": [asdict(feature) for feature in limited],
        "labels": list(LABELS),
        **_stored(_calibrated(parameters, held_out, labels)),
    }


def cross_validate(
    found: Sequence[Labelled], features: Sequence[Feature] = FEATURES, folds: int = FOLDS
) -> Floats:
    """Return probabilities, shape (frames, 3), each by a model that never saw the frame's scene.

    Calibration too is fitted without it. Columns are in the order of `LABELS`.
    """
    probabilities = np.zeros((len(found), len(LABELS)))
    labels, scenes = _indices(found)
    for train, test in _splits(labels, scenes, folds):
        model: Network = from_parameters(fit([found[place] for place in train], "fold", features))
        values = feature_values(model.features, [found[place].measures for place in test])
        probabilities[test] = model.probabilities(values)
    return probabilities


def _indices(found: Sequence[Labelled]) -> tuple[Ints, Ints]:
    names = sorted({each.scene for each in found})
    number = {scene: place for place, scene in enumerate(names)}
    labels = np.array([LABELS.index(each.label) for each in found], np.int64)
    return labels, np.array([number[each.scene] for each in found], np.int64)


def _splits(labels: Ints, scenes: Ints, folds: int) -> list[tuple[Ints, Ints]]:
    """Train and test places of each fold; labels are spread as evenly as whole scenes allow."""
    from sklearn.model_selection import StratifiedGroupKFold

    folds = min(folds, len(np.unique(scenes)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=SEED)
    return [
        (train, test)
        for train, test in splitter.split(labels, labels, scenes)
        if len(test) and len(np.unique(labels[train])) == len(LABELS)
    ]


def _fit_network(values: Floats, labels: Ints) -> dict[str, Floats]:
    """Fit the members and put them side by side into one network."""
    from sklearn.neural_network import MLPClassifier

    middle, spread = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    standard = (values - middle) / spread
    members = []
    for number in range(MEMBERS):
        member = MLPClassifier(
            (UNITS,),
            activation="tanh",
            solver="lbfgs",
            alpha=WEIGHT_DECAY,
            max_iter=MOST_STEPS,
            max_fun=10 * MOST_STEPS,
            random_state=SEED + number,
        )
        members.append(_quietly_fitted(member, standard, labels))
    return {
        "middle": middle,
        "spread": spread,
        "inner": np.hstack([member.coefs_[0] for member in members]),
        "inner_bias": np.hstack([member.intercepts_[0] for member in members]),
        "outer": np.vstack([member.coefs_[1] for member in members]) / MEMBERS,
        "outer_bias": np.mean([member.intercepts_[1] for member in members], axis=0),
    }


def _quietly_fitted(member: Any, standard: Floats, labels: Ints) -> Any:
    """Fit; ending at the last step allowed is early stopping, not a fault."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # Products this small take longer shared among threads, and sums then differ in their order.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return member.fit(standard, labels)


def _scores(parameters: Mapping[str, Floats], values: Floats) -> Floats:
    standard = (values - parameters["middle"]) / parameters["spread"]
    units = np.tanh(standard @ parameters["inner"] + parameters["inner_bias"])
    return np.asarray(units @ parameters["outer"] + parameters["outer_bias"], np.float64)


def _held_out_scores(values: Floats, labels: Ints, scenes: Ints) -> Floats:
    """Scores of each frame by a network that never saw its scene; NaN where no fold allows it."""
    scores = np.full((len(values), len(LABELS)), np.nan)
    for train, test in _splits(labels, scenes, FOLDS):
        scores[test] = _scores(_fit_network(values[train], labels[train]), values[test])
    return scores


def _calibrated(parameters: dict[str, Floats], held_out: Floats, labels: Ints) -> dict[str, Floats]:
    """Fold a temperature and a shift per label into the last layer, by likelihood on `held_out`.

    References:
        Guo et al., "On calibration of modern neural networks", ICML 2017 (temperature scaling).
    """
    from scipy.optimize import minimize

    known = np.isfinite(held_out).all(axis=1)
    scores, truth = held_out[known], labels[known]
    if not len(scores):
        return parameters

    def surprise(point: Floats) -> float:
        moved = scores * np.exp(point[0]) + np.array([0.0, point[1], point[2]])
        moved -= moved.max(axis=1, keepdims=True)
        chosen = moved[np.arange(len(truth)), truth]
        # A little pull to no change, which small sets need.
        return float((np.log(np.exp(moved).sum(axis=1)) - chosen).sum() + 0.5 * point @ point)

    best = minimize(surprise, np.zeros(3), method="L-BFGS-B", bounds=[(-3, 1.5), (-3, 3), (-3, 3)])
    factor, shift = np.exp(best.x[0]), np.array([0.0, best.x[1], best.x[2]])
    return {
        **parameters,
        "outer": parameters["outer"] * factor,
        "outer_bias": parameters["outer_bias"] * factor + shift,
    }


def _stored(parameters: Mapping[str, Floats]) -> dict[str, Any]:
    # One rounding hides the last digits, in which machines differ.
    return {name: np.round(values, DIGITS).tolist() for name, values in parameters.items()}


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)
