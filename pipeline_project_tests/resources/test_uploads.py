import hashlib
import os
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline_project.adapters.addresses import path_of
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.object_store.s3 import S3ObjectStore
from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import RemoteTimedOut, StoreError
from pipeline_project.resources.store import RunStore
from pipeline_project.resources.uploads import upload_files
from pipeline_project.worker.request import listing_key, load_listing


@pytest.fixture
def media(tmp_path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for name, data in {"a.MP4": b"a", "b.jpg": b"b", "copy of b.jpg": b"b"}.items():
        (folder / name).write_bytes(data)
    (folder / "gone.mp4").symlink_to("nowhere")
    return folder


def keep() -> None:
    """Nothing to renew."""


def upload(store, run_id, earlier=()):
    """Upload, where the lake holds these rows of earlier uploads."""
    return store.upload_unreachable(
        run_id, earlier=lambda: earlier, keep=keep, deadline=Deadline(60)
    )


@pytest.fixture
def far(seaweed, bucket, tmp_path) -> RunStore:
    """A store in a bucket, and the home of a laptop."""
    return RunStore(S3ObjectStore(f"s3://{bucket}/home", seaweed.session()), tmp_path / "home")


def listed(store, run_id):
    return {ref.name: ref for ref in load_listing(store.objects.get(listing_key(run_id)))}


def test_files_of_this_machine_go_up_once_under_their_hash(far, bucket, media, tmp_path):
    before = list(FolderSource(media).list())
    for run_id in ("run-1", "run-2"):
        far.write_listing(run_id, before)
        assert upload(far, run_id) == (3, 1)
    refs = listed(far, "run-2")
    assert list(refs) == [ref.name for ref in before]
    a, b = (hashlib.sha256(data).hexdigest() for data in (b"a", b"b"))
    assert refs["a.MP4"].read_uri == f"s3://{bucket}/home/input/{a}.mp4"
    stored = f"s3://{bucket}/home/input/{b}.jpg"
    assert refs["b.jpg"].read_uri == refs["copy of b.jpg"].read_uri == stored
    assert [item.key for item in far.objects.list("input")] == sorted(
        [f"input/{a}.mp4", f"input/{b}.jpg"]
    )


def test_uploads_keep_this_machine_s_address_size_and_time(far, media, tmp_path):
    far.write_listing("run", FolderSource(media).list())
    upload(far, "run")
    machine = (tmp_path / "home" / "machine").read_text().strip()
    refs = listed(far, "run")
    assert refs["copy of b.jpg"].uri == f"file://{machine}{media}/copy%20of%20b.jpg"
    found = (media / "copy of b.jpg").stat()
    assert refs["copy of b.jpg"].fingerprint == str(found.st_mtime_ns)
    # One that cannot be read here has no place in the store, and the box has no such path either.
    assert (refs["gone.mp4"].uri, refs["gone.mp4"].stored_uri) == (
        f"file://{machine}{media}/gone.mp4",
        "",
    )


def test_what_was_uploaded_before_is_neither_read_nor_sent_again(far, media):
    far.write_listing("run-1", FolderSource(media).list())
    upload(far, "run-1")
    rows = [asdict(ref) for ref in listed(far, "run-1").values() if ref.stored_uri]
    for name in ("a.MP4", "b.jpg"):
        # On a file system that notes reads, this shows whether there was one.
        os.utime(media / name, ns=(1, (media / name).stat().st_mtime_ns))
    far.write_listing("run-2", FolderSource(media).list())
    assert upload(far, "run-2", rows) == (3, 1)
    assert listed(far, "run-2") == listed(far, "run-1")
    assert [(media / name).stat().st_atime_ns for name in ("a.MP4", "b.jpg")] == [1, 1]


def test_a_file_that_changed_or_whose_upload_is_gone_is_sent_again(far, media):
    far.write_listing("run-1", FolderSource(media).list())
    upload(far, "run-1")
    rows = [asdict(ref) for ref in listed(far, "run-1").values() if ref.stored_uri]
    (media / "a.MP4").write_bytes(b"other")
    [key] = [item.key for item in far.objects.list("input") if item.key.endswith(".jpg")]
    far.objects.delete(key)
    far.write_listing("run-2", FolderSource(media).list())
    upload(far, "run-2", rows)
    other = f"input/{hashlib.sha256(b'other').hexdigest()}.mp4"
    assert {key, other} <= {item.key for item in far.objects.list("input")}
    assert listed(far, "run-2")["a.MP4"].read_uri.endswith(other)


def test_a_pipe_among_the_files_is_left_out_and_holds_nothing_up(far, media):
    os.mkfifo(media / "pipe.png")
    far.write_listing("run", FolderSource(media).list())
    assert upload(far, "run") == (3, 2)
    assert listed(far, "run")["pipe.png"].stored_uri == ""


def test_a_file_that_is_written_to_while_it_is_sent_is_left_out(far, media, monkeypatch):
    really = far.objects.put_file

    def slow(key, path):
        stored = really(key, path)
        if path.name == "a.MP4":
            path.write_bytes(b"more")
        return stored

    monkeypatch.setattr(far.objects, "put_file", slow)
    far.write_listing("run", FolderSource(media).list())
    assert upload(far, "run") == (2, 2)
    assert listed(far, "run")["a.MP4"].stored_uri == ""


def test_a_damaged_name_of_this_machine_is_told_before_anything_starts(far, tmp_path):
    assert far.check() == []
    (tmp_path / "home" / "machine").write_text("../x")
    [problem] = far.check()
    assert "Delete the file" in problem


def test_a_worker_on_this_machine_reads_them_in_place(media, tmp_path):
    store = RunStore(LocalObjectStore(tmp_path / "store"), tmp_path)
    store.write_listing("run", FolderSource(media).list())
    assert upload(store, "run") == (0, 4)
    assert list(store.objects.list("input")) == []


def test_the_lease_is_kept_amid_a_long_upload(media):
    kept: list[int] = []
    enough = threading.Event()

    def renew() -> None:
        kept.append(1)
        if len(kept) == 3:
            enough.set()

    def slow(ref):
        enough.wait()
        return ref

    refs = list(FolderSource(media).list())
    moved = upload_files(refs, slow, keep=renew, deadline=Deadline(60))
    assert len(moved) == len(refs) and len(kept) >= 3


def test_the_first_error_ends_the_upload_and_is_told(media):
    asked: list[str] = []

    def broken(ref):
        asked.append(ref.name)
        raise StoreError(f"writing {path_of(ref.uri)}: refused")

    refs = list(FolderSource(media).list()) * 50
    with pytest.raises(StoreError, match="refused"):
        upload_files(refs, broken, keep=keep, deadline=Deadline(60))
    assert len(asked) < 10


def test_a_deadline_ends_the_wait(media):
    never = threading.Event()
    refs = list(FolderSource(media).list())
    with pytest.raises(RemoteTimedOut, match="0 of 4 files sent"):
        upload_files(refs, lambda ref: never.wait() and ref, keep=keep, deadline=Deadline(0))
    never.set()
