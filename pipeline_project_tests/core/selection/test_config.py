import pytest

from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.errors import ConfigError

DIVERSITY = {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}


def test_camel_case_and_snake_case_mean_the_same():
    snake = parse_selection_config({"proportion_samples": 0.2, "strategies": [DIVERSITY]})
    camel = parse_selection_config({"proportionSamples": 0.2, "strategies": [DIVERSITY]})
    assert snake.wire() == camel.wire()


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"n_samples": 0}, "n_?[sS]amples"),
        ({"proportion_samples": 0}, "proportion_?[sS]amples"),
        ({"proportion_samples": 2}, "proportion_?[sS]amples.*less than or equal to 1"),
        ({"n_samples": 3, "proportion_samples": 0.5}, "not both"),
        ({"n_samples": 3, "sampels": 1}, "sampels"),
        ({"strategies": []}, "strategies"),
        (
            {"strategies": [{**DIVERSITY, "input": {"type": "SCORES"}}]},
            "DIVERSITY does not fit input.type SCORES: it takes EMBEDDINGS",
        ),
        (
            {"strategies": [{**DIVERSITY, "strategy": {"type": "BALANCE"}}]},
            "BALANCE does not fit.*METADATA.*EMBEDDINGS goes with DIVERSITY",
        ),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(raw, field):
    with pytest.raises(ConfigError, match=field):
        parse_selection_config(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"n_samples": 3, "nSamples": 4}, "n_samples and nSamples are one field; seen 3 and 4"),
        (
            {
                "strategies": [
                    {
                        "input": {"type": "EMBEDDINGS"},
                        "strategy": {
                            "type": "TYPICALITY",
                            "numNearestNeighbors": 3,
                            "num_nearest_neighbors": 4,
                        },
                    }
                ]
            },
            r"strategies\.0\.strategy\.numNearestNeighbors and .*num_nearest_neighbors are one",
        ),
    ],
)
def test_a_field_in_both_spellings_is_named(raw, words):
    with pytest.raises(ConfigError, match=words):
        parse_selection_config(raw)


def test_classes_that_differ_in_their_spelling_alone_are_two():
    target = {"redCar": 0.5, "red_car": 0.5}
    rule = {"input": {"type": "METADATA", "key": "c"}}
    rule["strategy"] = {"type": "BALANCE", "target": target}
    read = parse_selection_config({"n_samples": 3, "strategies": [rule]})
    assert read.strategies[0].strategy.target == target


def test_the_number_is_what_was_asked_but_never_more_than_there_are():
    assert parse_selection_config({"n_samples": 7}).samples_of(100) == 7
    assert parse_selection_config({"n_samples": 7}).samples_of(3) == 3
    assert parse_selection_config({"proportion_samples": 0.5}).samples_of(9000) == 4500
    assert parse_selection_config({"proportion_samples": 0.001}).samples_of(10) == 1
    assert parse_selection_config({}).samples_of(0) == 0


def with_rule(source: dict, strategy: dict, **amount) -> dict:
    return {"strategies": [{"input": source, "strategy": strategy}], **(amount or {"n_samples": 9})}


