import random

import pytest

from pipeline_project.adapters.lake import visible
from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project_tests.contracts.lake import thumb


@pytest.mark.parametrize("joined", [1, 5, 10_000])
def test_rows_of_very_many_keys_are_found_whatever_is_compared_at_once(
    tmp_path, monkeypatch, joined
):
    monkeypatch.setattr(visible, "_JOINED_ROWS", joined)
    lake = LanceLake(tmp_path.as_uri(), LocalObjectStore(tmp_path))
    table = TABLES["thumbnails"]
    for turn in range(3):
        writer = lake.begin(run_id=str(turn))
        for start in range(0, 40, 10):
            own = range(start, start + 10)
            rows = [{**thumb(f"f{n}"), "jpeg": f"{n} {turn}".encode()} for n in own]
            writer.append(table, rows)
        if turn < 2:
            writer.commit(str(turn))  # the third run died
    wanted = [*range(3, 40, 4), *range(1000, 2000)]
    random.Random(0).shuffle(wanted)
    found = lake.read(
        table, columns=["frame_id", "jpeg"], where=("frame_id", [*map("f{}".format, wanted)])
    )
    assert [row["frame_id"] for row in found.to_pylist()] == [f"f{n}" for n in range(3, 40, 4)]
    assert [row["jpeg"] for row in found.to_pylist()] == [
        f"{n} 1".encode() for n in range(3, 40, 4)
    ]


def test_of_keys_of_two_columns_only_those_that_are_alike_in_both_are_one(tmp_path):
    """Each part of the key stands in many rows, as a frame does in many selections."""
    lake = LanceLake(tmp_path.as_uri(), LocalObjectStore(tmp_path))
    table = TABLES["candidates"]

    def commit(*keys, outcome):
        writer = lake.begin(run_id=outcome)
        rows = [{"selection_id": one, "frame_id": two, "outcome": outcome} for one, two in keys]
        writer.append(table, rows)
        writer.commit(outcome)

    commit(("s1", "a"), ("s1", "b"), ("s2", "a"), ("s1", "alone"), outcome="first")
    commit(("s2", "a"), ("s2", "b"), outcome="second")
    rows = lake.read(table, columns=["selection_id", "frame_id", "outcome"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("s1", "a", "first"),
        ("s1", "b", "first"),
        ("s1", "alone", "first"),
        ("s2", "a", "second"),
        ("s2", "b", "second"),
    ]
