"""What Lightly documents, and customers write, is taken unchanged or refused with a good reason.

After the pages of https://docs.lightly.ai/docs: examples-and-use-cases, selection-input,
selection-strategies, crop-selection, auto-tasks, lightly-pretagging; and public configurations.
"""

import numpy as np
import pytest

from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.core.selection.engine import run_selection
from pipeline_project.core.selection.pool import ObjectEmbeddings, Predictions, SelectionPool
from pipeline_project.errors import ConfigError

EMBEDDINGS = {"type": "EMBEDDINGS"}
DIVERSITY = {"input": EMBEDDINGS, "strategy": {"type": "DIVERSITY"}}
PREDICTED = {"type": "PREDICTIONS", "task": "my_task"}
OBJECTS = {"input": {**EMBEDDINGS, "task": "my_task"}, "strategy": {"type": "DIVERSITY"}}
SCORED = {"type": "SCORES", "task": "my_task", "score": "uncertainty_entropy"}
WEATHER = {"type": "METADATA", "key": "weather.description"}
SHARPNESS = {"type": "METADATA", "key": "lightly.sharpness"}


def rule(source, kind, **more):
    return {"input": source, "strategy": {"type": kind, **more}}


ACCEPTED = {
    "visual diversity": [DIVERSITY],
    "diversity with a minimum distance and a strength": [
        rule(EMBEDDINGS, "DIVERSITY", stopping_condition_minimum_distance=0.2, strength=0.6)
    ],
    "typical pictures": [DIVERSITY, rule(EMBEDDINGS, "TYPICALITY")],
    "typicality with its own numbers": [
        rule(EMBEDDINGS, "TYPICALITY", num_nearest_neighbors=10),
        rule(EMBEDDINGS, "TYPICALITY", stopping_condition_minimum_typicality=0.1),
    ],
    "active learning": [rule(SCORED, "WEIGHTS")],
    "diversity and active learning": [DIVERSITY, rule(SCORED, "WEIGHTS", strength=2)],
    "metadata above a threshold": [
        rule(SHARPNESS, "THRESHOLD", threshold=20, operation="BIGGER")
    ],
    "a score above a threshold": [
        rule(
            {**SCORED, "score": "object_frequency"},
            "THRESHOLD", threshold=0.5, operation="BIGGER_EQUAL",
        )
    ],
    "objects balanced": [
        rule(
            {**PREDICTED, "name": "CLASS_DISTRIBUTION"},
            "BALANCE", target={"car": 0.1, "bus": 0.4},
        )
    ],
    "metadata balanced": [rule(WEATHER, "BALANCE", target={"sunny": 0.2, "cloudy": 0.4})],
    "metadata balanced evenly": [rule(WEATHER, "BALANCE", distribution="UNIFORM")],
    "metadata balanced as the input is": [rule(WEATHER, "BALANCE", distribution="INPUT")],
    "many objects of a category": [
        rule({**PREDICTED, "name": "CATEGORY_COUNT", "categories": ["car"]}, "WEIGHTS")
    ],
    "objects counted and bounded": [
        rule(
            {**PREDICTED, "name": "CATEGORY_COUNT"},
            "THRESHOLD", threshold=1, operation="BIGGER_EQUAL",
        )
    ],
    "a labelling budget": [
        rule(
            {**PREDICTED, "name": "CATEGORY_COUNT"}, "WEIGHTS", stopping_condition_max_sum=5
        )
    ],
    "a range of objects": [
        rule(
            {**PREDICTED, "name": "CATEGORY_COUNT"},
            "WEIGHTS", target_range={"min_sum": 2, "max_sum": 9},
        )
    ],
    "random": [rule({"type": "RANDOM", "random_seed": 42}, "WEIGHTS")],
    "similar to a tag": [
        rule(
            {**EMBEDDINGS, "dataset_id": "0" * 24, "tag_name": "initial-tag"}, "SIMILARITY"
        )
    ],
    "away from a tag": [
        DIVERSITY,
        rule(
            {**EMBEDDINGS, "dataset_id": "0" * 24, "tag_name": "initial-tag"},
            "SIMILARITY", strength=-2,
        ),
    ],
    "diverse objects": [OBJECTS],
    "typical objects": [OBJECTS, rule({**EMBEDDINGS, "task": "my_task"}, "TYPICALITY")],
    # After the tutorials "Active Learning for Sports Applications" and others like it.
    "objects diverse, balanced, frequent and unsure": [
        OBJECTS,
        rule({**PREDICTED, "name": "CLASS_DISTRIBUTION"}, "BALANCE", target={"car": 0.5}),
        rule({**SCORED, "score": "object_frequency"}, "WEIGHTS"),
        rule({**SCORED, "score": "uncertainty_entropy"}, "WEIGHTS"),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def pool():
    """Everything that the examples look at, of twelve frames."""
    chance = np.random.default_rng(0)
    return SelectionPool(
        embeddings=chance.normal(size=(12, 8)),
        metadata={
            "weather.description": np.asarray(["sunny", "cloudy", "rainy"] * 4, object),
            "lightly.sharpness": np.arange(12.0) * 5,
        },
        scores={
            "my_task": {
                "uncertainty_entropy": chance.random(12),
                "object_frequency": np.linspace(0, 1, 12),
            }
        },
        predictions={"my_task": Predictions(("bus", "car"), counts=chance.integers(0, 3, (12, 2)))},
        objects={
            "my_task": ObjectEmbeddings(chance.normal(size=(20, 8)), np.arange(20) % 12),
            "tiles": ObjectEmbeddings(chance.normal(size=(24, 8)), np.arange(24) // 2),
        },
        queries={"initial-tag": chance.normal(size=(2, 8))},
    )


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_documented_example_is_taken_unchanged_and_selects(pool, name):
    raw = {"n_samples": 3, "strategies": ACCEPTED[name]}
    picked = run_selection(pool, parse_selection_config(raw)).indices.tolist()
    assert 1 <= len(set(picked)) == len(picked) <= 3


@pytest.mark.parametrize("name", ACCEPTED)
def test_lightlys_own_client_takes_the_same_example(name):
    models = pytest.importorskip(
        "lightly.openapi_generated.swagger_client.models", reason="the client of lightly is needed"
    )
    raw = {"n_samples": 3, "strategies": ACCEPTED[name]}
    wire = parse_selection_config(raw).wire()
    assert models.SelectionConfigV4.from_dict(wire).to_dict(by_alias=True) == wire


def test_the_documented_automatic_task_is_taken_unchanged(pool):
    tiling = {"type": "TILING", "name": "tiles", "num_rows": 3, "num_cols": 2, "overlap": 0.2}
    raw = {
        "n_samples": 10,
        "strategies": [rule({**EMBEDDINGS, "task": "tiles"}, "DIVERSITY")],
        "auto_tasks": [tiling],
    }
    config = parse_selection_config(raw)
    assert len(config.automatic["tiles"]) == 6
    assert len(run_selection(pool, config).picks) == 10


REFUSED = {
    # The page on use cases has `strength` beside `strategy`; Lightly's client refuses it too.
    "strength beside the strategy": (
        {"n_samples": 100, "strategies": [{**DIVERSITY, "strength": 1.0}]},
        "strategies.0.strength: there is no such field.*strength belongs into strategy",
    ),
    "the old name of diversity": (
        {"n_samples": 99, "strategies": [rule(EMBEDDINGS, "DIVERSIFY")]},
        "strategies.0.strategy.type: DIVERSIFY is called DIVERSITY since version 4",
    ),
    "a share where a count belongs": (
        {"n_samples": 0.1, "strategies": [DIVERSITY]},
        "n_samples.*0.1",
    ),
    "both sizes": (
        {"n_samples": 5, "proportion_samples": 0.1, "strategies": [DIVERSITY]},
        "not both",
    ),
    "options of the container of version 1": (
        {"enable_training": True, "n_samples": 5, "strategies": [DIVERSITY]},
        "enable_training: there is no such field; allowed: n_samples",
    ),
    "balance of numbers by names that add up to too much": (
        {"n_samples": 5, "strategies": [rule(WEATHER, "BALANCE", target={"a": 0.8, "b": 0.9})]},
        "must not sum to more than 1",
    ),
    "diversity of scores": (
        {"n_samples": 5, "strategies": [rule(SCORED, "DIVERSITY")]},
        "DIVERSITY does not fit input.type SCORES: it takes EMBEDDINGS",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_lightly_would_not_take_either_is_refused_with_its_place(name):
    raw, words = REFUSED[name]
    with pytest.raises(ConfigError, match=words):
        parse_selection_config(raw)


def test_the_archived_configuration_of_method_coral_is_translated():
    old = {
        "method": "coral",
        "stopping_condition": {"n_samples": 0.1, "min_distance": -1},
        "active_learning": {"task_name": "my_task", "score_name": "uncertainty_margin"},
    }
    config = parse_selection_config(old)
    assert config.proportion_samples == 0.1
    kinds = [(each.strategy.type, each.input.score) for each in config.strategies]
    assert kinds == [("DIVERSITY", None), ("WEIGHTS", "uncertainty_margin")]
    with pytest.raises(ConfigError, match="method coral needs its task_name and score_name"):
        parse_selection_config({"method": "coral"})
    with pytest.raises(ConfigError, match="method coreset looks at no scores"):
        parse_selection_config({**old, "method": "coreset"})