SOURCES = {
    "EMBEDDINGS": {"type": "EMBEDDINGS"},
    "SCORES": {"type": "SCORES", "task": "detector", "score": "uncertainty_entropy"},
    "METADATA": {"type": "METADATA", "key": "lightly.sharpness"},
    "CLASS_DISTRIBUTION": {"type": "PREDICTIONS", "task": "d", "name": "CLASS_DISTRIBUTION"},
    "CATEGORY_COUNT": {"type": "PREDICTIONS", "task": "d", "name": "CATEGORY_COUNT"},
    "RANDOM": {"type": "RANDOM", "random_seed": 42},
}
STRATEGIES = {
    "DIVERSITY": {"type": "DIVERSITY", "stopping_condition_minimum_distance": 0.2},
    "WEIGHTS": {"type": "WEIGHTS", "targetRange": {"minSum": 1, "maxSum": 5.5}},
    "THRESHOLD": {"type": "THRESHOLD", "threshold": 20, "operation": "BIGGER_EQUAL"},
    "BALANCE": {"type": "BALANCE", "target": {"car": 0.2, "bus": 0.4}, "distribution": "TARGET"},
    "SIMILARITY": {"type": "SIMILARITY", "strength": -2},
    "TYPICALITY": {"type": "TYPICALITY", "numNearestNeighbors": 5},
}
# The table of https://docs.lightly.ai/docs/input-and-strategy-combinations.
FIT = {
    "EMBEDDINGS": {"DIVERSITY", "SIMILARITY", "TYPICALITY"},
    "SCORES": {"WEIGHTS", "THRESHOLD"},
    "METADATA": {"WEIGHTS", "THRESHOLD", "BALANCE"},
    "CLASS_DISTRIBUTION": {"BALANCE"},
    "CATEGORY_COUNT": {"WEIGHTS", "THRESHOLD"},
    "RANDOM": {"WEIGHTS", "THRESHOLD"},
}


@pytest.mark.parametrize("how", STRATEGIES)
@pytest.mark.parametrize("what", SOURCES)
def test_a_strategy_takes_the_inputs_that_lightly_documents_and_no_other(what, how):
    source = dict(SOURCES[what])
    if how == "SIMILARITY" and what == "EMBEDDINGS":
        source |= {"tag_name": "initial-tag", "dataset_id": "a" * 24}
    raw = with_rule(source, STRATEGIES[how])
    if how in FIT[what]:
        assert parse_selection_config(raw).strategies[0].strategy.type == how
    else:
        with pytest.raises(ConfigError, match=f"{how} does not fit input.type"):
            parse_selection_config(raw)


@pytest.mark.parametrize(
    ("source", "strategy", "words"),
    [
        ({"type": "METADATA"}, STRATEGIES["WEIGHTS"], "input.key is missing: METADATA needs it"),
        ({"type": "SCORES", "task": "d"}, STRATEGIES["WEIGHTS"], "input.score is missing"),
        ({"type": "PREDICTIONS", "task": "d"}, STRATEGIES["BALANCE"], "input.name is missing"),
        (
            {"type": "METADATA", "key": "k", "task": "t"},
            STRATEGIES["WEIGHTS"],
            "input.task does not belong to METADATA; seen 't', allowed: type, key",
        ),
        (SOURCES["METADATA"], {"type": "THRESHOLD", "threshold": 1}, "operation is one of SMALLER"),
        (SOURCES["METADATA"], {"type": "THRESHOLD", "operation": "BIGGER"}, "threshold is missing"),
        (
            SOURCES["METADATA"],
            {"type": "THRESHOLD", "threshold": 1, "operation": "ABOVE"},
            "operation.*'SMALLER'.*'ABOVE'",
        ),
        (SOURCES["METADATA"], {"type": "BALANCE"}, "target is missing: BALANCE"),
        (
            SOURCES["METADATA"],
            {"type": "BALANCE", "target": {"a": 0.7, "b": 0.7}},
            "not sum to more than 1; seen .*1.4",
        ),
        (
            SOURCES["METADATA"],
            {"type": "BALANCE", "target": {"a": 1.5}},
            "target.a.*less than or equal to 1.*1.5",
        ),
        (SOURCES["METADATA"], {"type": "BALANCE", "target": {"a": -0.5}}, "target.a.*-0.5"),
        (
            SOURCES["METADATA"],
            {"type": "BALANCE", "distribution": "UNIFORM", "target": {"a": 1}},
            "no effect with distribution UNIFORM",
        ),
        (SOURCES["EMBEDDINGS"], {"type": "SIMILARITY"}, "tag_name is missing"),
        (
            {"type": "EMBEDDINGS", "tag_name": "abc"},
            {"type": "DIVERSITY"},
            "belongs to SIMILARITY alone",
        ),
        (
            SOURCES["EMBEDDINGS"],
            {"type": "DIVERSITY", "threshold": 1},
            "strategy.threshold does not belong to DIVERSITY",
        ),
        (SOURCES["EMBEDDINGS"], {"type": "DIVERSITY", "strength": 1e10}, "strength.*1000000000"),
        (
            SOURCES["EMBEDDINGS"],
            {"type": "DIVERSITY", "strength": float("nan")},
            "strength.*finite",
        ),
        (
            SOURCES["EMBEDDINGS"],
            {"type": "DIVERSITY", "stopping_condition_minimum_distance": 3},
            "minimum_distance.*less than or equal to 2.*3",
        ),
        (
            SOURCES["EMBEDDINGS"],
            {"type": "TYPICALITY", "num_nearest_neighbors": 1},
            "num_nearest_neighbors.*2.*1",
        ),
        (SOURCES["METADATA"], {"type": "WEIGHTS", "target_range": {}}, "min_sum, max_sum or both"),
        (
            SOURCES["METADATA"],
            {"type": "WEIGHTS", "target_range": {"min_sum": 3, "max_sum": 2}},
            "above max_sum; seen 3.0 and 2.0",
        ),
        (
            {**SOURCES["CATEGORY_COUNT"], "categories": ["a", "a"]},
            STRATEGIES["WEIGHTS"],
            "names one twice",
        ),
        ({"type": "PIXELS"}, {"type": "DIVERSITY"}, "input.type.*'EMBEDDINGS'.*'PIXELS'"),
        ({"type": "EMBEDDINGS", "dataset_id": "x"}, {"type": "SIMILARITY"}, "dataset_id.*'x'"),
    ],
)
def test_what_does_not_go_together_is_named(source, strategy, words):
    with pytest.raises(ConfigError, match=words):
        parse_selection_config(with_rule(source, strategy))


