import json
import os
import threading
import time
from dataclasses import replace
from datetime import timedelta

import lance
import pytest

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import LakeError
from pipeline_project.versions.collecting import Collection
from pipeline_project.worker.collections.held import (
    MOST_INLINE_BYTES,
    Access,
    Bytes,
    Held,
    output_key,
)
from pipeline_project.worker.collections.publishing import turns_of
from pipeline_project.worker.collections.state import MEMBERS, RESULTS, read_snapshot
from pipeline_project.worker.request import dump_listing
from pipeline_project_tests.contracts.lake import THUMBS, names, thumb

NOW, DAY = timedelta(0), timedelta(days=1)
DATUMS = TABLES["datums"]


@pytest.fixture
def lake(tmp_path):
    return LanceLake((tmp_path / "lake").as_uri(), LocalObjectStore(tmp_path / "lake"))


@pytest.fixture
def collect(lake, tmp_path):
    def collect(older_than=NOW, runs_older_than=DAY, dry_run=False):
        return Collection(
            lake,
            LocalObjectStore(tmp_path / "store"),
            LocalObjectStore(tmp_path / "commands"),
            "gc",
            older_than,
            runs_older_than,
            dry_run,
        ).run()

    return collect


def commit(lake, *rows, branch=None, table=THUMBS):
    writer = lake.begin(run_id="run", branch=branch)
    given = [thumb(row) if isinstance(row, str) else row for row in rows]
    writer.append(table, given)
    return writer.commit("rows")


def all_rows(lake, table=THUMBS):
    return lance.dataset(lake.address(table)).count_rows()


def aged(path, days=2):
    then = time.time() - days * 86_400
    os.utime(path, (then, then))


def test_rows_of_writers_that_died_go_and_committed_ones_stay(lake, collect):
    commit(lake, "a")
    lake.begin(run_id="dead").append(THUMBS, [thumb("lost")])
    commit(lake, "b")
    assert all_rows(lake) == 3
    assert collect(dry_run=True).dead_rows == {"thumbnails": 1}
    assert all_rows(lake) == 3
    assert collect().dead_rows == {"thumbnails": 1}
    assert all_rows(lake) == 2 and names(lake) == ["a", "b"]


def test_rows_of_a_writer_that_is_young_enough_stay_and_can_be_committed(lake, collect):
    commit(lake, "a")
    writer = lake.begin(run_id="slow")
    writer.append(THUMBS, [thumb("b")])
    assert collect(older_than=DAY).dead_rows == {}
    writer.commit("at last")
    assert names(lake) == ["a", "b"]


@pytest.mark.parametrize("branch", [None, "side", "new"])
def test_a_writer_whose_rows_were_taken_cannot_commit_half_of_them(lake, collect, branch):
    commit(lake, "a")
    lake.start_branch("side")
    writer = lake.begin(run_id="slow", branch=branch)
    writer.append(THUMBS, [thumb("b")])
    time.sleep(0.002)  # commit ids count milliseconds
    collect()
    with pytest.raises(LakeError, match="begun so long ago"):
        writer.commit("too late")
    assert names(lake) == ["a"]
    commit(lake, "c")
    assert names(lake) == ["a", "c"]


def test_what_tags_branches_and_old_commits_see_stays(lake, collect):
    for number in range(12):
        commit(lake, f"m{number}")
    lake.tag("v1", "main~8")
    lake.start_branch("side", "main~6")
    commit(lake, "aside", branch="side")
    before = {rev: names(lake, rev) for rev in ("main", "v1", "side", "main~10")}
    found = collect()
    assert found.pieces == {"thumbnails": (13, 1)} and found.bytes_freed > 0
    assert {rev: names(lake, rev) for rev in ("main", "v1", "side", "main~10")} == before
    assert len(lance.dataset(lake.address(THUMBS)).versions()) == 1
    fresh = LanceLake(lake.store.root, lake.store)
    assert {rev: names(fresh, rev) for rev in before} == before


def test_replaced_files_stay_as_long_as_a_reader_may_need_them(lake, collect):
    for number in range(12):
        commit(lake, str(number))
    reader = lance.dataset(lake.address(THUMBS))
    collect(older_than=DAY)
    assert reader.to_table().num_rows == 12
    collect(older_than=NOW)
    with pytest.raises(OSError):
        reader.checkout_version(3).to_table()


