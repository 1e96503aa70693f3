import errno
import os
from pathlib import Path

import pytest

from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import StoreError
from pipeline_project_tests.contracts.object_store import ObjectStoreContract


class TestLocalObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return LocalObjectStore(tmp_path / "store")

    def test_nothing_but_objects_is_listed_after_failures(self, store, tmp_path):
        store.put_new("a", b"1")
        with pytest.raises(StoreError):
            store.put_new("a", b"2")
        assert [item.key for item in store.list()] == ["a"]
        assert not [p for p in (tmp_path / "store" / ".store").iterdir() if "lock" not in p.name]

    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="/proc tells what is synced")
    @pytest.mark.parametrize("way", ["put", "put_new", "put_if", "put_file"])
    def test_a_write_syncs_its_bytes_and_then_its_name(self, store, tmp_path, monkeypatch, way):
        synced: list[tuple[Path, object]] = []
        really = os.fsync

        def watched(handle: int) -> None:
            path = Path(f"/proc/self/fd/{handle}").readlink()
            names = {each.name for each in path.iterdir()} if path.is_dir() else None
            synced.append((path, path.read_bytes() if names is None else names))
            really(handle)

        folder = tmp_path / "store" / "made" / "for"
        source = tmp_path / "source"
        source.write_bytes(b"new")
        etag = store.put("made/for/k", b"old").etag if way == "put_if" else None
        monkeypatch.setattr(os, "fsync", watched)
        if way == "put_file":
            store.put_file("made/for/k", source)
        elif etag is not None:
            store.put_if("made/for/k", b"new", etag)
        else:
            getattr(store, way)("made/for/k", b"new")
        *before, last = synced
        assert last == (folder, {"k"})
        assert b"new" in [what for _, what in before]
        made = {} if way == "put_if" else {folder.parent: {"for"}}
        assert made.items() <= dict(item for item in before if item[0].is_dir()).items()

    def test_what_the_file_system_refuses_is_a_clear_error(self, store, monkeypatch):
        def refused(source, target):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "link", refused)
        with pytest.raises(StoreError, match="Writing a to .*No space left.*--home"):
            store.put_new("a", b"1")
        assert not store.exists("a")

    def test_a_root_that_cannot_be_made_is_a_clear_error(self, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StoreError, match="--home"):
            LocalObjectStore(tmp_path / "file" / "store").put("a", b"1")


class TestWithoutHardLinks(ObjectStoreContract):
    """On a file system such as exFAT."""

    @pytest.fixture
    def store(self, tmp_path, monkeypatch):
        def refused(source, target):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refused)
        return LocalObjectStore(tmp_path / "store")