@pytest.mark.parametrize("value", [True, 1.5, "many", 0])
def test_a_number_of_samples_that_is_none_is_refused(value):
    with pytest.raises(ConfigError, match="n_samples"):
        parse_selection_config({"n_samples": value})


def test_minus_one_leaves_the_number_out_as_lightly_has_it():
    config = parse_selection_config({"n_samples": -1, "proportion_samples": 0.5})
    assert config.samples_of(10) == 5


def test_the_wire_form_is_what_lightlys_client_sends():
    raw = with_rule(SOURCES["METADATA"], STRATEGIES["WEIGHTS"], proportionSamples=0.5)
    raw["strategies"].append({"input": SOURCES["EMBEDDINGS"], "strategy": STRATEGIES["DIVERSITY"]})
    raw["autoTasks"] = [{"type": "TILING", "name": "tiles", "num_rows": 2, "numCols": 3}]
    config = parse_selection_config(raw)
    assert config.verbatim == raw
    assert config.wire() == {
        "proportionSamples": 0.5,
        "strategies": [
            {
                "input": {"type": "METADATA", "key": "lightly.sharpness"},
                "strategy": {"type": "WEIGHTS", "targetRange": {"minSum": 1.0, "maxSum": 5.5}},
            },
            {
                "input": {"type": "EMBEDDINGS"},
                "strategy": {"type": "DIVERSITY", "stopping_condition_minimum_distance": 0.2},
            },
        ],
        "autoTasks": [{"type": "TILING", "name": "tiles", "numRows": 2, "numCols": 3}],
    }


def test_lightlys_own_client_takes_the_wire_form_of_every_strategy():
    models = pytest.importorskip(
        "lightly.openapi_generated.swagger_client.models", reason="the client of lightly is needed"
    )
    for what, strategies in FIT.items():
        for how in strategies:
            source = dict(SOURCES[what])
            if how == "SIMILARITY":
                source |= {"tag_name": "initial-tag", "dataset_id": "a" * 24}
            wire = parse_selection_config(with_rule(source, STRATEGIES[how])).wire()
            read = models.SelectionConfigV4.from_dict(wire)
            assert read.to_dict(by_alias=True) == wire


