import gc
import logging
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from pipeline_project.adapters.sources import open_source
from pipeline_project.adapters.sources.bucket import BucketSource
from pipeline_project.adapters.sources.downloads import Downloads
from pipeline_project.core.config import SourceAccessConfig
from pipeline_project.errors import ConfigError, MediaUnreadable, TransientError
from pipeline_project_tests.contracts.media_source import MediaSourceContract

NAMES = ("b.mp4", "a.JPG", "sub/c.mov", "sub/deep/d.png", "notes.txt", ".hidden.mp4", ".t/x.mp4")


@pytest.fixture
def client(seaweed):
    return seaweed.session().client("s3")


@pytest.fixture
def filled(client, bucket) -> str:
    """A bucket with media below `footage/`, and more beside it."""
    for name in NAMES:
        client.put_object(Bucket=bucket, Key=f"footage/{name}", Body=name.encode())
    client.put_object(Bucket=bucket, Key="footage/empty-folder/", Body=b"")
    client.put_object(Bucket=bucket, Key="footage2/other.mp4", Body=b"other")
    return bucket


@pytest.fixture
def session(seaweed):
    return seaweed.session(attempts=1)


@pytest.fixture
def folders(tmp_path, monkeypatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


class TestBucketSource(MediaSourceContract):
    @pytest.fixture
    def source(self, filled, session):
        return BucketSource(f"s3://{filled}/footage", session=session)

    @pytest.fixture
    def gone(self, filled):
        return f"s3://{filled}/footage/gone.mp4"


def names(source) -> list[str]:
    return [ref.name for ref in source.list()]


@pytest.mark.parametrize("spec", ["footage", "footage/"])
def test_media_below_the_prefix_are_listed_and_nothing_beside_it(filled, session, spec):
    source = BucketSource(f"s3://{filled}/{spec}", session=session)
    assert sorted(names(source)) == ["a.JPG", "b.mp4", "sub/c.mov", "sub/deep/d.png"]
    assert source.ignored == 1


def test_a_bucket_without_a_prefix_and_an_address_of_one_object_are_sources(filled, session):
    assert "footage2/other.mp4" in names(BucketSource(f"s3://{filled}", session=session))
    one = BucketSource(f"s3://{filled}/footage/notes.txt", session=session)
    assert names(one) == ["notes.txt"]
    assert names(BucketSource(f"s3://{filled}/foot", session=session)) == []


@pytest.mark.parametrize(
    "include, expected",
    [
        (["*.mp4"], ["b.mp4"]),
        (["sub/*"], ["sub/c.mov", "sub/deep/d.png"]),
        (["notes.*", "b.*"], ["b.mp4", "notes.txt"]),
        (["*.MP4"], []),
    ],
)
def test_include_patterns_say_what_is_listed(filled, session, include, expected):
    source = BucketSource(f"s3://{filled}/footage", include, session)
    assert sorted(names(source)) == expected


def test_a_fingerprint_changes_with_the_bytes_and_with_the_time(client, bucket, session):
    seen = set()
    for body in (b"1", b"2", b"2"):
        client.put_object(Bucket=bucket, Key="a.mp4", Body=body)
        [ref] = BucketSource(f"s3://{bucket}", session=session).list()
        seen.add((ref.size_bytes, ref.fingerprint))
        if body == b"2":
            os.sched_yield()
    assert len(seen) >= 2 and {size for size, _ in seen} == {1}


@pytest.mark.parametrize(
    "key",
    [
        *("a b.mp4", "a+b.mp4", "100%.mp4", "ü/漢.mp4", "q?x#y.mp4", "n\nl.mp4"),
        *("😀.mp4", "a.mp4/b.mp4", "/".join(["k" * 99] * 9) + "/l.mp4"),
    ],
)
def test_odd_keys_are_listed_shown_and_read(client, bucket, session, key):
    client.put_object(Bucket=bucket, Key=f"p/{key}", Body=key.encode())
    source = BucketSource(f"s3://{bucket}/p", session=session)
    [ref] = source.list()
    assert ref.uri == f"s3://{bucket}/p/{key}" and ref.name.isprintable()
    with source.fetch(ref.uri) as path:
        assert path.read_bytes() == key.encode()


@pytest.fixture
def no_logs():
    """pytest keeps every record it sees, and botocore's own hold whole answers."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("no_logs")
def test_memory_does_not_grow_with_the_number_of_objects(session, bucket):
    """Pages of a thousand, as AWS would answer them."""
    source = BucketSource(f"s3://{bucket}/p", session=session)
    pages = iter(range(12))

    def answer(**_):
        page = next(pages)
        body = "".join(
            f"<Contents><Key>p/{page:03d}/{number:04d}.jpg</Key><Size>9</Size>"
            f'<ETag>"{number:032x}"</ETag><LastModified>2026-01-01T00:00:00Z</LastModified>'
            "</Contents>"
            for number in range(1000)
        )
        more = "" if page == 11 else f"<NextContinuationToken>{page}</NextContinuationToken>"
        state = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
        return _http(f"<ListBucketResult>{body}{state}{more}</ListBucketResult>".encode())

    session.client("s3").meta.events.register("before-send.s3.ListObjectsV2", answer)
    held: dict[int, int] = {}
    tracemalloc.start()
    for count, _ in enumerate(source.list(), start=1):
        if count % 6000 == 500:  # amid a page both times: what one page takes is in both
            gc.collect()
            held[count], _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(held) == [500, 6500]
    assert held[6500] - held[500] < 500_000  # less than 6,000 references take


def _http(body: bytes):
    from botocore.awsrequest import AWSResponse

    class Raw:
        def stream(self, **_):
            yield body

    return AWSResponse("http://test", 200, {"Content-Type": "application/xml"}, Raw())


def test_an_object_that_changed_since_it_was_listed_is_refused(client, filled, session, folders):
    refs = list(BucketSource(f"s3://{filled}/footage", session=session).list())
    fingerprints = {ref.uri: ref.fingerprint for ref in refs}
    changed, deleted, kept = (f"s3://{filled}/footage/{n}" for n in ("a.JPG", "b.mp4", "sub/c.mov"))
    client.put_object(Bucket=filled, Key="footage/a.JPG", Body=b"other bytes")
    client.delete_object(Bucket=filled, Key="footage/b.mp4")
    with Downloads(session, fingerprints, patience_s=0) as downloads:
        with downloads.fetch(kept) as path:
            assert path.read_bytes() == b"sub/c.mov"
        with pytest.raises(MediaUnreadable, match="changed since it was listed"):
            with downloads.fetch(changed):
                pass
        with pytest.raises(MediaUnreadable, match="deleted since it was listed"):
            with downloads.fetch(deleted):
                pass
    assert list(folders.iterdir()) == []


def test_an_object_is_downloaded_once_while_there_is_room(client, filled, session, folders):
    asked: list[str] = []
    session.client("s3").meta.events.register(
        "before-call.s3.GetObject", lambda params, **_: asked.append(params["url_path"])
    )
    a, b = (f"s3://{filled}/footage/{name}" for name in ("a.JPG", "b.mp4"))
    with Downloads(session, keep_bytes=5) as downloads:  # room for one of them
        for uri, times in ((a, 1), (a, 1), (b, 2), (b, 2), (a, 3)):
            with downloads.fetch(uri):
                pass
            assert len(asked) == times
        with downloads.fetch(a) as one, downloads.fetch(b) as two:  # in use: both stay
            assert (one.read_bytes(), two.read_bytes()) == (b"a.JPG", b"b.mp4")
    assert list(folders.iterdir()) == []


KILLED = """
import os, signal, sys, tempfile
from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.sources.downloads import Downloads
tempfile.tempdir = sys.argv[1]
with Downloads(AwsSession()).fetch(sys.argv[2]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_run_removes_what_a_killed_one_left(seaweed, filled, session, folders):
    uri = f"s3://{filled}/footage/a.JPG"
    with Downloads(session) as living:
        with living.fetch(uri):
            pass
        subprocess.run(
            [sys.executable, "-c", KILLED, str(folders), uri],
            env={**seaweed.environment, "PYTHONPATH": str(Path.cwd())},
            check=False,
        )
        assert len(list(folders.iterdir())) == 2
        with Downloads(session) as next_one, next_one.fetch(uri):
            assert len(list(folders.iterdir())) == 2  # the living one's and its own
        with living.fetch(uri) as path:
            assert path.read_bytes() == b"a.JPG"
    assert list(folders.iterdir()) == []


def test_a_bucket_that_cannot_be_listed_is_one_clear_line_at_once(seaweed, bucket, monkeypatch):
    access = SourceAccessConfig(endpoint_url=seaweed.endpoint_url)
    with pytest.raises(ConfigError, match="there is no such bucket"):
        open_source("s3://no-such-bucket-here/p", access=access)
    with pytest.raises(ConfigError, match="no address in a bucket"):
        open_source("s3://No_Bucket/p", access=access)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    with pytest.raises(ConfigError, match="AWS does not accept the key") as caught:
        open_source(f"s3://{bucket}/p", access=access)
    assert "wrong-secret" not in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigError, match="no complete AWS credentials"):
        open_source(f"s3://{bucket}/p", access=access)
    with pytest.raises(ConfigError, match="profile"):
        open_source(f"s3://{bucket}/p", access=SourceAccessConfig(profile="nobody"))


def test_a_server_that_is_not_there_is_told_with_its_address(bucket):
    access = SourceAccessConfig(endpoint_url="http://127.0.0.1:9")
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:9.*Check the network"):
        open_source(f"s3://{bucket}/p", access=access)


def test_without_boto3_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'pipeline-project\[aws\]'"):
        open_source("s3://bucket/p")
