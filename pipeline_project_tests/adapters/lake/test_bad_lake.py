"""A lake that was damaged, or whose disk is full or read-only: told clearly, the rest readable."""

import contextlib
import os
import shutil
import subprocess

import pytest

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import LakeError, PipelineError
from pipeline_project_tests.contracts.lake import THUMBS, names, thumb

DATUMS = TABLES["datums"]


def opened(root):
    return LanceLake(root.as_uri(), LocalObjectStore(root))


def commit(lake, *rows):
    writer = lake.begin(run_id="run")
    writer.append(THUMBS, [thumb(row) for row in rows])
    writer.append(DATUMS, [{"datum_key": row, "state": "done"} for row in rows])
    return writer.commit("rows")


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "lake"
    lake = opened(root)
    commit(lake, "a")
    commit(lake, "b")
    return root


def table(root):
    return root / "tables" / "thumbnails.lance"


@contextlib.contextmanager
def mounted(folder, options):
    """A file system of its own; mounting it needs root."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("harm", ["cut off", "zeros", "gone"])
def test_a_corrupt_table_is_named_and_the_other_tables_stay_readable(root, harm):
    for file in (table(root) / "data").iterdir():
        if harm == "gone":
            file.unlink()
        else:
            size = file.stat().st_size
            file.write_bytes(file.read_bytes()[: size // 2] if harm == "cut off" else bytes(size))
    lake = opened(root)
    with pytest.raises(LakeError, match="thumbnails.*Restore"):
        lake.read(THUMBS)
    assert lake.read(DATUMS).num_rows == 2
    assert [each.sequence for each in lake.log()] == [2, 1]


def test_a_missing_table_version_is_told_and_the_commit_before_stays_readable(root):
    # The newest manifest has the smallest number.
    min((table(root) / "_versions").glob("*.manifest")).unlink()
    lake = opened(root)
    with pytest.raises(LakeError, match="thumbnails.*needs version 3.*files of it were lost"):
        lake.read(THUMBS)
    assert names(lake, "main~1") == ["a"]
    with pytest.raises(LakeError, match="files of it were lost"):
        commit(lake, "c")
    assert [each.sequence for each in lake.log()] == [2, 1]


def test_a_table_that_is_not_there_any_more_is_not_read_as_empty(root):
    shutil.rmtree(table(root))
    with pytest.raises(LakeError, match="thumbnails.*is not there"):
        opened(root).read(THUMBS)
    assert opened(root).read(DATUMS).num_rows == 2


def test_a_branch_or_tag_record_that_is_damaged_is_named(root):
    lake = opened(root)
    lake.start_branch("side")
    lake.tag("v1")
    for key in ("branches/side.json", "tags/v1.json"):
        (root / key).write_text("{")
        with pytest.raises(LakeError, match=key):
            opened(root).resolve(key.partition("/")[2].removesuffix(".json"))
    assert names(opened(root)) == ["a", "b"]


@pytest.mark.parametrize("left_bytes", [0, 2_000, 6_000, 10_000, 20_000])
def test_a_disk_that_is_full_amid_a_commit_leaves_the_last_commit_readable(tmp_path, left_bytes):
    with mounted(tmp_path / "small", "size=2m") as disk:
        root = disk / "lake"
        commit(opened(root), "a")
        filler, room = disk / "filler", os.statvfs(disk)
        filler.write_bytes(bytes(max(0, room.f_bavail * room.f_frsize - left_bytes)))
        lake = opened(root)
        seen = ["a"]
        try:
            for number in range(20):
                commit(lake, f"b{number}")
                seen.append(f"b{number}")
        except PipelineError as error:
            assert "No space left" in str(error) or "os error 28" in str(error)
            assert "free space" in str(error)
        else:
            pytest.fail("the disk was not full")
        assert names(lake) == names(opened(root)) == sorted(seen)
        filler.unlink()
        commit(opened(root), "c")
        assert names(opened(root)) == sorted([*seen, "c"])


def test_a_read_only_disk_can_be_read_and_says_why_it_cannot_be_written(tmp_path):
    with mounted(tmp_path / "disk", "size=2m") as disk:
        commit(opened(disk / "lake"), "a")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        lake = opened(disk / "lake")
        assert names(lake) == ["a"]
        with pytest.raises(PipelineError, match="(?i)read-only file system"):
            commit(lake, "b")
        with pytest.raises(PipelineError, match="(?i)read-only file system"):
            lake.tag("v1")
        assert names(opened(disk / "lake")) == ["a"]
