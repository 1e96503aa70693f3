"""A large file into a bucket, in parts that survive the death of whoever sent them.

Parts are cut at fixed places, so an open upload of the same key is gone on with: its parts are
compared with the file, by size and checksum, and only what is missing or different is sent. All
who upload one key at once agree on one open upload, the oldest, and look again and again which
parts the others have sent by now.
"""

import base64
import hashlib
import math
import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline_project.adapters.aws_errors import error_code
from pipeline_project.errors import StoreConflict, StoreError

PART_BYTES = 16 << 20
_MAX_PARTS = 10_000  # S3's limit
_AT_ONCE = 4  # parts in flight; each is in memory
_GONE = "NoSuchUpload"
_LOST = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict"})


@dataclass(frozen=True, slots=True)
class _Part:
    number: int
    etag: str
    sha256: str  # Base64, as S3 writes it


class MultipartUpload:
    """The way of one file to one key."""

    def __init__(self, client: Any, bucket: str, key: str, part_bytes: int = PART_BYTES) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._part_bytes = part_bytes

    def send(
        self,
        path: Path,
        sha256: str,
        condition: Mapping[str, str],
        metadata: Mapping[str, str],
        content_type: str,
    ) -> None:
        """Upload the file, or what is missing of it.

        Args:
            path: the file; must not change meanwhile.
            sha256: of the whole file, in hexadecimal.
            condition: `IfNoneMatch` or `IfMatch`, checked when the parts become an object.
            metadata: of the object; used where no open upload is gone on with.
            content_type: likewise.

        Raises:
            StoreConflict: an object is there by now that the condition does not allow. It may
                hold the same file: who was first is not known here.
            StoreError: the file changed while it was sent. Its parts are removed.
            botocore's errors: of requests; parts that arrived stay, for the next try.
        """
        before = path.stat()
        part_bytes = self._part_bytes
        while math.ceil(before.st_size / part_bytes) > _MAX_PARTS:
            part_bytes *= 2
        upload = self._open_upload(metadata, content_type)
        try:
            parts = self._send_missing(upload, path, before.st_size, part_bytes)
            if not _is_same(path, before, sha256):
                self._abort(upload)
                raise StoreError(
                    f"Uploading {path} to s3://{self._bucket}/{self._key}: it changed while it was "
                    "read. Run again when nothing writes to it any more."
                )
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=upload,
                MultipartUpload={
                    "Parts": [
                        {"PartNumber": p.number, "ETag": p.etag, "ChecksumSHA256": p.sha256}
                        for p in parts
                    ]
                },
                **condition,
            )
        except self._client.exceptions.ClientError as error:
            code = error_code(error)
            if code in _LOST:
                self._abort(upload)
            elif code != _GONE:
                raise
            raise StoreConflict(
                f"Uploading {path} to s3://{self._bucket}/{self._key}: another upload of this "
                "object ended first."
            ) from error

    def _open_upload(self, metadata: Mapping[str, str], content_type: str) -> str:
        """The one open upload of this key that all who upload it choose: the oldest."""
        uploads = self._open_uploads()
        if uploads:
            return uploads[0]
        own = str(
            self._client.create_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                ChecksumAlgorithm="SHA256",
                ContentType=content_type,
                Metadata=dict(metadata),
            )["UploadId"]
        )
        chosen = (self._open_uploads() or [own])[0]
        if chosen != own:
            self._abort(own)
        return chosen

    def _open_uploads(self) -> list[str]:
        """Open uploads of this very key, oldest first."""
        found = open_uploads(self._client, self._bucket, self._key)
        own = [(started, upload) for key, upload, started in found if key == self._key]
        return [upload for _, upload in sorted(own)]

    def _send_missing(self, upload: str, path: Path, size: int, part_bytes: int) -> list[_Part]:
        """Send parts until the server has them all; returns them in order."""
        numbers = range(1, math.ceil(size / part_bytes) + 1)
        done: dict[int, _Part] = {}
        # Each helper begins elsewhere, so that those who send at once send different parts.
        start = secrets.randbelow(len(numbers))
        order = [*numbers[start:], *numbers[:start]]
        with path.open("rb") as file, ThreadPoolExecutor(_AT_ONCE) as pool:
            descriptor = file.fileno()

            def check_or_send(number: int, there: Mapping[str, Any] | None) -> _Part:
                data = os.pread(descriptor, part_bytes, (number - 1) * part_bytes)
                return _same(number, data, there) or self._send(upload, number, data)

            for at in range(0, len(order), _AT_ONCE):
                there = self._parts(upload)
                batch = order[at : at + _AT_ONCE]
                sent = pool.map(check_or_send, batch, [there.get(number) for number in batch])
                done.update(zip(batch, sent, strict=True))
        return [done[number] for number in numbers]

    def _parts(self, upload: str) -> dict[int, Mapping[str, Any]]:
        found: dict[int, Mapping[str, Any]] = {}
        marker = 0
        while True:
            page = self._client.list_parts(
                Bucket=self._bucket, Key=self._key, UploadId=upload, PartNumberMarker=marker
            )
            found.update({part["PartNumber"]: part for part in page.get("Parts", ())})
            if not page.get("IsTruncated"):
                return found
            marker = page["NextPartNumberMarker"]

    def _send(self, upload: str, number: int, data: bytes) -> _Part:
        checksum = _sha256(data)
        answer = self._client.upload_part(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=upload,
            PartNumber=number,
            Body=data,
            ChecksumSHA256=checksum,
        )
        return _Part(number, answer["ETag"], checksum)

    def _abort(self, upload: str) -> None:
        abort_upload(self._client, self._bucket, self._key, upload)


