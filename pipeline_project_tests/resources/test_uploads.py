import hashlib
import threading
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


def test_files_of_this_machine_go_up_once_under_their_hash(seaweed, bucket, media, tmp_path):
    objects = S3ObjectStore(f"s3://{bucket}/home", seaweed.session())
    store = RunStore(objects, tmp_path / "home")
    before = list(FolderSource(media).list())
    for run_id in ("run-1", "run-2"):
        store.write_listing(run_id, before)
        assert store.upload_unreachable(run_id, keep=keep, deadline=Deadline(60)) == (3, 1)
    refs = {ref.name: ref for ref in load_listing(objects.get(listing_key("run-2")))}
    assert list(refs) == [ref.name for ref in before]
    a, b = (hashlib.sha256(data).hexdigest() for data in (b"a", b"b"))
    assert refs["a.MP4"].uri == f"s3://{bucket}/home/input/{a}.mp4"
    assert refs["b.jpg"].uri == refs["copy of b.jpg"].uri == f"s3://{bucket}/home/input/{b}.jpg"
    assert refs["gone.mp4"].uri.startswith("file:")
    assert [item.key for item in objects.list("input")] == sorted(
        [f"input/{a}.mp4", f"input/{b}.jpg"]
    )
    assert store.upload_unreachable("run-2", keep=keep, deadline=Deadline(60)) == (0, 4)


def test_a_worker_on_this_machine_reads_them_in_place(media, tmp_path):
    store = RunStore(LocalObjectStore(tmp_path / "store"), tmp_path)
    store.write_listing("run", FolderSource(media).list())
    assert store.upload_unreachable("run", keep=keep, deadline=Deadline(60)) == (0, 4)
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