def test_reading_and_writing_go_on_while_garbage_is_collected(lake, collect, tmp_path):
    for number in range(10):
        commit(lake, f"a{number}")
    ended, seen, wrong = threading.Event(), [], []

    def read():
        mine = LanceLake((tmp_path / "lake").as_uri(), LocalObjectStore(tmp_path / "lake"))
        while not ended.is_set():
            try:
                seen.append(len(set(names(mine)) & {f"a{n}" for n in range(10)}))
            except LakeError as error:
                wrong.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(3):
            for number in range(9):
                commit(lake, f"b{turn}-{number}")
            collect(older_than=timedelta(0) if turn % 2 else timedelta(seconds=0.01))
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert not wrong and set(seen) == {10}
    assert len(names(lake)) == 10 + 27


def test_of_rows_that_two_runs_computed_alike_the_later_goes(lake, collect):
    first = commit(lake, "a", "b")
    commit(lake, "a", "c")
    assert collect().doubled_rows == {"thumbnails": 1}
    assert all_rows(lake) == 3
    assert names(lake) == ["a", "b", "c"] and names(lake, first.commit_id) == ["a", "b"]


def test_rows_that_differ_stay_at_their_revisions(lake, collect):
    for state in ("failed", "done", "failed", "failed"):
        commit(lake, {"datum_key": "k", "state": state, "run_id": state}, table=DATUMS)
    commit(lake, {"datum_key": "d", "state": "done", "run_id": "one"}, table=DATUMS)
    commit(lake, {"datum_key": "d", "state": "done", "run_id": "two"}, table=DATUMS)
    assert collect().doubled_rows == {"datums": 2}
    told = [
        lake.read(DATUMS, columns=["state"], where=("datum_key", {"k"}), rev=f"main~{n}")
        for n in (5, 4, 3, 2)
    ]
    states = [rows["state"].to_pylist() for rows in told]
    assert states == [["failed"], ["done"], ["failed"], ["failed"]]


def test_the_same_row_on_two_branches_stays_on_both(lake, collect):
    commit(lake, "base")
    lake.start_branch("side")
    commit(lake, "x")
    commit(lake, "x", branch="side")
    assert collect().doubled_rows == {}
    assert names(lake) == names(lake, "side") == ["base", "x"]


def test_files_of_writers_that_died_before_naming_them_go_when_they_are_old(lake, collect):
    commit(lake, "a")
    data = LocalObjectStore(lake.store.path("tables/thumbnails.lance/data"))
    for name in ("old.lance", "young.lance"):
        data.put(name, b"x" * 1000)
    aged(data.path("old.lance"))
    found = collect()
    assert (found.stray_files, data.exists("old.lance"), data.exists("young.lance")) == (
        1, False, True,
    )  # fmt: skip
    assert names(lake) == ["a"]


