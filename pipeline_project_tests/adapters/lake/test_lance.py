import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import lance
import pyarrow as pa
import pytest

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES, embeddings_table
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import LakeError
from pipeline_project_tests.contracts.lake import THUMBS, LakeContract, names, thumb

WRITER = """
import sys
from pathlib import Path
from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
root, worker, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
lake = LanceLake(root.as_uri(), LocalObjectStore(root))
for turn in range(rounds):
    writer = lake.begin(run_id=worker)
    rows = [f"{worker}-{turn}-{n}" for n in range(20)] + [f"shared-{turn}-{n}" for n in range(20)]
    table = [{"frame_id": row, "datum_key": "d", "jpeg": b""} for row in rows]
    writer.append(TABLES["thumbnails"], table)
    writer.commit(f"{worker} {turn}")
    print(f"{worker}-{turn}", flush=True)
"""

READER = """
import sys
from pathlib import Path
from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
root = Path(sys.argv[1])
lake = LanceLake(root.as_uri(), LocalObjectStore(root))
def peak_kib():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1])
lake.read(TABLES["thumbnails"], where=("frame_id", {"f0"}))
before = peak_kib()
rows = lake.read(TABLES["thumbnails"], where=("frame_id", {f"f{n}" for n in range(1000)}))
print(rows.num_rows, peak_kib() - before)
"""


def local_lake(root):
    return LanceLake(root.as_uri(), LocalObjectStore(root))


def start_writer(root, worker: str, rounds: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), worker, str(rounds)], stdout=subprocess.PIPE
    )


def seed_and_count(default_count: int) -> tuple[random.Random, int]:
    """`make soak` sets both; the seed is printed by pytest when the test fails."""
    seed = int(os.environ.get("SOAK_SEED", "7"))
    return random.Random(seed), int(os.environ.get("SOAK_COUNT", default_count))


