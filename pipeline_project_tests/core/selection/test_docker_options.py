import pytest

from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.core.selection.docker_options import translate
from pipeline_project.errors import ConfigError

GUIDE = {
    "enable_corruptness_check": True,
    "remove_exact_duplicates": True,
    "stopping_condition": {"n_samples": 0.1, "min_distance": -1},
    "datapool": {"name": "videos", "keep_history": True},
    "relevant_filenames_file": "scope.txt",
}


def test_the_options_of_the_public_guide_become_a_selection_a_dataset_and_a_worker():
    found = translate(GUIDE)
    selection = parse_selection_config(found.selection_config)
    assert selection.proportion_samples == 0.1
    assert selection.strategies[0].strategy.type == "DIVERSITY"
    assert found.dataset_name == "videos"
    assert found.worker_config == {"relevant_filenames_file": "scope.txt", "use_datapool": True}
    for name in ("enable_corruptness_check", "n_samples", "datapool.name"):
        assert any(name in message for message in found.messages)


def test_a_float_is_a_share_and_an_int_a_count():
    assert translate({"stopping_condition": {"n_samples": 1.0}}).selection_config[
        "proportion_samples"
    ] == pytest.approx(1)
    assert translate({"stopping_condition": {"n_samples": 1}}).selection_config["n_samples"] == 1


def test_dotted_names_of_a_command_line_mean_the_same():
    flat = {"stopping_condition.n_samples": 5, "stopping_condition.min_distance": 0.2}
    nested = {"stopping_condition": {"n_samples": 5, "min_distance": 0.2}}
    assert translate(flat) == translate(nested)
    rule = translate(flat).selection_config["strategies"][0]["strategy"]
    assert rule["stopping_condition_minimum_distance"] == 0.2


def test_random_becomes_weights_of_random_numbers():
    rule = parse_selection_config(translate({"method": "random"}).selection_config).strategies[0]
    assert (rule.input.type, rule.strategy.type) == ("RANDOM", "WEIGHTS")


def test_what_is_no_old_option_stays_and_nothing_is_said():
    found = translate({"use_datapool": True, "lightly": {"loader": {"batch_size": 8}}})
    assert found.worker_config == {"use_datapool": True, "lightly": {"loader": {"batch_size": 8}}}
    assert (found.selection_config, found.messages) == ({}, [])


def test_the_input_is_left_as_it_was():
    options = {"lightly": {"loader": {"num_workers": 3}}}
    found = translate(options)
    assert options == {"lightly": {"loader": {"num_workers": 3}}}
    assert found.worker_config == {"num_processes": 3}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "best"}, "method: seen 'best'.*coreset, random"),
        ({"stopping_condition": {"n_samples": 1.5}}, "n_samples: seen 1.5"),
        ({"stopping_condition": {"n_samples": 0}}, "n_samples: seen 0"),
        ({"stopping_condition": {"n_samples": "ten"}}, "n_samples: seen 'ten'"),
        ({"stopping_condition": 3}, "stopping_condition: seen 3"),
        ({"stopping_condition": {"max_time": 3}}, "n_samples and min_distance"),
        ({"method": "random", "stopping_condition": {"min_distance": 0.1}}, "keeps no distance"),
        ({"datapool": "name"}, "datapool: seen 'name'"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(options, words):
    with pytest.raises(ConfigError, match=words):
        translate(options)
