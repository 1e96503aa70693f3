import numpy as np
import pytest

from pipeline_project.core.metadata.lightly_predictions import Prediction, TaskSchema
from pipeline_project.core.metadata.scores import class_counts, score, score_names

CLASSES = TaskSchema("weather", "classification", (0, 1, 2, 3), ("a", "b", "c", "d"))
OBJECTS = TaskSchema("cars", "object-detection", (0, 1), ("car", "bus"))


def of(*probabilities):
    return (Prediction(0, None, probabilities),)


@pytest.mark.parametrize("name", score_names(CLASSES))
def test_uncertainty_is_0_for_certainty_and_1_where_all_classes_are_equal(name):
    found = score(name, [of(1, 0, 0, 0), of(0.25, 0.25, 0.25, 0.25), of(0.7, 0.1, 0.1, 0.1), None])
    assert found[:2] == pytest.approx([0, 1]) and 0 < found[2] < 1 and np.isnan(found[3])


def test_uncertainties_of_a_known_case():
    probabilities = of(0.5, 0.3, 0.2, 0.0)
    expected = {
        "uncertainty_least_confidence": 0.5 / 0.75,
        "uncertainty_margin": 0.8,
        "uncertainty_entropy": (
            -(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2)) / np.log(4)
        ),
    }
    assert {name: score(name, [probabilities])[0] for name in expected} == pytest.approx(expected)


def test_the_most_uncertain_object_speaks_for_a_frame():
    sure, unsure = Prediction(0, 0.9, (1.0, 0.0)), Prediction(1, 0.9, (0.5, 0.5))
    assert score("uncertainty_margin", [(sure, unsure), (sure,), ()]).tolist() == [1, 0, 0]


def test_without_probabilities_uncertainty_is_missing():
    assert np.isnan(score("uncertainty_entropy", [(Prediction(0, 0.9, None),)])).all()


def test_object_frequency_prefers_many_objects_of_many_classes():
    car, bus = Prediction(0, 0.5, None), Prediction(1, 0.5, None)
    found = score("object_frequency", [(car,), (car, car, car), (car, bus), (), None])
    assert found[:4] == pytest.approx([0.95, 0.975, 1.0, 0.9]) and np.isnan(found[4])


def test_object_frequency_of_frames_that_are_all_alike_is_1():
    car = Prediction(0, 0.5, None)
    assert score("object_frequency", [(car,), (car,)]).tolist() == [1, 1]
    assert np.isnan(score("object_frequency", [None])).all()


def test_objectness_is_1_less_the_mean_confidence():
    low, high = Prediction(0, 0.2, None), Prediction(1, 0.8, None)
    found = score("objectness_least_confidence", [(low, high), (low,), (), None])
    assert found[:3] == pytest.approx([0.5, 0.8, 0]) and np.isnan(found[3])


def test_scores_of_objects_are_those_of_detectors_alone():
    assert "object_frequency" in score_names(OBJECTS)
    assert "object_frequency" not in score_names(CLASSES)


def test_classes_are_counted_per_frame():
    car, bus = Prediction(0, 0.5, None), Prediction(1, 0.5, None)
    counts = class_counts(OBJECTS, [(car, car, bus), (), None])
    assert counts.tolist() == [[2, 1], [0, 0], [0, 0]]
