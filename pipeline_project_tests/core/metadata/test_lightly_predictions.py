import json

import pytest

from pipeline_project.core.metadata.lightly_predictions import (
    Prediction,
    parse_predictions,
    parse_task_schema,
    parse_tasks,
)
from pipeline_project.errors import ConfigError

CATEGORIES = [{"id": 5, "name": "rain"}, {"id": 2, "name": "sun"}]


def schema(kind="classification", categories=CATEGORIES):
    given = {"task_type": kind, "categories": categories}
    return parse_task_schema(json.dumps(given).encode(), "schema.json", "weather")


def predictions(*each, kind="classification"):
    given = {"file_name": "a.png", "predictions": list(each)}
    return parse_predictions(json.dumps(given).encode(), "a.json", schema(kind))


def test_classes_are_in_the_order_of_their_ids():
    assert schema().classes == ("sun", "rain")
    [found] = predictions({"category_id": 5, "probabilities": [0.2, 0.8]})
    assert found == Prediction(1, None, (0.2, 0.8))


def test_objects_have_scores_and_need_no_probabilities():
    found = predictions(
        {"category_id": 2, "bbox": [0, 0, 3, 4], "score": 0.5},
        {"category_id": 5, "bbox": [0, 0, 1, 1], "score": 1, "probabilities": [0.9, 0.9]},
        kind="object-detection",
    )
    assert found == (
        Prediction(0, 0.5, None, (0, 0, 3, 4)),
        Prediction(1, 1.0, (0.9, 0.9), (0, 0, 1, 1)),
    )


@pytest.mark.parametrize(
    ("prediction", "said"),
    [
        ({"category_id": 5, "bbox": [0, 0, 1]}, "bbox [0, 0, 1] is no box"),
        ({"category_id": 5, "bbox": [0, 0, 1, True]}, "is no box"),
        ({"category_id": 5, "probabilities": [1.0]}, "2 probabilities are needed"),
        ({"category_id": 5, "probabilities": [0.2, 0.2]}, "must sum to 1; they sum to 0.4"),
        ({"category_id": 5, "probabilities": [1.2, -0.2]}, "numbers from 0 to 1"),
        ({"category_id": 3}, "category_id 3 is not in the task's schema.json; it has 2, 5"),
        ({}, "category_id null"),
        ({"category_id": 5, "score": "high"}, 'score "high" is no number'),
    ],
)
def test_a_wrong_prediction_is_refused_by_its_number(prediction, said):
    with pytest.raises(ConfigError, match=r"a\.json, prediction 1") as error:
        predictions(prediction)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("kind", "categories", "said"),
    [
        ("captions", CATEGORIES, "allowed: classification, object-detection"),
        ("classification", [], "categories must be a list"),
        ("classification", [{"id": "2", "name": "sun"}], "whole number as id"),
        ("classification", [*CATEGORIES, {"id": 2, "name": "snow"}], "is there twice"),
    ],
)
def test_a_malformed_schema_is_refused(kind, categories, said):
    with pytest.raises(ConfigError, match=r"schema\.json") as error:
        schema(kind, categories)
    assert said in str(error.value)


@pytest.mark.parametrize("data", [b'{"weather": 1}', b"[1]", b"weather"])
def test_a_malformed_list_of_tasks_is_refused(data):
    with pytest.raises(ConfigError, match=r"tasks\.json"):
        parse_tasks(data, "tasks.json")


def test_tasks_are_named_in_a_list():
    assert parse_tasks(b'["weather", "cars"]', "tasks.json") == ["weather", "cars"]
