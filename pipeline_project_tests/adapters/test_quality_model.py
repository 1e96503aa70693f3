"""Classifiers by name or from a file."""

import json
import os
from importlib import resources

import pytest

from pipeline_project.adapters.quality_model import load_classifier
from pipeline_project.core.quality.classifier import classifier
from pipeline_project.errors import ConfigError

DEFAULT = resources.files("pipeline_project.core.quality").joinpath("default.json").read_text()


@pytest.mark.parametrize("name", ["default", "talk"])
def test_names_mean_the_built_in_ones(name):
    assert load_classifier(name) is classifier(name)


def test_a_file_is_the_model_in_it_and_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(DEFAULT)
    assert load_classifier(str(path)).sha256 == classifier("default").sha256
    path.write_text(json.dumps({**json.loads(DEFAULT), "name": "renamed"}))
    assert load_classifier(str(path)).name == "renamed"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "JSONDecodeError"),
        ("[1, 2]", "no model"),
        ("{}", "KeyError"),
        (json.dumps({**json.loads(DEFAULT), "quality_version": "0"}), "version 0"),
        ("\udcff", "UnicodeDecodeError"),
    ],
)
def test_a_file_that_is_no_model_is_named_with_the_reason(tmp_path, text, seen):
    path = tmp_path / "mine.json"
    path.write_text(text, "utf-8", errors="surrogateescape")
    with pytest.raises(ConfigError, match=rf"mine\.json.*{seen}"):
        load_classifier(str(path))


def test_what_is_neither_name_nor_file_says_what_there_is(tmp_path):
    with pytest.raises(ConfigError, match=r"'tlak'.*'default' or 'talk'"):
        load_classifier("tlak")
    with pytest.raises(ConfigError, match="IsADirectoryError"):
        load_classifier(str(tmp_path))
    huge = tmp_path / "huge.json"
    huge.touch()
    os.truncate(huge, 20_000_000)
    with pytest.raises(ConfigError, match="20000000 bytes"):
        load_classifier(str(huge))
