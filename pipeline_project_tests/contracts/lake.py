"""What every `Lake` must do; each twin's test subclasses this pack."""

import threading

import numpy as np
import pyarrow as pa
import pytest

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, embeddings_table
from pipeline_project.errors import ConfigError, LakeError

THUMBS = TABLES["thumbnails"]


def thumb(name: str, datum: str = "d") -> dict:
    return {"frame_id": name, "datum_key": datum, "jpeg": name.encode()}


def names(lake: Lake, rev: str = "main") -> list[str]:
    return sorted(lake.read(THUMBS, columns=["frame_id"], rev=rev)["frame_id"].to_pylist())


class LakeContract:
    @pytest.fixture
    def lake(self) -> Lake:
        raise NotImplementedError

    def commit(self, lake: Lake, *rows: str, message: str = "rows"):
        writer = lake.begin(run_id="run")
        writer.append(THUMBS, [thumb(row) for row in rows])
        return writer.commit(message)

    def test_a_new_lake_reads_empty_and_has_no_log(self, lake):
        assert lake.read(THUMBS).num_rows == 0
        assert list(lake.log()) == []
        assert lake.resolve("main") is None

    def test_rows_are_invisible_until_their_commit(self, lake):
        writer = lake.begin(run_id="run")
        writer.append(THUMBS, [thumb("a")])
        assert names(lake) == []
        writer.commit("now")
        assert names(lake) == ["a"]

    def test_rows_of_a_writer_that_never_commits_stay_invisible(self, lake):
        lake.begin(run_id="dead").append(THUMBS, [thumb("lost")])
        self.commit(lake, "a")
        assert names(lake) == ["a"]

    def test_an_old_revision_does_not_see_newer_rows(self, lake):
        first = self.commit(lake, "a")
        self.commit(lake, "b")
        assert names(lake, first.commit_id) == ["a"]
        assert names(lake, "main~1") == ["a"]
        assert names(lake) == ["a", "b"]

    def test_the_log_is_newest_first_and_linked_by_parents(self, lake):
        commits = [self.commit(lake, str(number)) for number in range(3)]
        log = list(lake.log())
        assert [c.commit_id for c in log] == [c.commit_id for c in reversed(commits)]
        assert [c.sequence for c in log] == [3, 2, 1]
        assert [c.parent for c in log] == [commits[1].commit_id, commits[0].commit_id, None]
        assert log[0].counts == {"thumbnails": 1}

    def test_a_commit_without_rows_is_recorded(self, lake):
        lake.begin(run_id="run").commit("nothing new")
        assert [c.message for c in lake.log()] == ["nothing new"]

    def test_two_writers_at_once_both_land_and_see_each_other_only_committed(self, lake):
        one, two = lake.begin(run_id="1"), lake.begin(run_id="2")
        one.append(THUMBS, [thumb("one")])
        two.append(THUMBS, [thumb("two")])
        one.commit("one")
        assert names(lake) == ["one"]
        two.commit("two")
        assert names(lake) == ["one", "two"]

    def test_many_threads_committing_lose_and_double_nothing(self, lake):
        def work(worker: int) -> None:
            for turn in range(3):
                self.commit(lake, f"{worker}-{turn}", "shared")

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = sorted([f"{w}-{t}" for w in range(4) for t in range(3)] + ["shared"])
        assert names(lake) == expected
        assert [c.sequence for c in lake.log()] == list(range(12, 0, -1))

    def test_a_key_written_twice_is_read_once_with_its_last_value(self, lake):
        for state in ("failed", "done"):
            writer = lake.begin(run_id="run")
            writer.append(TABLES["datums"], [{"datum_key": "k", "state": state}])
            writer.commit(state)
        assert lake.read(TABLES["datums"], columns=["state"])["state"].to_pylist() == ["done"]

    @pytest.mark.parametrize("many", [1, 2000])
    def test_of_a_key_written_twice_the_row_committed_last_is_read(self, lake, many):
        datums = TABLES["datums"]
        early, late = lake.begin(run_id="early"), lake.begin(run_id="late")
        late.append(datums, [{"datum_key": "k", "state": "late"}])
        late.append(datums, [{"datum_key": "k", "state": "latest"}])
        early.append(datums, [{"datum_key": "k", "state": "early"}])
        early.commit("first")
        late.commit("second")
        wanted = ("datum_key", {"k", *(f"x{n}" for n in range(many))})
        for where in (None, wanted):
            rows = lake.read(datums, columns=["state"], where=where)
            assert rows["state"].to_pylist() == ["latest"]
            rows = lake.read(datums, columns=["state"], where=where, rev="main~1")
            assert rows["state"].to_pylist() == ["early"]

    @pytest.mark.parametrize("many", [1, 2000])
    def test_where_returns_only_matching_rows(self, lake, many):
        writer = lake.begin(run_id="run")
        writer.append(THUMBS, [thumb(f"f{n}", f"d'{n % 2}") for n in range(6)])
        writer.commit("six")
        wanted = {"d'1", *(f"x{n}" for n in range(many))}
        found = lake.read(THUMBS, columns=["frame_id"], where=("datum_key", wanted))
        assert sorted(found["frame_id"].to_pylist()) == ["f1", "f3", "f5"]
        whole = lake.read(THUMBS, where=("datum_key", wanted))
        assert whole.schema.names == ["frame_id", "datum_key", "jpeg"]
        assert sorted(whole["jpeg"].to_pylist()) == [b"f1", b"f3", b"f5"]
        nothing = lake.read(THUMBS, where=("datum_key", wanted - {"d'1"}))
        assert (nothing.num_rows, nothing.schema) == (0, whole.schema)
        assert lake.read(THUMBS, where=("datum_key", set())).num_rows == 0

    def test_vectors_come_back_as_they_were(self, lake):
        table = embeddings_table("space-v1", 8)
        vectors = np.arange(16, dtype=np.float32).reshape(2, 8)
        rows = pa.table(
            {
                "frame_id": ["a", "b"],
                "datum_key": ["d", "d"],
                "vector": pa.FixedSizeListArray.from_arrays(vectors.ravel(), 8),
            }
        )
        writer = lake.begin(run_id="run")
        writer.append(table, rows)
        writer.commit("vectors")
        back = lake.read(table, columns=["vector"])["vector"].combine_chunks()
        assert np.array_equal(np.asarray(back.flatten()).reshape(2, 8), vectors)

    def test_rows_that_do_not_fit_are_refused(self, lake):
        with pytest.raises(LakeError, match="thumbnails"):
            lake.begin(run_id="run").append(THUMBS, [{"frame_id": 3, "jpeg": "text"}])

    def test_a_tag_names_its_commit_for_good(self, lake):
        self.commit(lake, "a")
        lake.tag("v1")
        self.commit(lake, "b")
        assert names(lake, "v1") == ["a"]
        with pytest.raises(ConfigError, match="v1"):
            lake.tag("v1")
        assert lake.tags() == {"v1": lake.resolve("main~1").commit_id}

    def test_a_tag_can_not_take_the_name_of_a_branch_or_commit(self, lake):
        commit = self.commit(lake, "a")
        lake.begin(run_id="run", branch="side").commit("aside")
        for name in ("main", "side", commit.commit_id, commit.commit_id[:5], "0" * 24):
            with pytest.raises(ConfigError, match=name):
                lake.tag(name)
        assert lake.tags() == {}
        self.commit(lake, "b")
        assert names(lake) == ["a", "b"]
        assert names(lake, commit.commit_id) == ["a"]

    def test_a_branch_can_not_take_the_name_of_a_tag_or_commit(self, lake):
        commit = self.commit(lake, "a")
        lake.tag("v1")
        for name in ("v1", commit.commit_id):
            with pytest.raises(ConfigError, match=name):
                lake.begin(run_id="run", branch=name)

    @pytest.mark.parametrize("rev", ["nothing", "main~7", "main~x"])
    def test_an_unknown_revision_is_an_error_that_names_it(self, lake, rev):
        self.commit(lake, "a")
        with pytest.raises(LakeError, match=rev):
            lake.read(THUMBS, rev=rev)

    @pytest.mark.parametrize("rev", ["../up", "", "a b"])
    def test_a_name_that_cannot_be_one_is_refused(self, lake, rev):
        with pytest.raises(ConfigError):
            lake.resolve(rev)

    def test_a_branch_sees_its_base_and_its_own_rows_alone(self, lake):
        first = self.commit(lake, "a")
        self.commit(lake, "b")
        assert lake.start_branch("side", "main~1").base == first.commit_id
        assert names(lake, "side") == ["a"]
        writer = lake.begin(run_id="run", branch="side")
        writer.append(THUMBS, [thumb("c")])
        commit = writer.commit("aside")
        assert (commit.sequence, commit.parent) == (2, first.commit_id)
        self.commit(lake, "d")
        assert names(lake, "side") == names(lake, commit.commit_id) == ["a", "c"]
        assert names(lake, "side~1") == ["a"] and names(lake) == ["a", "b", "d"]
        assert [each.commit_id for each in lake.log("side")] == [commit.commit_id, first.commit_id]
        lake.start_branch("twig", "side")
        assert names(lake, "twig~1") == ["a"]
        assert [branch.name for branch in lake.branches()] == ["main", "side", "twig"]

    def test_a_branch_can_not_be_started_twice_or_from_nothing(self, lake):
        with pytest.raises(LakeError, match="no commit yet"):
            lake.start_branch("side")
        commit = self.commit(lake, "a")
        lake.tag("v1")
        lake.start_branch("side")
        for name in ("main", "side", "v1", commit.commit_id):
            with pytest.raises(ConfigError, match=name):
                lake.start_branch(name)

    def test_a_deleted_branch_is_gone_but_for_what_tags_and_branches_see_of_it(self, lake):
        self.commit(lake, "a")
        lake.start_branch("side")
        for row in "bc":
            writer = lake.begin(run_id="run", branch="side")
            writer.append(THUMBS, [thumb(row)])
            writer.commit("aside")
        tagged = lake.tag("kept", "side~1")
        assert lake.delete_branch("side") == 1
        assert [branch.name for branch in lake.branches()] == ["main"]
        with pytest.raises(LakeError, match="side"):
            lake.resolve("side")
        with pytest.raises(ConfigError, match="was deleted"):
            lake.start_branch("side")
        assert names(lake, "kept") == names(lake, tagged.commit_id) == ["a", "b"]
        assert lake.delete_tag("kept") == 1 and lake.tags() == {}

    def test_a_commit_knows_its_settings_and_the_version_of_every_table(self, lake):
        writer = lake.begin(run_id="run", settings=b'{"n": 1}')
        writer.append(THUMBS, [thumb("a")])
        first = writer.commit("with settings")
        writer = lake.begin(run_id="run")
        writer.append(TABLES["datums"], [{"datum_key": "k", "state": "done"}])
        second = writer.commit("without")
        assert lake.settings(first) == b'{"n": 1}' and lake.settings(second) == b""
        assert second.table_versions["thumbnails"] == first.table_versions["thumbnails"]
        assert {table.name for table in lake.tables()} == {"datums", "thumbnails"}