def open_uploads(client: Any, bucket: str, prefix: str) -> list[tuple[str, str, datetime]]:
    """Uploads that were begun and not ended: (key, upload id, begun at)."""
    found: list[tuple[str, str, datetime]] = []
    markers: dict[str, str] = {}
    while True:
        page = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix, **markers)
        for each in page.get("Uploads", ()):
            found.append((each["Key"], each["UploadId"], each["Initiated"]))
        if not page.get("IsTruncated"):
            return found
        markers = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page.get("NextUploadIdMarker", ""),
        }


def abort_orphans(
    client: Any, bucket: str, prefix: str, older_than: timedelta, now: datetime | None = None
) -> int:
    """Remove the parts of uploads that nobody ended and that are older than given.

    Returns:
        How many uploads were removed.
    """
    before = (now or datetime.now(UTC)) - older_than
    old = [each for each in open_uploads(client, bucket, prefix) if each[2] < before]
    for key, upload, _ in old:
        abort_upload(client, bucket, key, upload)
    return len(old)


def abort_upload(client: Any, bucket: str, key: str, upload: str) -> None:
    """Remove an upload and its parts; one that is gone is no error."""
    try:
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
    except client.exceptions.ClientError as error:
        if error_code(error) != _GONE:
            raise


def _same(number: int, data: bytes, there: Mapping[str, Any] | None) -> _Part | None:
    """The part on the server, where it holds these very bytes.

    Servers that do not list SHA-256 tell the MD5 as the ETag; where a key of one's own encrypts
    the bucket the ETag is no MD5, the SHA-256 is listed.
    """
    if there is None or there["Size"] != len(data):
        return None
    checksum = _sha256(data)
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    seen = there.get("ChecksumSHA256")
    same = seen == checksum if seen is not None else there["ETag"].strip('"') == md5
    return _Part(number, there["ETag"], checksum) if same else None


def _sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _is_same(path: Path, before: os.stat_result, sha256: str) -> bool:
    now = path.stat()
    if (now.st_size, now.st_mtime_ns, now.st_ino) == (
        before.st_size,
        before.st_mtime_ns,
        before.st_ino,
    ):
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
