"""One object of a bucket into a local file: one version, whole, through broken connections."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_project.adapters.aws_errors import explain, is_from_boto
from pipeline_project.errors import StoreError, TransientError

_CHUNK_BYTES = 1 << 20
_BREAKS = 5  # a connection may break off so often in one object


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What came.

    Attributes:
        size_bytes: all of it.
        etag: of the version that was read.
        sha256: of the bytes, as they came.
        metadata: that the object was written with.
    """

    size_bytes: int
    etag: str
    sha256: str
    metadata: Mapping[str, str]


def download_object(
    client: Any, bucket: str, key: str, path: Path, etag: str | None = None
) -> Downloaded:
    """Write one object to a file, overwriting it.

    Memory does not grow with the object. Where the connection breaks off, the rest is asked for,
    of the same version only.

    Args:
        client: boto3's.
        bucket: name.
        key: in the bucket.
        path: the file; may be left half-written when an error is raised.
        etag: the only version wanted; None for the newest.

    Raises:
        botocore's errors: of the request itself; `PreconditionFailed` where the object was
            replaced, `NoSuchKey` where it was deleted.
        TransientError: the connection broke off too often.
        StoreError: fewer or more bytes came than the object has.
        OSError: the file cannot be written.
    """
    digest = hashlib.sha256()
    done = 0
    breaks = 0
    size = -1
    metadata: Mapping[str, str] = {}
    with path.open("wb") as file:
        while done != size:
            options: dict[str, str] = {"IfMatch": f'"{etag}"'} if etag else {}
            if done:
                options["Range"] = f"bytes={done}-"
            answer = client.get_object(Bucket=bucket, Key=key, **options)
            if size < 0:
                size = int(answer["ContentLength"])
                etag = str(answer["ETag"]).strip('"')
                metadata = answer.get("Metadata", {})
            try:
                for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
                    file.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
            except Exception as error:  # urllib3's and botocore's; others pass on
                if not is_from_boto(error):
                    raise
                breaks += 1
                if breaks > _BREAKS:
                    what = f"reading s3://{bucket}/{key}"
                    raise TransientError(
                        f"{explain(error, what)} {done} of {size} came."
                    ) from error
                continue
            if done != size:
                raise StoreError(
                    f"reading s3://{bucket}/{key}: {done} bytes came of an object of {size}."
                )
    return Downloaded(size, str(etag), digest.hexdigest(), metadata)
