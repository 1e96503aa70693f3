"""Fitting finds what is there, splits by scene, and its parameters are a classifier."""

import json

import numpy as np
import pytest

from pipeline_project.core.quality.classifier import classifier, from_parameters
from pipeline_project.core.quality.classifier_features import Feature
from pipeline_project.core.quality.evaluation import evaluate
from pipeline_project.core.quality.registry import MEASURES, QUALITY_VERSION
from pipeline_project.core.quality.training import FEATURES, Labelled, cross_validate, fit
from pipeline_project.core.records import LABELS
from pipeline_project.errors import ConfigError

TWO = (
    Feature("laplacian_variance", "log", -np.inf, np.inf),
    Feature("spectral_peak_max", "linear", -np.inf, np.inf),
)
CENTRES = {"sharp": (6, 2), "blur": (2, 2), "moire": (7, 6)}


def invented(scenes: int = 6, each: int = 5, spread: float = 1.0) -> list[Labelled]:
    rng = np.random.default_rng(3)
    return [
        Labelled(
            {
                "laplacian_variance": float(np.exp(CENTRES[label][0] + spread * rng.normal())),
                "spectral_peak_max": CENTRES[label][1] + spread * rng.normal(),
            },
            label,
            f"scene {scene}",
        )
        for scene in range(scenes)
        for label in LABELS
        for _ in range(each)
    ]


@pytest.fixture(scope="module")
def parameters():
    return fit(invented(), "mine", TWO)


def test_fit_is_a_classifier_that_knows_the_centres(parameters):
    model = from_parameters(json.loads(json.dumps(parameters)))
    for label, (log_variance, peak) in CENTRES.items():
        measures = {"laplacian_variance": np.exp(log_variance), "spectral_peak_max": peak}
        found = model.classify(measures)
        assert found.label == label
        assert found.p_sharp + found.p_blur + found.p_moire == pytest.approx(1)
    assert model.name == "mine"


def test_fitting_again_gives_the_same_parameters(parameters):
    assert fit(invented(), "mine", TWO) == parameters


def test_nothing_is_fitted_to_frames_that_are_only_judged(parameters):
    odd = Labelled({"laplacian_variance": 1.0, "spectral_peak_max": 9.0}, "sharp", "odd", False)
    assert fit([*invented(), *[odd] * 20], "mine", TWO) == parameters


def test_values_beyond_the_training_data_count_as_its_ends(parameters):
    model = from_parameters(parameters)
    far, farther = (
        model.classify({"laplacian_variance": value, "spectral_peak_max": 2.0})
        for value in (1e20, 1e200)
    )
    assert far == farther


def test_cross_validation_is_calibrated_on_overlapping_labels():
    found = invented(scenes=12, each=8, spread=1.6)
    figures = evaluate([each.label for each in found], cross_validate(found, TWO))
    assert 0.6 < figures.accuracy < 0.95
    assert figures.calibration_error < 0.12


def test_cross_validation_never_fits_to_the_scene_it_judges():
    found = invented(scenes=8, each=4, spread=0.1)
    # A scene of its own whose measures say moiré and whose label says blur.
    odd = [
        Labelled({"laplacian_variance": 1e8, "spectral_peak_max": 30.0 + place}, "blur", "odd")
        for place in range(12)
    ]
    given = cross_validate([*found, *odd], TWO)[-12:]
    assert (given.argmax(axis=1) == LABELS.index("moire")).all()


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"quality_version": "0"}, "measures of version 0"),
        ({"spread": [1.0, 0.0]}, "spread is not above 0"),
        ({"inner": [[1.0]]}, "inner is not"),
        ({"outer_bias": [0.0, 0.0, float("nan")]}, "outer_bias is not"),
        ({"labels": ["sharp", "blur", "dark"]}, "labels"),
        ({"features": [{"measure": "charm", "scale": "log", "low": 0, "high": 1}] * 2}, "charm"),
        ({"middle": "none"}, "ValueError"),
        ({"model": "oracle"}, "'oracle'"),
    ],
)
def test_parameters_that_make_no_network_are_refused_with_the_reason(parameters, change, seen):
    with pytest.raises(ConfigError, match=seen):
        from_parameters({**parameters, **change})


def test_the_default_is_of_these_measures_and_needs_no_colour():
    model = classifier("default")
    assert [each.measure for each in model.features] == [each.measure for each in FEATURES]
    assert not any(MEASURES[each.measure].colour for each in model.features)
    assert QUALITY_VERSION


def test_the_default_labels_many_as_one_by_one():
    model = classifier("default")
    rng = np.random.default_rng(2)
    frames = [
        {each.measure: float(rng.uniform(0.1, 50)) for each in model.features} for _ in range(20)
    ]
    for one, many in zip(map(model.classify, frames), model.classify_many(frames), strict=True):
        assert one.label == many.label
        assert one.p_blur == pytest.approx(many.p_blur, abs=1e-12)