class TestLanceLake(LakeContract):
    @pytest.fixture
    def lake(self, tmp_path):
        return local_lake(tmp_path / "lake")

    def test_processes_racing_on_one_lake_lose_and_double_nothing(self, tmp_path):
        root = tmp_path / "lake"
        writers = [start_writer(root, f"w{n}", 4) for n in range(3)]
        assert [writer.wait(120) for writer in writers] == [0, 0, 0]
        expected = {f"w{w}-{t}-{n}" for w in range(3) for t in range(4) for n in range(20)}
        expected |= {f"shared-{t}-{n}" for t in range(4) for n in range(20)}
        assert names(local_lake(root)) == sorted(expected)
        assert [c.sequence for c in local_lake(root).log()] == list(range(12, 0, -1))

    @pytest.mark.soak
    def test_a_writer_killed_at_any_moment_loses_no_acknowledged_commit(self, tmp_path):
        chance, count = seed_and_count(3)
        root = tmp_path / "lake"
        acknowledged: list[str] = []
        for turn in range(count):
            writer = start_writer(root, f"k{turn}", 10_000)
            acknowledged.append(writer.stdout.readline().decode().strip())
            time.sleep(chance.uniform(0.0, 0.4))
            writer.send_signal(signal.SIGKILL)
            acknowledged += writer.stdout.read().decode().split("\n")[:-1]
            writer.wait(30)
            seen = names(local_lake(root))
            assert len(seen) == len(set(seen))
            missing = {f"{ack}-{n}" for ack in acknowledged for n in range(20)} - set(seen)
            assert not missing
        assert len(acknowledged) >= count

    def test_the_head_is_found_without_listing_all_commits_again(self, tmp_path):
        listings = []

        class Counted(LocalObjectStore):
            def list(self, prefix=""):
                listings.append(prefix)
                return super().list(prefix)

        mine = LanceLake((tmp_path / "lake").as_uri(), Counted(tmp_path / "lake"))
        other = local_lake(tmp_path / "lake")
        expected = []
        for turn in range(4):
            for lake in (mine, other):
                expected.append(f"{turn}-{lake is mine}")
                self.commit(lake, expected[-1])
                assert names(mine) == sorted(expected)
        assert listings == ["commits/main"]

    @pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
    def test_reading_very_many_keys_takes_no_memory_for_other_rows(self, lake, tmp_path):
        writer = lake.begin(run_id="run")
        rows = [{**thumb(f"f{n}"), "jpeg": os.urandom(10_000)} for n in range(20_000)]
        writer.append(THUMBS, rows)
        writer.commit("200 MB, of which 10 MB are wanted")
        told = subprocess.check_output([sys.executable, "-c", READER, str(tmp_path / "lake")])
        count, more_kib = map(int, told.split())
        assert count == 1000
        assert more_kib < 80_000

    def test_other_tools_read_the_tables_without_our_code(self, lake):
        duckdb = pytest.importorskip("duckdb", reason="the extra `dev` is not installed")
        self.commit(lake, "a", "b")
        rows = lance.dataset(lake.address(THUMBS)).to_table()  # noqa: F841 - duckdb finds it
        assert duckdb.sql("select count(*) from rows").limit(1).fetchall() == [(2,)]

    def test_every_table_marks_its_key_and_carries_the_schema_version(self):
        for table in [*TABLES.values(), embeddings_table("s", 4)]:
            marked = [
                field.name
                for field in table.schema
                if b"lance-schema:unenforced-primary-key" in (field.metadata or {})
            ]
            assert set(marked) == set(table.key), table.name
            assert table.key[-1] == "commit_id"
            assert b"pipeline_project.schema_version" in table.schema.metadata

    def test_the_key_mark_and_version_reach_the_disk(self, lake):
        self.commit(lake, "a")
        schema = lance.dataset(lake.address(THUMBS)).schema
        assert schema.metadata[b"pipeline_project.schema_version"] == b"1"
        assert b"lance-schema:unenforced-primary-key" in schema.field("frame_id").metadata

    def test_a_table_made_by_a_newer_version_is_refused(self, lake):
        self.commit(lake, "a")
        newer = THUMBS.schema.with_metadata({b"pipeline_project.schema_version": b"99"})
        lance.write_dataset(
            pa.Table.from_pylist([{**thumb("b"), "commit_id": "c"}], schema=newer),
            lake.address(THUMBS),
            mode="overwrite",
        )
        with pytest.raises(LakeError, match="99.*Upgrade"):
            lake.read(THUMBS)

    def test_a_commit_record_of_a_newer_version_is_refused(self, lake, tmp_path):
        self.commit(lake, "a")
        record = next((tmp_path / "lake" / "commits" / "main").iterdir())
        record.write_text(json.dumps({**json.loads(record.read_text()), "schema_version": 99}))
        with pytest.raises(LakeError, match="99"):
            local_lake(tmp_path / "lake").read(THUMBS)

    def test_a_damaged_commit_record_is_named(self, lake, tmp_path):
        self.commit(lake, "a")
        record = next((tmp_path / "lake" / "commits" / "main").iterdir())
        record.write_text("{")
        with pytest.raises(LakeError, match="commits/main/000000000001.json"):
            local_lake(tmp_path / "lake").read(THUMBS)

    def test_a_damaged_table_is_named(self, lake, tmp_path):
        self.commit(lake, "a")
        for manifest in (tmp_path / "lake" / "tables" / "thumbnails.lance" / "_versions").iterdir():
            manifest.write_bytes(b"")
        with pytest.raises(LakeError, match="thumbnails"):
            local_lake(tmp_path / "lake").read(THUMBS)


def test_a_table_of_an_older_version_takes_and_shows_new_columns(tmp_path):
    new = TABLES["scores"]
    few = [new.schema.field(name) for name in ("frame_id", "datum_key", "mean_luma", "commit_id")]
    old = replace(new, schema=pa.schema(few, metadata=new.schema.metadata))
    lake = LanceLake(tmp_path.as_uri(), LocalObjectStore(tmp_path))
    writer = lake.begin(run_id="old")
    writer.append(old, [{"frame_id": "a", "datum_key": "k", "mean_luma": 1.0}])
    writer.commit("old")
    expected = [{"frame_id": "a", "mean_luma": 1.0, "sharpness": None}]
    columns = list(expected[0])
    assert lake.read(new, columns=columns).to_pylist() == expected
    many = ("frame_id", {"a", *map(str, range(2000))})
    assert lake.read(new, columns=columns, where=many).to_pylist() == expected
    writer = lake.begin(run_id="new")
    writer.append(new, [{"frame_id": "b", "datum_key": "k", "mean_luma": 2.0, "sharpness": 0.5}])
    writer.commit("new")
    assert sorted(row["sharpness"] or 0 for row in lake.read(new).to_pylist()) == [0, 0.5]
    assert lake.read(old, columns=["frame_id"]).num_rows == 2
