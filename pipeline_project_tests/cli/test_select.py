import json
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.format import write_array_header_1_0

DIVERSITY = {"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}


@pytest.fixture
def vectors(tmp_path) -> Path:
    path = tmp_path / "v.npy"
    np.save(path, np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32))
    return path


def test_picks_have_index_rank_and_distance(pipeline, vectors, tmp_path):
    config = tmp_path / "selection.json"
    config.write_text(json.dumps({"nSamples": 7, "strategies": [DIVERSITY]}))
    answer = pipeline("select", vectors, "--config", config, "--json")
    assert answer.code == 0
    assert [list(row) for row in answer.rows] == [["index", "rank", "distance"]] * 7
    assert [row["rank"] for row in answer.rows] == list(range(1, 8))
    assert len({row["index"] for row in answer.rows}) == 7
    assert answer.rows[0]["distance"] is None
    unit = np.load(vectors)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    order = [row["index"] for row in answer.rows]
    for rank, row in enumerate(answer.rows[1:], start=1):
        nearest = np.linalg.norm(unit[order[:rank]] - unit[row["index"]], axis=1).min()
        assert row["distance"] == pytest.approx(nearest, abs=1e-5)


def test_without_a_configuration_a_tenth_is_picked(pipeline, vectors):
    assert len(pipeline("select", vectors, "--json").rows) == 5


def test_yaml_says_the_same_as_json(pipeline, vectors, tmp_path):
    (tmp_path / "s.json").write_text('{"n_samples": 3}')
    (tmp_path / "s.yaml").write_text("n_samples: 3\n")
    one, two = (pipeline("select", vectors, "--config", f"s.{kind}") for kind in ("json", "yaml"))
    assert (one.code, one.out) == (two.code, two.out)
    assert len(one.out.splitlines()) == 4


def bad_vectors(path: Path, kind: str) -> None:
    rows = np.ones((4, 3), np.float32)
    if kind == "zero":
        rows[2] = 0
    elif kind == "nan":
        rows[1, 1] = np.nan
    elif kind == "infinity":
        rows[1, 1] = np.inf
    elif kind == "no rows":
        rows = rows[:0]
    elif kind == "one axis":
        rows = rows[0]
    elif kind == "three axes":
        rows = rows[None]
    elif kind == "integers":
        rows = rows.astype(np.int64)
    elif kind == "complex":
        rows = rows.astype(np.complex64)
    elif kind == "text":
        rows = rows.astype(str)
    if kind == "archive":
        with path.open("wb") as file:
            np.savez(file, rows)
    elif kind == "pickled":
        np.save(path, np.array([{}], object), allow_pickle=True)
    elif kind == "not npy":
        path.write_text("1,2,3\n")
    elif kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "cut short":
        np.save(path, rows)
        path.write_bytes(path.read_bytes()[:-8])
    elif kind == "claims far too much":
        with path.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 1280)}
            write_array_header_1_0(file, header)
    elif kind != "missing":
        np.save(path, rows)


@pytest.mark.parametrize(
    "kind",
    "zero|nan|infinity|no rows|one axis|three axes|integers|complex|text|archive|pickled|not npy|"
    "empty|folder|cut short|claims far too much|missing".split("|"),
)
def test_vectors_that_cannot_be_used_are_one_line_and_exit_2(pipeline, tmp_path, kind):
    bad_vectors(tmp_path / "bad.npy", kind)
    answer = pipeline("select", "bad.npy", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert answer.err.startswith("Error: ")


def test_a_pickle_is_never_loaded(pipeline, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    np.save(tmp_path / "trap.npy", np.array([Trap()], object), allow_pickle=True)
    assert pipeline("select", "trap.npy").code == 2
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("s.json", "{n_samples: 3", "not valid JSON"),
        ("s.json", "n_samples: 3", "not valid JSON"),
        ("s.json", "", "not valid JSON"),
        ("s.yaml", "{n_samples: [", "not valid JSON or YAML"),
        ("s.yaml", "", "NoneType"),
        ("s.json", "[1]", "list"),
        ("s.json", '{"n_sample": 3}', "n_sample"),
        ("s.json", '{"n_samples": 0}', "n_samples"),
        ("s.json", '{"proportion_samples": 2}', "proportion_samples"),
        ("s.json", '{"n_samples": 1, "proportion_samples": 0.5}', "not both"),
        ("s.json", '{"strategies": []}', "strategies"),
        ("s.json", "[" * 100_000, "not valid JSON"),
        ("s.yaml", b"\xff\xfe\x00", "not valid JSON or YAML"),
    ],
)
def test_a_configuration_that_is_wrong_is_named_and_exit_2(
    pipeline, vectors, tmp_path, name, text, named
):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    answer = pipeline("select", vectors, "--config", name, "--json")
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert named in answer.err