def test_what_the_service_needs_and_we_do_not_is_asked_for_when_it_is_written_for_it():
    with pytest.raises(ConfigError, match="n_samples or proportion_samples, and has neither"):
        parse_selection_config({}).wire()
    like = with_rule({"type": "EMBEDDINGS", "tag_name": "good"}, {"type": "SIMILARITY"})
    with pytest.raises(ConfigError, match="strategies.0.input.dataset_id is missing"):
        parse_selection_config(like).wire()


def test_old_options_are_read_as_what_they_are_now():
    old = {
        "method": "coreset",
        "stopping_condition": {"n_samples": 0.1, "min_distance": 0.2},
        "object_level": {"task_name": "cars"},
        "enable_corruptness_check": True,
    }
    config = parse_selection_config(old)
    assert config.verbatim == old
    assert config.wire() == {
        "proportionSamples": 0.1,
        "strategies": [
            {
                "input": {"type": "EMBEDDINGS", "task": "cars"},
                "strategy": {"type": "DIVERSITY", "stopping_condition_minimum_distance": 0.2},
            }
        ],
    }
    assert len(config.translated) == 5
    assert parse_selection_config({"n_samples": 1}).translated == ()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"nSamples": 5}, "and n_samples. Keep one of both"),
        ({"datapool": {"name": "cats"}}, "by `dataset: cats` in pipeline.yaml"),
        ({"object_level": {"task": "cars"}}, "allowed: task_name, crop_dataset_name, padding"),
    ],
)
def test_old_options_that_cannot_be_meant_are_refused(more, words):
    with pytest.raises(ConfigError, match=words):
        parse_selection_config({"method": "coreset", **more})


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"type": "TILING", "name": "t", "num_rows": 0, "num_cols": 1}, "num_rows"),
        ({"type": "TILING", "name": "t", "num_rows": 1, "num_cols": 1, "overlap": 2}, "overlap"),
        ({"type": "CROP", "name": "t", "bboxs": [[0, 0, 1]]}, "bboxs.0"),
        ({"type": "CROP", "name": "t", "bboxs": []}, "bboxs"),
        ({"type": "MOSAIC", "name": "t"}, "TILING"),
    ],
)
def test_a_wrong_automatic_task_is_named(task, words):
    with pytest.raises(ConfigError, match=f"auto_tasks.0.*{words}"):
        parse_selection_config({"n_samples": 1, "auto_tasks": [task]})


def test_automatic_tasks_have_names_of_their_own():
    tile = {"type": "TILING", "name": "t", "num_rows": 1, "num_cols": 2}
    with pytest.raises(ConfigError, match="auto_tasks must have different names"):
        parse_selection_config({"n_samples": 1, "auto_tasks": [tile, tile]})


@pytest.mark.parametrize(
    ("pattern", "words"), [("a(", "no regular expression"), ("a", "names no group")]
)
def test_a_path_regex_must_name_what_becomes_a_key(pattern, words):
    with pytest.raises(ConfigError, match=f"lightly_path_regex: {words}|names no group"):
        parse_selection_config({"n_samples": 1, "lightly_path_regex": pattern})


def test_what_a_pool_must_hold_is_known():
    raw = {"n_samples": 1, "strategies": []}
    for what, how in [
        ("EMBEDDINGS", "DIVERSITY"),
        ("SCORES", "WEIGHTS"),
        ("METADATA", "WEIGHTS"),
        ("CLASS_DISTRIBUTION", "BALANCE"),
    ]:
        raw["strategies"].append({"input": SOURCES[what], "strategy": STRATEGIES[how]})
    needs = parse_selection_config(raw).needs()
    assert needs.embeddings
    assert needs.metadata == {"lightly.sharpness"}
    assert needs.scores == {("detector", "uncertainty_entropy")}
    assert needs.predictions == {("d", "CLASS_DISTRIBUTION")}
