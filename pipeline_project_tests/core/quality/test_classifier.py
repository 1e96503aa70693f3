"""From measures to a label."""

import copy
import json
import math
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from pipeline_project.core.quality.classifier import (
    CLASSIFIER_VERSION,
    classifier,
    from_parameters,
)
from pipeline_project.core.quality.registry import measure_frame
from pipeline_project.errors import ConfigError
from pipeline_project_tests.core.quality.pictures import blurred, textured


@pytest.fixture
def parameters():
    text = resources.files("pipeline_project.core.quality").joinpath("talk.json").read_text()
    return json.loads(text)


SIMPLE = {
    "name": "simple",
    "version": "1",
    "features": [{"measure": "laplacian_variance", "scale": "log", "low": -4, "high": 12}],
    "labels": ["sharp", "blur", "moire"],
    "means": [[6], [2], [9]],
    "variances": [[1], [1], [1]],
    "priors": [0.25, 0.5, 0.25],
}


def total(found):
    return found.p_sharp + found.p_blur + found.p_moire


@pytest.mark.parametrize("log_variance", [-50, -4, 0, 2, 4, 6, 9, 12, 700])
def test_probabilities_sum_to_one_and_the_label_is_the_likeliest(log_variance):
    found = from_parameters(SIMPLE).classify({"laplacian_variance": math.exp(log_variance)})
    assert total(found) == pytest.approx(1, abs=1e-12)
    by_label = {"sharp": found.p_sharp, "blur": found.p_blur, "moire": found.p_moire}
    assert by_label[found.label] == max(by_label.values())


def test_posterior_is_bayes_rule_worked_by_hand():
    found = from_parameters(SIMPLE).classify({"laplacian_variance": math.exp(3.0)})
    joint = [0.25 * math.exp(-(3**2) / 2), 0.5 * math.exp(-1 / 2), 0.25 * math.exp(-(6**2) / 2)]
    assert found.p_sharp == pytest.approx(joint[0] / sum(joint))
    assert found.p_blur == pytest.approx(joint[1] / sum(joint))
    assert found.p_moire == pytest.approx(joint[2] / sum(joint))


def test_values_beyond_the_training_data_count_as_its_ends():
    model = from_parameters(SIMPLE)
    assert model.classify({"laplacian_variance": 0.0}) == model.classify(
        {"laplacian_variance": 1e-9}
    )
    assert model.classify({"laplacian_variance": 1e300}) == model.classify(
        {"laplacian_variance": math.exp(12)}
    )


def test_order_of_labels_in_the_file_does_not_matter():
    turned = copy.deepcopy(SIMPLE)
    for key in ("labels", "means", "variances", "priors"):
        turned[key].reverse()
    measures = {"laplacian_variance": 40.0}
    one, other = from_parameters(SIMPLE), from_parameters(turned)
    assert one.classify(measures).p_blur == pytest.approx(other.classify(measures).p_blur)
    assert one.sha256 != other.sha256


def test_many_are_labelled_as_one_by_one():
    model = classifier("talk")
    frames = [measure_frame(blurred(textured(), sigma)) for sigma in (0.5, 1, 2, 4)]
    assert model.classify_many(frames) == [model.classify(frame) for frame in frames]
    assert model.classify_many([]) == []


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_frame_is_blur(level):
    found = classifier("talk").classify(measure_frame(np.full((36, 64, 3), level, np.uint8)))
    assert found.label == "blur"
    assert found.p_blur > 0.99
    assert total(found) == pytest.approx(1)


def test_blurring_raises_the_probability_of_blur():
    model = classifier("talk")
    chances = [
        model.classify(measure_frame(blurred(textured(), sigma))).p_blur for sigma in (0.5, 1, 2, 4)
    ]
    assert chances == sorted(chances)
    assert chances[0] < 0.1 < 0.9 < chances[-1]


def test_known_measures_have_known_probabilities_for_this_version(parameters):
    """Golden numbers of the formula, on parameters written here: see CLASSIFIER_VERSION."""
    assert CLASSIFIER_VERSION == "1"
    written = {
        **parameters,
        "features": [
            {"measure": "laplacian_variance", "scale": "log", "low": 0, "high": 10},
            {"measure": "sobel_variance", "scale": "log", "low": 2, "high": 10},
            {"measure": "fft_high_frequency", "scale": "linear", "low": 0, "high": 60},
        ],
        "means": [[6.2, 8.6, 30], [2.3, 6.2, 10], [7.9, 8.2, 40]],
        "variances": [[2, 1, 130], [1.2, 1.2, 34], [0.7, 0.3, 47]],
    }
    found = from_parameters(written).classify(
        {"laplacian_variance": 1500.0, "sobel_variance": 5000.0, "fft_high_frequency": 33.0}
    )
    assert (found.p_sharp, found.p_blur, found.p_moire) == pytest.approx(GOLDEN, abs=1e-9)


# Worked out apart from the code, with statistics.NormalDist.
GOLDEN = (0.25950339492585933, 1.0708989765648e-09, 0.7404966040032418)


def test_talk_looks_at_the_three_measures_with_equal_priors():
    model = classifier("talk")
    assert [feature.measure for feature in model.features] == [
        "laplacian_variance",
        "sobel_variance",
        "fft_high_frequency",
    ]
    assert model.priors == pytest.approx([1 / 3] * 3)
    assert model.name == "talk"
    assert classifier("talk") is model


def test_hash_changes_with_any_parameter_and_with_nothing_else(parameters):
    same = dict(reversed(parameters.items()))
    assert from_parameters(same).sha256 == classifier("talk").sha256
    other = copy.deepcopy(parameters)
    other["means"][0][0] += 1e-4
    assert from_parameters(other).sha256 != classifier("talk").sha256
    assert len(classifier("talk").sha256) == 64


def test_a_classifier_that_does_not_exist_is_named_in_the_error():
    with pytest.raises(ConfigError, match=r"'\.\./talk'.*Use 'default' or 'talk'"):
        classifier("../talk")


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"labels": ["sharp", "blur", "dark"]}, "labels"),
        ({"means": [[6], [2]]}, "means"),
        ({"means": [[6], [2], [float("nan")]]}, "means"),
        ({"variances": [[1], [1], [0]]}, "variance is not above 0"),
        ({"priors": [0.5, 0.5, 0.5]}, "priors"),
        ({"priors": []}, "priors"),
        ({"features": [{**SIMPLE["features"][0], "scale": "root"}]}, "scale"),
        ({"features": [{"measure": "laplacian_variance"}]}, "TypeError"),
        ({"means": "none"}, "ValueError"),
    ],
)
def test_parameters_that_make_no_classifier_are_refused_with_the_reason(change, seen):
    with pytest.raises(ConfigError, match=seen):
        from_parameters({**SIMPLE, **change})


def test_a_missing_measure_is_an_error_and_not_a_guess():
    with pytest.raises(KeyError, match="laplacian_variance"):
        from_parameters(SIMPLE).classify({"sobel_variance": 1.0})


def test_priors_weigh():
    model = from_parameters(SIMPLE)
    equal = replace(model, priors=(1 / 3, 1 / 3, 1 / 3))
    measures = {"laplacian_variance": math.exp(4)}
    assert model.classify(measures).p_blur > equal.classify(measures).p_blur