def test_a_configuration_that_is_not_there_is_wrong_use(pipeline, vectors):
    answer = pipeline("select", vectors, "--config", "nowhere.json")
    assert answer.code == 2
    assert "nowhere.json" in answer.err


BALANCE = """
n_samples: 8
strategies:
  - input: {type: METADATA, key: weather}
    strategy: {type: BALANCE, target: {rain: 0.5}}
  - input: {type: METADATA, key: lux}
    strategy: {type: THRESHOLD, threshold: 10, operation: BIGGER_EQUAL}
"""


def test_metadata_of_a_table_can_be_balanced_and_cut(pipeline, vectors, tmp_path):
    lines = [f"{'rain' if row < 20 else 'sun'},{row if row else ''}" for row in range(50)]
    (tmp_path / "held.csv").write_text("\n".join(["weather,lux", *lines]))
    (tmp_path / "s.yaml").write_text(BALANCE)
    answer = pipeline("select", vectors, "--config", "s.yaml", "--metadata", "held.csv", "--json")
    assert answer.code == 0, answer.err
    picked = [row["index"] for row in answer.rows]
    assert all(each >= 10 for each in picked)
    assert sum(each < 20 for each in picked) == 4
    assert "THRESHOLD on METADATA lux BIGGER_EQUAL 10: 10 of 50 rows left out" in answer.err


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a,a\n", "name each column, once"),
        ("", "name each column"),
        ("weather,lux\nsun\n", "line 2 has 1 values"),
        ("weather,lux\nsun,1\n", "it has 1 lines below that of names, for 50 rows"),
        ("lux\n" + "1\n" * 49 + "\n", 'for 50 rows. Write one line per row, in their order; ""'),
        ("lux\n" + "1\n" * 50, "no metadata key 'weather'; known: lux"),
        (b"PK\x03\x04\x14\x00", "Save it as CSV"),
    ],
)
def test_a_table_that_does_not_fit_is_named_and_exit_2(pipeline, vectors, tmp_path, text, named):
    (tmp_path / "held.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "s.yaml").write_text(BALANCE)
    answer = pipeline("select", vectors, "--config", "s.yaml", "--metadata", "held.csv", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert named in answer.err
    assert len(answer.err.splitlines()) == 1


def test_metadata_that_nobody_gave_are_asked_for(pipeline, vectors, tmp_path):
    (tmp_path / "s.yaml").write_text(BALANCE)
    answer = pipeline("select", vectors, "--config", "s.yaml", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert "METADATA 'lux': nobody gave its values. Add --metadata TABLE.csv." in answer.err


def test_both_engines_pick_the_same_of_what_does_not_tie(pipeline, vectors):
    own, mundig = (
        pipeline("select", vectors, "--engine", name, "--json").rows for name in ("own", "mundig")
    )
    assert [row["index"] for row in own] == [row["index"] for row in mundig]


def test_vectors_beyond_a_memory_bound_are_picked_in_two_levels_and_it_is_said(pipeline, tmp_path):
    rows = np.random.default_rng(0).normal(size=(4000, 64)).astype(np.float16)
    np.save(tmp_path / "many.npy", rows)
    answer = pipeline("select", "many.npy", "--memory-mb", "1", "--json")
    assert (answer.code, len(answer.rows)) == (0, 400)
    assert "two levels, as the vectors need more than 1 MB; no row is farther" in answer.err
    answer = pipeline("select", "many.npy", "--memory-mb", "1", "--config", "s.json")
    assert answer.code == 2


def test_why_no_more_were_picked_is_said(pipeline, vectors, tmp_path):
    (tmp_path / "s.json").write_text('{"n_samples": 60}')
    assert (
        "50 of 50 rows picked; there are no more"
        in pipeline("select", vectors, "--config", "s.json").err
    )


def test_options_of_lightlys_old_container_are_translated_and_it_is_said_how(
    pipeline, vectors, tmp_path
):
    (tmp_path / "old.yaml").write_text("{method: coreset, stopping_condition: {n_samples: 5}}")
    answer = pipeline("select", vectors, "--config", "old.yaml", "--json")
    assert answer.code == 0 and len(answer.out.splitlines()) == 5
    assert "method coreset is now the strategy DIVERSITY on EMBEDDINGS" in answer.err
    (tmp_path / "both.yaml").write_text("{method: coreset, n_samples: 5}")
    answer = pipeline("select", vectors, "--config", "both.yaml")
    assert answer.code == 2 and "n_samples. Keep one of both" in answer.err


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_are_read_as_spreadsheets_save_them(pipeline, vectors, tmp_path, separator):
    lines = ["weather,lux", *(f"{'sun' if row < 9 else 'rain'},{row}" for row in range(50))]
    text = "\r\n".join(lines).replace(",", separator)
    (tmp_path / "held.csv").write_bytes(text.encode("utf-16"))
    (tmp_path / "s.yaml").write_text(
        "{n_samples: 50, strategies: [{input: {type: METADATA, key: lux}, "
        "strategy: {type: THRESHOLD, threshold: 40, operation: SMALLER}}]}"
    )
    answer = pipeline("select", vectors, "--config", "s.yaml", "--metadata", "held.csv", "--json")
    assert (answer.code, len(answer.out.splitlines())) == (0, 40)


ALIKE = (
    "{n_samples: 3, strategies: [{input: {type: EMBEDDINGS, tag_name: good}, "
    "strategy: {type: SIMILARITY}}]}"
)


def test_rows_like_those_of_a_file_are_picked_by_similarity(pipeline, vectors, tmp_path):
    (tmp_path / "s.yaml").write_text(ALIKE)
    np.save(tmp_path / "query.npy", np.load(vectors)[[7]] * 3)
    answer = pipeline(
        "select", vectors, "--config", "s.yaml", "--query", "good=query.npy", "--json"
    )
    assert answer.code == 0, answer.err
    unit = np.load(vectors) / np.linalg.norm(np.load(vectors), axis=1, keepdims=True)
    nearest = np.argsort(-(unit @ unit[7]))[:3]
    assert [row["index"] for row in answer.rows] == nearest.tolist()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ([], "Add --query good=QUERY.npy"),
        (["query.npy"], "expected TAG=QUERY.npy"),
        (["bad=query.npy"], "in the configuration: good"),
        (["good=query.npy", "good=query.npy"], "each tag once"),
        (["good=nowhere.npy"], "nowhere.npy"),
        (["good=narrow.npy"], "dimensions"),
        (["good=zero.npy"], "query embeddings of good"),
    ],
)
def test_queries_that_do_not_fit_are_one_line_and_exit_2(pipeline, vectors, tmp_path, query, named):
    (tmp_path / "s.yaml").write_text(ALIKE)
    np.save(tmp_path / "query.npy", np.load(vectors)[[7]])
    np.save(tmp_path / "narrow.npy", np.ones((1, 3), np.float32))
    np.save(tmp_path / "zero.npy", np.zeros((1, 16), np.float32))
    flags = [word for each in query for word in ("--query", each)]
    answer = pipeline("select", vectors, "--config", "s.yaml", *flags, "--json")
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1 and named in answer.err


def test_a_path_regex_is_said_to_have_no_paths_here(pipeline, vectors, tmp_path):
    (tmp_path / "s.yaml").write_text("{n_samples: 2, lightly_path_regex: '(?P<day>[0-9]+)/'}")
    answer = pipeline("select", vectors, "--config", "s.yaml")
    assert answer.code == 0 and "rows have no paths" in answer.err
