import pytest
import yaml

from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.errors import ConfigError
from pipeline_project.settings import load_settings, use_dagster_home

SECRET = "s3cr3t-value"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Load settings from a file's text, flags and environment variables, and nothing else."""
    monkeypatch.chdir(tmp_path)
    for name in ("PEXELS_API_KEY", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)

    def load(text=None, flags=None, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        if text is not None:
            (tmp_path / "pipeline.yaml").write_text(text)
        return load_settings(None, flags)

    return load


def test_without_anything_the_defaults_count(settings, tmp_path):
    loaded = settings()
    assert (loaded.on, loaded.sampling.every_s, loaded.source) == ("local", 1.0, None)
    assert loaded.home_path == tmp_path / ".pipeline"
    assert loaded.dagster_home_path == tmp_path / ".pipeline" / "dagster"


def test_flags_win_over_environment_over_file_over_defaults(settings):
    text = "sampling: {every_s: 2, fps: 2}\nlimits: {threads: 2}\ndataset: file"
    environment = {"PIPELINE_SAMPLING__FPS": "3", "PIPELINE_SAMPLING__EVERY_S": "3"}
    loaded = settings(text, {"sampling": {"every_s": 4}}, **environment)
    assert (loaded.sampling.every_s, loaded.sampling.fps) == (4, 3)
    assert (loaded.limits.threads, loaded.dataset) == (2, "file")
    assert loaded.limits.checkpoint_s == 60


def test_a_named_file_is_read_from_anywhere(tmp_path, settings):
    (tmp_path / "other.yaml").write_text("dataset: other")
    settings("dataset: usual")
    assert load_settings(tmp_path / "other.yaml").dataset == "other"


@pytest.mark.parametrize("in_file", ["nSamples: 9", "n_samples: 9", "proportionSamples: 0.9"])
@pytest.mark.parametrize("how", ["flag", "environment"])
def test_of_two_ways_to_say_how_many_the_stronger_source_counts_alone(settings, in_file, how):
    rule = "{input: {type: EMBEDDINGS}, strategy: {type: DIVERSITY, strength: 2}}"
    text = f"selection: {{{in_file}, strategies: [{rule}]}}"
    if how == "flag":
        loaded = settings(text, {"selection": {"n_samples": 5, "proportion_samples": None}})
    else:
        loaded = settings(text, PIPELINE_SELECTION='{"n_samples": 5}')
    selection = parse_selection_config(loaded.selection)
    assert (selection.n_samples, selection.proportion_samples) == (5, None)
    assert selection.strategies[0].strategy.strength == 2


def test_on_yes_and_no_are_words_as_in_yaml_1_2(settings):
    loaded = settings("on: aws\ndataset: yes\ndatapool: {enabled: no}")
    assert (loaded.on, loaded.dataset, loaded.datapool.enabled) == ("aws", "yes", False)


def test_an_empty_variable_counts_as_not_set(settings):
    assert settings("source: here", PIPELINE_SOURCE="").source == "here"


def test_an_empty_file_changes_nothing(settings):
    assert settings("# nothing\n").dataset == "default"


@pytest.mark.parametrize(
    "text, words",
    [
        ("sampling: {mode: sometimes}", ["sampling.mode", "sometimes", "every", "keyframes"]),
        ("sampling: {every_s: 0}", ["sampling.every_s", "0", "greater than 0"]),
        ("output: {jpeg_quality: 101}", ["output.jpeg_quality", "101", "less than or equal"]),
        ("sampling: {evry_s: 1}", ["sampling.evry_s", "did you mean every_s", "mode"]),
        ("sorce: x", ["sorce", "did you mean source", "sampling"]),
        ("sampling: 3", ["sampling", "3", "dictionary"]),
        ("on: mars", ["on", "mars", "local", "aws"]),
        ("dataset: ''", ["dataset", "at least 1 character"]),
        ("limits: {threads: many}\nquality: {action: x}", ["limits.threads", "quality.action"]),
        ("- a\n- b", ["settings by name", "list"]),
        ("1: 2", ["settings by name"]),
        ("a: [", ["not valid YAML", "line 1"]),
        ("a: \x00", ["not valid YAML"]),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_value_and_what_is_allowed(settings, text, words):
    with pytest.raises(ConfigError) as caught:
        settings(text)
    assert all(word in str(caught.value) for word in [*words, "pipeline.yaml"])


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("PIPELINE_SAMPLING__MODE", "x", ["sampling.mode", "'x'", "keyframes"]),
        ("PIPELINE_SAMPLING__TYPO", "1", ["sampling.typo", "every_s"]),
        ("PIPELINE_SAMPLNG__MODE", "fps", ["did you mean PIPELINE_SAMPLING__MODE?"]),
        ("PIPELINE_SAMPLING_MODE", "fps", ["did you mean PIPELINE_SAMPLING__MODE?"]),
        ("PIPELINE_DATASE", "x", ["PIPELINE_DATASE:", "did you mean PIPELINE_DATASET?"]),
        ("pipeline_datase", "x", ["pipeline_datase:", "did you mean PIPELINE_DATASET?"]),
        ("PIPELINE_DATASET__X", "1", ["PIPELINE_DATASET__X", "did you mean PIPELINE_DATASET?"]),
        ("PIPELINE_PEXELS_API_KEY", SECRET, ["did you mean PEXELS_API_KEY?"]),
        ("PIPELINE_ZZZ", "1", ["PIPELINE_ZZZ: there is no such setting; allowed", "unset"]),
        ("PIPELINE_INCLUDE", "*.mp4", ["include", "*.mp4", "JSON"]),
        ("PIPELINE_ON", "mars", ["on", "mars", "aws"]),
    ],
)
def test_what_is_wrong_in_the_environment_is_named_too(settings, name, value, words):
    with pytest.raises(ConfigError) as caught:
        settings(**{name: value})
    assert all(word in str(caught.value) for word in words)
    assert SECRET not in str(caught.value)


def test_a_variable_that_a_known_program_sets_everywhere_is_let_be(settings):
    assert settings(PIPELINE_WORKSPACE="/agent/work").dataset == "default"


def test_a_dagster_home_may_be_relative(settings, tmp_path):
    loaded = settings(DAGSTER_HOME="state/dagster")
    assert loaded.dagster_home_path == tmp_path / "state" / "dagster"


def test_keys_of_the_selection_can_be_given_one_by_one(settings):
    assert settings(PIPELINE_SELECTION__N_SAMPLES="7").selection == {"n_samples": "7"}


def test_files_that_cannot_be_read_are_named(tmp_path, settings):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match=f"Reading {path}: "):
            load_settings(path)
    (tmp_path / "latin.yaml").write_bytes("source: é".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        load_settings(tmp_path / "latin.yaml")


def test_a_secret_comes_from_the_environment_and_stands_in_no_dump(settings):
    loaded = settings("dataset: x", PEXELS_API_KEY=SECRET)
    assert loaded.pexels_api_key.get_secret_value() == SECRET
    for shown in (
        repr(loaded),
        str(loaded.model_dump()),
        loaded.model_dump_json(),
        loaded.curation().model_dump_json(),
        yaml.safe_dump(loaded.curation().model_dump(mode="json")),
    ):
        assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"pexels_api_key: {SECRET}",
        f"PEXELS_API_KEY: {SECRET}",
        f"pexels_key: {SECRET}",
        f"source: {{api_token: {SECRET}}}",
        f"PEXELS_API_KEY={SECRET}",
        f"pexels_api_key: [{SECRET}",
        f"quality: {{pexels_api_key: {SECRET}}}",
        f"pexels_api_key: {SECRET}\nsampling: 3",
    ],
)
def test_a_secret_in_the_file_is_refused_without_showing_it(settings, text):
    with pytest.raises(ConfigError) as caught:
        settings(text)
    assert SECRET not in str(caught.value)


def test_the_curation_is_the_part_that_runs_are_given(settings):
    loaded = settings("dataset: x\non: aws", {"source": "here"})
    given = loaded.curation().model_dump()
    assert given["source"] == "here" and given["dataset"] == "x"
    assert not {"on", "home", "pexels_api_key", "dagster_home"} & set(given)


def test_dagster_is_pointed_at_its_home(settings, tmp_path, monkeypatch):
    import os

    monkeypatch.setenv("DAGSTER_HOME", "")
    assert use_dagster_home(settings()) == tmp_path / ".pipeline" / "dagster"
    assert os.environ["DAGSTER_HOME"] == str(tmp_path / ".pipeline" / "dagster")
    assert settings(DAGSTER_HOME="/elsewhere").dagster_home_path.as_posix() == "/elsewhere"
