import time
from datetime import timedelta

import pytest

from pipeline_project.adapters.lake.lance import LanceLake, settings_key
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import ConfigError, LakeError
from pipeline_project.versions.collecting import Collection
from pipeline_project_tests.contracts.lake import THUMBS, names, thumb
from pipeline_project_tests.versions.test_collecting import commit
from pipeline_project_tests.worker.footage import still
from pipeline_project_tests.worker.house import House


def test_a_run_on_a_branch_knows_what_its_base_knew_and_leaves_main_alone(tmp_path):
    house = House(tmp_path)
    still(house.media / "a.png", 1)
    house.run(selection={"n_samples": 1})
    house.lake.start_branch("try")
    still(house.media / "b.png", 2)
    aside = house.run(selection={"n_samples": 1}, branch="try")
    assert aside.counts["hashed_files"] == aside.counts["decoded_files"] == 1
    assert house.lake.read(TABLES["frames"], rev="try").num_rows == 2
    assert house.lake.read(TABLES["frames"]).num_rows == 1
    assert aside.result.commit_id == house.lake.resolve("try").commit_id
    with pytest.raises(LakeError, match="typo"):
        house.run(branch="typo")


@pytest.fixture
def lake(tmp_path):
    """Two commits on main, and two more on a branch."""
    lake = LanceLake((tmp_path / "lake").as_uri(), LocalObjectStore(tmp_path / "lake"))
    for row in "ab":
        commit(lake, row)
    lake.start_branch("side")
    for row in "cd":
        commit(lake, row, branch="side")
    return lake


def reopened(lake):
    return LanceLake(lake.store.root, lake.store)


def collect(lake, tmp_path, older_than=timedelta(0)):
    time.sleep(0.002)  # commit ids count milliseconds
    store = LocalObjectStore(tmp_path / "store")
    return Collection(lake, store, None, "gc", older_than, timedelta(days=30)).run()


def test_a_deleted_branch_is_not_there_and_its_name_is_not_given_again(lake):
    assert lake.delete_branch("side") == 2
    for each in (lake, reopened(lake)):
        assert [branch.name for branch in each.branches()] == ["main"]
        with pytest.raises(LakeError, match="no branch, tag or commit"):
            each.resolve("side")
        for start in (each.start_branch, lambda name, of=each: of.begin(run_id="r", branch=name)):
            with pytest.raises(ConfigError, match="was deleted"):
                start("side")
    assert names(lake) == ["a", "b"]


def test_main_and_what_is_not_there_cannot_be_deleted(lake):
    with pytest.raises(ConfigError, match="main"):
        lake.delete_branch("main")
    for take in (lake.delete_branch, lake.delete_tag):
        with pytest.raises(LakeError, match="none of this name"):
            take("typo")


def test_garbage_collection_takes_what_only_a_deleted_branch_saw(lake, tmp_path):
    writer = lake.begin(run_id="r", branch="side", settings=b"{}")
    writer.append(THUMBS, [thumb("e")])
    last = writer.commit("with settings")
    assert lake.delete_branch("side") == 3
    young = collect(lake, tmp_path, older_than=timedelta(hours=1))
    assert (young.dead_rows, young.commits, young.objects) == ({}, 0, [])
    found = collect(lake, tmp_path)
    assert (found.dead_rows, found.commits) == ({"thumbnails": 3}, 3)
    assert found.objects == [settings_key(last.settings_sha256)]
    assert names(reopened(lake)) == ["a", "b"]


def test_what_a_tag_or_another_branch_stands_on_stays(lake, tmp_path):
    tagged = lake.tag("kept", "side~1")
    lake.start_branch("further", "side~1")
    assert lake.delete_branch("side") == 1
    assert collect(lake, tmp_path).commits == 1
    fresh = reopened(lake)
    commit(fresh, "x", branch="further")
    assert names(fresh, "further") == ["a", "b", "c", "x"]
    assert names(fresh, "kept") == names(fresh, tagged.commit_id) == ["a", "b", "c"]
    assert fresh.delete_branch("further") == 2  # its own, and what garbage collection told there
    collect(fresh, tmp_path)
    assert names(reopened(lake), tagged.commit_id[:16]) == ["a", "b", "c"]
    assert reopened(lake).delete_tag("kept") == 1
    assert collect(reopened(lake), tmp_path).dead_rows == {"thumbnails": 1}
    assert names(reopened(lake)) == ["a", "b"]


def test_a_writer_on_a_branch_that_is_deleted_meanwhile_is_told(lake):
    other = reopened(lake)
    writer = other.begin(run_id="r", branch="side")
    writer.append(THUMBS, [thumb("late")])
    lake.delete_branch("side")
    with pytest.raises(LakeError, match="the branch was deleted"):
        writer.commit("too late")


def test_settings_of_a_run_stay_as_long_as_a_commit_names_them(lake, tmp_path):
    kept = [lake.begin(run_id="r", settings=each).commit("run") for each in (b"one", b"two")]
    lake.store.put(settings_key("0" * 64), b"of a run that died")
    found = collect(lake, tmp_path)
    assert found.objects == [settings_key("0" * 64)]
    assert [lake.settings(each) for each in kept] == [b"one", b"two"]
