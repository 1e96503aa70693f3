import contextlib
import hashlib
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline_project.adapters.object_store.s3 import S3ObjectStore
from pipeline_project.adapters.object_store.s3_multipart import abort_orphans, open_uploads
from pipeline_project.errors import StoreConflict, StoreError, TransientError
from pipeline_project_tests.contracts.object_store import ObjectStoreContract
from pipeline_project_tests.seaweed import account, environment, running

PART = 5 << 20  # the smallest that S3 takes
CUT = "Connection reset in the middle of the answer"


@pytest.fixture
def session(seaweed):
    return seaweed.session(attempts=2)


@pytest.fixture
def store(session, bucket):
    return S3ObjectStore(f"s3://{bucket}/home/one", session, patience_s=0, part_bytes=PART)


@pytest.fixture
def big(tmp_path) -> Path:
    """A file of four parts and a bit."""
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        for number in range(5):
            file.write((hashlib.sha256(bytes([number])).digest() * (PART // 32))[:PART])
    with path.open("r+b") as file:
        file.truncate(4 * PART + 1234)
    return path


@contextlib.contextmanager
def counted(session) -> Iterator[Counter]:
    """Counts the requests by name."""
    calls: Counter = Counter()

    def count(model, **_) -> None:
        calls[model.name] += 1

    events = session.client("s3").meta.events
    events.register("before-call.s3", count)
    yield calls
    events.unregister("before-call.s3", count)


class TestS3ObjectStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, session, bucket):
        return S3ObjectStore(f"s3://{bucket}/home/one", session, patience_s=0, part_bytes=PART)


def test_two_stores_of_one_bucket_do_not_see_each_other(seaweed, bucket):
    one, two = (
        S3ObjectStore(f"s3://{bucket}/{name}", seaweed.session()) for name in ("home", "home2")
    )
    one.put("k", b"1")
    assert list(two.list()) == []
    assert [item.key for item in one.list()] == ["k"]
    assert one.root == f"s3://{bucket}/home"
    assert S3ObjectStore(f"s3://{bucket}", seaweed.session()).exists("home/k")


@pytest.mark.parametrize(
    "key", ["a b", "a+b", "a%20b%", "ü/漢字", "new\nline", "q?x=1&y", "#top", "'\"quote", "😀"]
)
def test_any_key_and_no_bytes_at_all_come_back(store, key, tmp_path):
    store.put_new(key, b"")
    assert store.get(key) == b""
    assert [item.key for item in store.list()] == [key]
    (tmp_path / "empty").touch()
    assert store.put_file(key + "-file", tmp_path / "empty").size_bytes == 0
    store.download(key + "-file", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b""
    store.delete(key)
    assert not store.exists(key)


def test_of_sixteen_racing_creators_exactly_one_wins(store):
    barrier = threading.Barrier(16)
    wins: list[int] = []

    def race(number: int) -> None:
        barrier.wait()
        with contextlib.suppress(StoreConflict):
            store.put_new("race", str(number).encode())
            wins.append(number)

    _in_threads(race, 16)
    assert len(wins) == 1
    assert store.get("race") == str(wins[0]).encode()


def test_a_listing_goes_on_over_its_pages(store, session):
    client = session.client("s3")
    names = [f"{number:05d}" for number in range(2_500)]

    def put(worker: int) -> None:
        for name in names[worker::8]:
            client.put_object(Bucket=store.bucket, Key=store.full_key(f"many/{name}"), Body=b"")

    _in_threads(put, 8)
    with counted(session) as calls:
        assert [item.key for item in store.list("many")] == [f"many/{name}" for name in names]
    assert calls["ListObjectsV2"] == 3


@pytest.mark.parametrize("way", ["put_new", "put_if"])
def test_a_conditional_write_whose_answer_was_lost_is_known_to_be_done(session, store, way):
    """Sent again by boto3, it is refused: the object of the first try is there."""
    etag = store.put("k", b"old").etag
    if way == "put_new":
        store.delete("k")
    with _answer_lost(session, "PutObject"):
        stored = store.put_new("k", b"new") if way == "put_new" else store.put_if("k", b"new", etag)
    assert store.get_with_etag("k") == (b"new", stored.etag)


def test_a_lost_answer_does_not_make_a_winner_of_who_lost(session, store):
    """The same bytes are no proof: the other wrote them."""
    store.put_new("k", b"same")
    with _answer_lost(session, "PutObject"), pytest.raises(StoreConflict):
        store.put_new("k", b"same")


def test_bytes_damaged_on_the_way_are_refused(session, store):
    def damage(params, **_) -> None:
        params["body"] = b"damaged"

    events = session.client("s3").meta.events
    events.register("before-call.s3.PutObject", damage)
    try:
        with pytest.raises(StoreError, match="writing s3://.*/home/one/k"):
            store.put("k", b"as meant")
    finally:
        events.unregister("before-call.s3.PutObject", damage)
    assert not store.exists("k")


def test_a_file_is_sent_once(store, session, tmp_path, big):
    small = tmp_path / "small"
    small.write_bytes(b"small")
    first = [store.put_file("small", small), store.put_file("big", big)]
    with counted(session) as calls:
        assert [store.put_file("small", small), store.put_file("big", big)] == first
    assert set(calls) == {"HeadObject"}


def test_a_large_file_comes_back_as_it_was(store, tmp_path, big):
    assert store.put_file("big", big).size_bytes == big.stat().st_size
    store.download("big", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == big.read_bytes()


def test_a_file_of_the_same_size_and_other_bytes_replaces_the_object(store, tmp_path, big):
    for key, size in (("small", 5), ("big", big.stat().st_size)):
        path = tmp_path / key
        for content in (b"1", b"2"):
            path.write_bytes(content * size)
            store.put_file(key, path)
            store.download(key, tmp_path / "down")
            assert (tmp_path / "down").read_bytes()[:1] == content


UPLOADER = f"""
import sys, threading
from pathlib import Path
from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.object_store.s3 import S3ObjectStore
session = AwsSession()
parts = []
def stop(model, **_):
    if model.name == "UploadPart":
        parts.append(1)
        if len(parts) > 5:  # the first four were answered, since the next four are begun
            print("half", flush=True)
            threading.Event().wait()
session.client("s3").meta.events.register("before-call.s3", stop)
S3ObjectStore(sys.argv[1], session, part_bytes={PART}).put_file("big", Path(sys.argv[2]))
"""


def test_an_upload_that_was_killed_goes_on_without_sending_its_parts_again(
    seaweed, session, store, big, tmp_path
):
    with big.open("r+b") as file:
        file.truncate(8 * PART)
    uploader = subprocess.Popen(
        [sys.executable, "-c", UPLOADER, store.root, str(big)],
        env={**seaweed.environment, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
    )
    assert uploader.stdout is not None
    assert uploader.stdout.readline() == b"half\n"
    uploader.send_signal(signal.SIGKILL)
    uploader.wait()
    uploader.stdout.close()
    assert not store.exists("big")
    with counted(session) as calls:
        store.put_file("big", big)
    assert 3 <= calls["UploadPart"] <= 4
    assert calls["CreateMultipartUpload"] == 0
    store.download("big", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == big.read_bytes()


def test_parts_of_other_bytes_are_sent_again(session, store, big):
    client, key = session.client("s3"), store.full_key("big")
    upload = client.create_multipart_upload(
        Bucket=store.bucket, Key=key, ChecksumAlgorithm="SHA256"
    )["UploadId"]
    for number, data in ((1, b"x" * PART), (2, b"short" * 2**20)):
        client.upload_part(
            Bucket=store.bucket,
            Key=key,
            UploadId=upload,
            PartNumber=number,
            Body=data,
            ChecksumAlgorithm="SHA256",
        )
    with counted(session) as calls:
        store.put_file("big", big)
    assert calls["UploadPart"] == 5
    assert hashlib.sha256(store.get("big")).digest() == hashlib.sha256(big.read_bytes()).digest()


def test_runs_that_race_on_one_file_do_one_upload(seaweed, store, big, tmp_path):
    sessions = [seaweed.session() for _ in range(3)]
    stores = [S3ObjectStore(store.root, each, part_bytes=PART) for each in sessions]
    barrier = threading.Barrier(3)
    stored = {}

    def race(number: int) -> None:
        barrier.wait()
        stored[number] = stores[number].put_file("big", big)

    _in_threads(race, 3)
    assert len(stored) == 3 and len(set(stored.values())) == 1
    assert open_uploads(sessions[0].client("s3"), store.bucket, "") == []
    store.download("big", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == big.read_bytes()


def test_a_file_that_changes_while_it_is_sent_leaves_nothing(session, store, big):
    def change(model, **_) -> None:
        if model.name == "CreateMultipartUpload":
            with big.open("r+b") as file:
                file.write(b"changed")

    events = session.client("s3").meta.events
    events.register("before-call.s3", change)
    try:
        with pytest.raises(StoreError, match="it changed while it was read"):
            store.put_file("big", big)
    finally:
        events.unregister("before-call.s3", change)
    assert not store.exists("big")
    assert open_uploads(session.client("s3"), store.bucket, "") == []


def test_orphan_parts_of_a_given_age_are_removed_and_younger_ones_kept(session, store):
    client = session.client("s3")
    for key in ("home/one/input/a", "elsewhere/b"):
        client.create_multipart_upload(Bucket=store.bucket, Key=key)
    prefix, day = "home/one/", timedelta(days=1)
    assert abort_orphans(client, store.bucket, prefix, day) == 0
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    assert abort_orphans(client, store.bucket, prefix, day, tomorrow) == 1
    assert [key for key, _, _ in open_uploads(client, store.bucket, "")] == ["elsewhere/b"]


def test_a_large_upload_removes_what_others_broke_off_long_ago(session, store, big):
    client = session.client("s3")
    for key in ("home/one/input/a", "elsewhere/b"):
        client.create_multipart_upload(Bucket=store.bucket, Key=key)
    store.put_file("big", big)
    assert len(open_uploads(client, store.bucket, "")) == 2
    eager = S3ObjectStore(store.root, session, part_bytes=PART, orphan_age=timedelta(days=-1))
    eager.put_file("big2", big)
    assert [key for key, _, _ in open_uploads(client, store.bucket, "")] == ["elsewhere/b"]


def test_a_download_that_breaks_off_goes_on_where_it_stopped(session, store, big, tmp_path):
    store.put_file("big", big)
    with _bodies_cut(session, times=3) as ranges:
        store.download("big", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == big.read_bytes()
    assert ranges[0] is None and len(ranges) == 4 and all(ranges[1:])


def test_a_download_that_breaks_off_for_good_leaves_no_file(session, store, big, tmp_path):
    store.put_file("big", big)
    (tmp_path / "into").mkdir()
    with _bodies_cut(session, times=100), pytest.raises(TransientError, match="home/one/big"):
        store.download("big", tmp_path / "into" / "copy")
    assert list((tmp_path / "into").iterdir()) == []


def test_an_object_whose_bytes_are_not_those_written_is_refused(session, store, tmp_path):
    session.client("s3").put_object(
        Bucket=store.bucket, Key=store.full_key("k"), Body=b"rot", Metadata={"sha256": "0" * 64}
    )
    with pytest.raises(StoreError, match="SHA-256"):
        store.download("k", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_page_from_the_bucket_opens_in_a_browser(session, store):
    store.put("report.html", b"<p>")
    head = store.head("report.html")
    assert head["ContentType"].replace(" ", "") == "text/html;charset=utf-8"


def test_an_outage_is_waited_out_and_its_end_told_where_it_never_comes(tmp_path, big):
    with environment(account(tmp_path)), running(tmp_path / "own") as server:
        bucket = server.make_bucket()
        session = server.session(attempts=1, connect_timeout_s=1, read_timeout_s=3)
        patient = S3ObjectStore(f"s3://{bucket}/p", session, patience_s=120, part_bytes=PART)
        hasty = S3ObjectStore(f"s3://{bucket}/p", session, patience_s=0.1)
        sent: list[int] = []
        stored: list[int] = []

        def kill(model, **_) -> None:
            if model.name == "UploadPart":
                sent.append(1)
                if len(sent) == 5:
                    server.kill()

        session.client("s3").meta.events.register("before-call.s3", kill)
        upload = threading.Thread(
            target=lambda: stored.append(patient.put_file("big", big).size_bytes)
        )
        upload.start()
        while len(sent) < 5:
            upload.join(0.05)
        with pytest.raises(TransientError, match=r"reading s3://.*/p/k.*It was tried for 0.1 s"):
            hasty.get("k")
        server.start()
        upload.join()
        assert stored == [big.stat().st_size]
        patient.download("big", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == big.read_bytes()


def _in_threads(work, count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextlib.contextmanager
def _answer_lost(session, operation: str) -> Iterator[None]:
    """The server does the first such request; its answer is replaced by a server's error."""
    lost: list[int] = []

    def lose(response_dict, **_) -> None:
        if not lost:
            lost.append(1)
            response_dict["status_code"] = 500
            response_dict["body"] = b""

    events = session.client("s3").meta.events
    name = f"before-parse.s3.{operation}"
    events.register(name, lose)
    yield
    events.unregister(name, lose)
    assert lost


@contextlib.contextmanager
def _bodies_cut(session, times: int) -> Iterator[list[str | None]]:
    """Bodies break off after 2 MiB, so many times; gives the ranges asked for."""
    from urllib3.exceptions import ProtocolError

    ranges: list[str | None] = []

    class Cut:
        def __init__(self, body) -> None:
            self._body = body

        def iter_chunks(self, size: int) -> Iterator[bytes]:
            for number, chunk in enumerate(self._body.iter_chunks(size)):
                if number == 2:
                    raise ProtocolError(CUT)
                yield chunk

    def ask(params, **_) -> None:
        ranges.append(params["headers"].get("Range"))

    def cut(parsed, **_) -> None:
        if len(ranges) <= times:
            parsed["Body"] = Cut(parsed["Body"])

    events = session.client("s3").meta.events
    events.register("before-call.s3.GetObject", ask)
    events.register("after-call.s3.GetObject", cut)
    yield ranges
    events.unregister("before-call.s3.GetObject", ask)
    events.unregister("after-call.s3.GetObject", cut)
