import dataclasses

import pytest

from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.object_store.bucket_check import check_bucket
from pipeline_project.adapters.object_store.s3 import S3ObjectStore
from pipeline_project.errors import ConfigError, StoreConflict, StoreError

WRONG = {
    "bucket": ({}, "s3://no-such-bucket-here/p", "no such bucket"),
    "name": ({}, "s3://Upper_Case/p", "no address in a bucket"),
    "scheme": ({}, "gs://bucket/p", "no address in a bucket"),
    "secret": ({"AWS_SECRET_ACCESS_KEY": "wrong"}, None, "does not accept the key"),
    "key": ({"AWS_ACCESS_KEY_ID": "AKWRONG"}, None, "does not accept the key"),
    "line break": ({"AWS_ACCESS_KEY_ID": "AK\nWRONG"}, None, "key cannot be used as written"),
    "profile": ({"AWS_PROFILE": "nobody"}, None, "nobody"),
    "endpoint": ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, None, "Check the network"),
    "no endpoint": ({"AWS_ENDPOINT_URL_S3": "here and there"}, None, "endpoint or key"),
}


def test_a_usable_bucket_has_no_problem_and_keeps_nothing_of_the_probe(seaweed, bucket):
    session = seaweed.session()
    assert check_bucket(session, f"s3://{bucket}/some/prefix", write=True) == []
    assert check_bucket(session, f"s3://{bucket}", write=False) == []
    assert list(S3ObjectStore(f"s3://{bucket}", session).list()) == []


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_without_a_secret(seaweed, bucket, monkeypatch, case):
    variables, address, expected = WRONG[case]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", seaweed.endpoint_url)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    access = dataclasses.replace(seaweed.access, endpoint_urls={})
    session = AwsSession(access, connect_timeout_s=1, attempts=1)
    [problem] = check_bucket(session, address or f"s3://{bucket}/p", write=True)
    assert expected in problem and "\n" not in problem and "Traceback" not in problem
    assert not [value for name, value in variables.items() if "KEY" in name and value in problem]


def test_a_bucket_that_may_only_be_read_says_so_before_it_is_written(seaweed, bucket):
    session = seaweed.session()
    _deny(session, "PutObject")
    assert check_bucket(session, f"s3://{bucket}/p", write=False) == []
    [problem] = check_bucket(session, f"s3://{bucket}/p", write=True)
    assert "access denied" in problem and "p/checks/" in problem


def test_a_server_without_conditional_writes_is_refused(seaweed, bucket):
    session = seaweed.session()

    def drop(request, **_) -> None:
        del request.headers["If-None-Match"]

    session.client("s3").meta.events.register("before-sign.s3.PutObject", drop)
    [problem] = check_bucket(session, f"s3://{bucket}/p", write=True)
    assert "ignores If-None-Match" in problem


def test_whoever_may_list_only_a_prefix_still_learns_what_is_not_there(seaweed, bucket, tmp_path):
    """S3 answers 403, not 404, to HEAD and GET of a missing key, and to HeadBucket."""
    session = seaweed.session()
    for operation in ("HeadObject", "GetObject", "HeadBucket"):
        _deny(session, operation, only=(404,) if operation != "HeadBucket" else (200,))
    store = S3ObjectStore(f"s3://{bucket}/p", session, patience_s=0)
    assert check_bucket(session, store.root, write=True) == []
    etag = store.put("there", b"1").etag
    assert store.exists("there") and not store.exists("the")
    for read in (store.get, lambda key: store.download(key, tmp_path / "down")):
        with pytest.raises(StoreError, match="there is no such object"):
            read("the")
    store.delete("there")
    with pytest.raises(StoreConflict):
        store.put_if("there", b"2", etag)


def test_what_may_not_be_read_is_not_taken_for_missing(seaweed, bucket):
    session = seaweed.session()
    store = S3ObjectStore(f"s3://{bucket}/p", session, patience_s=0)
    store.put("secret", b"1")
    for operation in ("HeadObject", "GetObject"):
        _deny(session, operation)
    for ask in (store.exists, store.get):
        with pytest.raises(ConfigError, match="access denied"):
            ask("secret")


def _deny(session, operation: str, only: tuple[int, ...] = (200, 404)) -> None:
    """Let the server's answers to an operation be 403 where they had one of these statuses."""

    def deny(response_dict, **_) -> None:
        if response_dict["status_code"] in only:
            response_dict["status_code"] = 403
            response_dict["body"] = (
                b""
                if operation.startswith("Head")
                else b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            )

    session.client("s3").meta.events.register(f"before-parse.s3.{operation}", deny)
