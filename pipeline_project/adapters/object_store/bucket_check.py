"""Looks whether a bucket can be used, before anything starts that needs it."""

import contextlib
import uuid

from pipeline_project.adapters.addresses import bucket_and_key
from pipeline_project.adapters.aws_errors import aws_errors
from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.object_store.s3 import S3ObjectStore
from pipeline_project.errors import ConfigError, PipelineError, StoreConflict


def check_bucket(session: AwsSession, address: str, *, write: bool) -> list[str]:
    """Find what would keep a run from using a bucket, by trying.

    Waits out nothing: an outage now is a finding.

    Args:
        session: of the account that will use it.
        address: `s3://bucket/prefix`.
        write: whether objects are to be written there too. A probe is written and removed.

    Returns:
        One line for each thing that is wrong, with what to do; empty is good.
    """
    problems: list[str] = []
    try:
        bucket, prefix = bucket_and_key(address.rstrip("/") + "/")
        # Not HeadBucket: whoever may only see this prefix is denied it.
        _list(session, bucket, prefix)
        session.storage_options(bucket)
    except PipelineError as error:
        return [str(error)]
    if write:
        try:
            _write(session, bucket, prefix)
        except PipelineError as error:
            problems.append(str(error))
    return problems


def _list(session: AwsSession, bucket: str, prefix: str) -> None:
    with aws_errors(f"listing s3://{bucket}/{prefix}"):
        session.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)


def _write(session: AwsSession, bucket: str, prefix: str) -> None:
    """Write as runs do: an object that must not be there yet, twice."""
    store = S3ObjectStore(f"s3://{bucket}/{prefix}", session, patience_s=0)
    key = f"checks/{uuid.uuid4()}"
    try:
        store.put_new(key, b"probe")
        with contextlib.suppress(StoreConflict):
            store.put_new(key, b"probe again")
            raise ConfigError(
                f"writing s3://{bucket}/{prefix}: the server ignores If-None-Match, so two runs "
                "would overwrite each other's objects. Use a server with conditional writes."
            )
    finally:
        store.delete(key)
