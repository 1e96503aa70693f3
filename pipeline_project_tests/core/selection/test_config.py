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


def test_the_number_is_what_was_asked_but_never_more_than_there_are():
    assert parse_selection_config({"n_samples": 7}).samples_of(100) == 7
    assert parse_selection_config({"n_samples": 7}).samples_of(3) == 3
    assert parse_selection_config({"proportion_samples": 0.5}).samples_of(9000) == 4500
    assert parse_selection_config({"proportion_samples": 0.001}).samples_of(10) == 1
    assert parse_selection_config({}).samples_of(0) == 0
