"""What cannot be selected by, through both commands: one clear line, and nothing half-written."""

import json

import numpy as np
import pytest
import yaml

from pipeline_project_tests.worker.footage import still

EMBEDDINGS = {"type": "EMBEDDINGS"}


def rule(source, kind, **more):
    return {"input": source, "strategy": {"type": kind, **more}}


DIVERSITY = rule(EMBEDDINGS, "DIVERSITY")
KEY = {"type": "METADATA", "key": "speed"}
# The configuration, and what both commands must say of it.
WRONG = {
    "n of 0": ({"n_samples": 0}, "n_samples must be at least 1; seen 0"),
    "n that is no number": ({"n_samples": "many"}, "n_samples"),
    "n that is not finite": ({"n_samples": float("nan")}, "n_samples"),
    "a share of 0": ({"proportion_samples": 0}, "proportion_samples"),
    "a share over 1": ({"proportion_samples": 1.5}, "proportion_samples"),
    "a distance that is not finite": (
        {"strategies": [rule(EMBEDDINGS, "DIVERSITY", strength=float("inf"))]},
        "strength",
    ),
    "an unknown key": (
        {"strategies": [rule(KEY, "WEIGHTS")]},
        "speed",
    ),
    "an unknown task": (
        {"strategies": [rule({"type": "SCORES", "task": "cars", "score": "x"}, "WEIGHTS")]},
        "cars",
    ),
    "objects of an unknown task": (
        {"strategies": [rule({**EMBEDDINGS, "task": "cars"}, "DIVERSITY")]},
        "cars",
    ),
    "an unknown tag": (
        {"strategies": [rule({**EMBEDDINGS, "tag_name": "nobody"}, "SIMILARITY")]},
        "nobody",
    ),
    "ratios over 1": (
        {"strategies": [rule(KEY, "BALANCE", target={"a": 0.7, "b": 0.7})]},
        "must not sum to more than 1",
    ),
    "a field that is not there": ({"n_sample": 3}, "n_sample: there is no such field"),
    "a strategy that does not fit": (
        {"strategies": [rule(KEY, "DIVERSITY")]},
        "does not fit input.type METADATA",
    ),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "media").mkdir()
    for number in range(3):
        still(tmp_path / "media" / f"{number}.png", number)
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32))
    return tmp_path


def given(folder, selection):
    """The configuration for `pipeline select` and for `pipeline curate`."""
    (folder / "s.yaml").write_text(yaml.safe_dump(selection))
    (folder / "pipeline.yaml").write_text(yaml.safe_dump({"selection": selection}))


def one_line(answer, named):
    assert answer.code == 2 and answer.out == ""
    told = [line for line in answer.err.splitlines() if line.startswith("Error:")]
    assert len(told) == 1 and named in told[0], answer.err


@pytest.mark.parametrize("name", WRONG)
def test_select_says_in_one_line_what_is_wrong(pipeline, folder, name):
    selection, named = WRONG[name]
    given(folder, {"n_samples": 2, **selection} if "strategies" in selection else selection)
    answer = pipeline("select", "v.npy", "--config", "s.yaml", "--json")
    one_line(answer, named)
    assert len(answer.err.splitlines()) == 1


# Those that the schema refuses are told before any job is started; of the others one is enough
# to show that the job, too, ends in one line with nothing half-written.
@pytest.mark.parametrize(
    "name",
    [
        "n of 0",
        "n that is not finite",
        "a share over 1",
        "an unknown key",
        "ratios over 1",
        "a strategy that does not fit",
    ],
)
def test_curate_says_the_same_and_writes_nothing(pipeline, folder, name):
    selection, named = WRONG[name]
    given(folder, {"n_samples": 2, **selection} if "strategies" in selection else selection)
    answer = pipeline("curate", "media", "--home", "home")
    one_line(answer, named)
    assert not (folder / "curated").exists()
    assert not list((folder / "home").rglob("selection_sets.lance"))


@pytest.mark.parametrize(
    ("rows", "picked"),
    [(np.ones((1, 4), np.float32), 1), (np.ones((6, 4), np.float32), 5)],
    ids=["one row", "all rows equal"],
)
def test_few_or_equal_rows_are_picked_once_each(pipeline, tmp_path, rows, picked):
    np.save(tmp_path / "few.npy", rows)
    (tmp_path / "s.json").write_text(json.dumps({"n_samples": 5}))
    answer = pipeline("select", "few.npy", "--config", "s.json", "--json")
    assert answer.code == 0
    indices = [row["index"] for row in answer.rows]
    assert len(set(indices)) == len(indices) == picked


def test_equal_rows_stop_at_a_tiny_distance(pipeline, tmp_path):
    np.save(tmp_path / "equal.npy", np.ones((6, 4), np.float32))
    rules = [rule(EMBEDDINGS, "DIVERSITY", stopping_condition_minimum_distance=1e-6)]
    (tmp_path / "s.json").write_text(json.dumps({"n_samples": 5, "strategies": rules}))
    answer = pipeline("select", "equal.npy", "--config", "s.json", "--json")
    assert [row["index"] for row in answer.rows] == [0]
    assert "no other is far enough" in answer.err