def test_old_folders_of_runs_and_commands_go(lake, collect, tmp_path):
    for place in ("store/runs/old", "store/runs/young", "commands/old", "commands/young"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        (folder / "file.json").write_bytes(b"{}")
        aged(folder / "file.json", days=2 if place.endswith("old") else 0)
    assert collect().folders == ["runs/old", "commands/old"]
    assert not (tmp_path / "store/runs/old/file.json").exists()
    assert (tmp_path / "store/runs/young/file.json").exists()
    assert (tmp_path / "commands/young/file.json").exists()


def test_pictures_and_uploads_that_no_commit_names_go_when_they_are_old(lake, collect, tmp_path):
    store = LocalObjectStore(tmp_path / "store")
    kept = ["output/known/frames/1.jpg", "input/known.mp4", "output/young/frames/1.jpg"]
    kept += ["input/uploaded.mp4", "input/listed.mp4"]
    for key in [*kept, "output/unknown/frames/1.jpg", "input/unknown.mp4"]:
        store.put(key, b"bytes")
        aged(store.path(key), days=0 if "young" in key else 2)
    sets = {"selection_id": "known", "dataset": "d", "counts": "{}"}
    commit(lake, sets, table=TABLES["selection_sets"])
    row = {"uri": f"{store.root}/input/known.mp4", "sha256": "0", "name": "known.mp4"}
    commit(lake, row, table=TABLES["media_sources"])
    uri, stored = "file://laptop-1/a/uploaded.mp4", f"{store.root}/input/uploaded.mp4"
    row = {"uri": uri, "sha256": "1", "name": "uploaded.mp4", "stored_uri": stored}
    commit(lake, row, table=TABLES["media_sources"])
    ref = MediaRef("file://laptop-1/a/listed.mp4", "listed.mp4", "a", 1, "1")
    ref = replace(ref, stored_uri=f"{store.root}/input/listed.mp4")
    store.put("runs/at-work/listing.jsonl", dump_listing([ref]))
    assert collect(older_than=DAY).objects == ["output/unknown/frames/1.jpg", "input/unknown.mp4"]
    assert sorted(each.key for each in store.list()) == sorted(
        [*kept, "runs/at-work/listing.jsonl"]
    )


def made(lake, key, *contents, branch=None, state="done", run="run"):
    """A committed result of a step, whose outputs lie in the store."""
    files = [Held(f"/{sha256[:1]}", sha256, 9).as_json() for sha256 in contents]
    row = {"datum_key": key, "pipeline": "p", "outputs": json.dumps(files), "state": state}
    return commit(lake, {**row, "run_id": run}, table=RESULTS, branch=branch)


def test_outputs_of_steps_that_any_version_needs_stay_and_the_others_go(lake, collect, tmp_path):
    store = LocalObjectStore(tmp_path / "store")
    kept = {each: each * 64 for each in ("a", "b", "c")}
    for sha256 in (*kept.values(), "d" * 64, "e" * 64):
        store.put(output_key(sha256), b"made")
        aged(store.path(output_key(sha256)), days=0 if sha256.startswith("e") else 2)
    turn = f"{turns_of('main', 'p')}/first.json"
    store.put(turn, b"{}")
    aged(store.path(turn))
    made(lake, "old code", kept["a"])
    lake.tag("v1")
    lake.start_branch("side")
    made(lake, "new code", kept["b"])
    made(lake, "elsewhere", kept["c"], branch="side")
    assert collect(older_than=DAY).objects == [output_key("d" * 64)]
    left = {each.key for each in store.list("collections")}
    assert left == {*(output_key(each) for each in (*kept.values(), "e" * 64)), turn}


def test_what_a_run_that_died_made_goes_with_its_rows(lake, collect, tmp_path):
    store = LocalObjectStore(tmp_path / "store")
    store.put(output_key("a" * 64), b"made")
    files = json.dumps([Held("/a", "a" * 64, 9).as_json()])
    lake.begin(run_id="dead").append(RESULTS, [{"datum_key": "k", "outputs": files}])
    assert collect(older_than=DAY).objects == []
    time.sleep(0.002)  # commit ids count milliseconds
    for dry_run in (True, False):
        found = collect(dry_run=dry_run)
        assert found.dead_rows == {"collection_results": 1}
        assert found.objects == [output_key("a" * 64)]
    assert not store.exists(output_key("a" * 64))


def test_an_output_that_is_made_again_is_young_again(lake, collect, tmp_path):
    keeper = Bytes(Access((tmp_path / "store").as_uri()))
    data = b"x" * (MOST_INLINE_BYTES + 1)
    held = keeper.keep("/a", data)
    aged(keeper.store.path(held.key))
    again = keeper.keep("/a", data)
    assert collect(older_than=DAY).objects == []
    assert keeper.read(again) == data


def test_results_that_two_runs_made_alike_are_folded_and_states_of_pipelines_are_not(lake, collect):
    for run in ("one", "two"):
        made(lake, "k", "a" * 64, run=run)
        made(lake, "f", state="failed", run=run)
        member = {"pipeline": "p", "collection": "c", "member": "m", "state": "done"}
        commit(lake, member, table=MEMBERS)
    before = read_snapshot(lake, "p")
    assert collect().doubled_rows == {"collection_results": 1}
    assert read_snapshot(lake, "p") == before
