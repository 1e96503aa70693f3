"""An object store in a bucket, on AWS or on any server that speaks S3 with conditional writes.

Every write carries its SHA-256, which the server checks. A conditional write marks its object
with a word of its own, so that a write whose answer got lost, and which is refused when it is
sent again, is recognised as done. Outages are waited out for a while, here and not by callers.
"""

import base64
import hashlib
import mimetypes
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pipeline_project.adapters.addresses import bucket_and_key
from pipeline_project.adapters.aws_errors import (
    PATIENCE_S,
    aws_errors,
    error_code,
    http_status,
    patiently,
)
from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.object_store.base import StoredObject
from pipeline_project.adapters.object_store.s3_download import download_object
from pipeline_project.adapters.object_store.s3_multipart import (
    PART_BYTES,
    MultipartUpload,
    abort_orphans,
)
from pipeline_project.errors import PermanentError, StoreConflict, StoreError

Result = TypeVar("Result")

SHA256 = "sha256"  # metadata of what `put_file` wrote: of the whole file, in hexadecimal
_WRITER = "writer"  # metadata of conditional writes: a word that only this one call knows
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_REFUSED = frozenset({"PreconditionFailed", "412"})


class S3ObjectStore:
    """Objects below a bucket's prefix; the key is what follows it.

    Args:
        root: `s3://bucket` or `s3://bucket/prefix`.
        session: makes the client.
        patience_s: how long an outage is waited out.
        part_bytes: larger files go up in parts of this size, each of them resumable.
        orphan_age: parts below the root whose upload began longer ago, and was never ended, are
            removed with the next large upload.
    """

    def __init__(
        self,
        root: str,
        session: AwsSession,
        *,
        patience_s: float = PATIENCE_S,
        part_bytes: int = PART_BYTES,
        orphan_age: timedelta = timedelta(days=7),
    ) -> None:
        self._bucket, prefix = bucket_and_key(root.rstrip("/") + "/")
        self._prefix = prefix
        self._session = session
        self._patience_s = patience_s
        self._part_bytes = part_bytes
        self._orphan_age = orphan_age

    @property
    def root(self) -> str:
        """Address of the root, `s3://bucket/prefix`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    def full_key(self, key: str) -> str:
        """Where an object lies in the bucket.

        Raises:
            StoreError: the key could leave the root.
        """
        parts = key.split("/")
        if not key or any(part in ("", ".", "..") for part in parts) or "\0" in key:
            raise StoreError(f"Object key {key!r} is not allowed: use plain parts joined by '/'.")
        return self._prefix + key

    def put(self, key: str, data: bytes) -> StoredObject:
        """Write or overwrite one object; readers see the old bytes or the new, never a part."""
        return self._put(key, data)

    def put_new(self, key: str, data: bytes) -> StoredObject:
        """Write an object that must not exist yet; of many racing writers exactly one wins."""
        return self._put(key, data, IfNoneMatch="*")

    def put_if(self, key: str, data: bytes, etag: str) -> StoredObject:
        """Overwrite an object only while it still has this `etag` (compare and set)."""
        return self._put(key, data, IfMatch=f'"{etag}"')

    def put_file(self, key: str, path: Path) -> StoredObject:
        """Upload a file of any size; an object already there with the same contents is kept.

        An object that tells no SHA-256 of its contents is taken for the same if its size is. A
        large file goes up in parts; one that was broken off, by whichever process, goes on where
        it stopped. Of several runs that upload one file at once all help one upload along.

        Raises:
            StoreConflict: somebody wrote something else under this key meanwhile.
            StoreError: the file changed while it was read, or the server refused it.
        """
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        for _ in range(2):
            there = self.head(key)
            if there is not None and _holds(there, size, sha256):
                return _listed(key, there)
            try:
                self._upload(key, path, size, sha256, there)
            except StoreConflict:
                there = self.head(key)  # perhaps another run was quicker with the same file
                if there is None or not _holds(there, size, sha256):
                    raise
            # Once more where the broken-off upload that was gone on with was of another file:
            # its parts were replaced, but the object tells that file's SHA-256.
        there = self.head(key)
        if there is None or not _holds(there, size, sha256):
            raise StoreConflict(
                f"Uploading {path} to {self._address(key)}: another object took its place."
            )
        return _listed(key, there)

    def get(self, key: str) -> bytes:
        """Read one object."""
        return self.get_with_etag(key)[0]

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Read one object together with the `etag` that `put_if` wants."""

        def read(client: Any) -> tuple[bytes, str]:
            answer = client.get_object(
                Bucket=self._bucket, Key=self.full_key(key), ChecksumMode="ENABLED"
            )
            return answer["Body"].read(), _plain(answer["ETag"])

        return self._call(f"reading {self._address(key)}", read, key)

    def download(self, key: str, path: Path) -> None:
        """Write one object to a file; the file appears whole or not at all."""
        what = f"reading {self._address(key)}"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{secrets.token_hex(8)}.part"
        try:
            found = self._call(
                what,
                lambda client: download_object(client, self._bucket, self.full_key(key), temporary),
                key,
            )
            expected = found.metadata.get(SHA256)
            if expected is not None and expected != found.sha256:
                raise StoreError(
                    f"{what}: its bytes have SHA-256 {found.sha256}, but were written with "
                    f"{expected}. Delete the object and upload it again."
                )
            temporary.replace(path)
        except OSError as error:
            raise StoreError(f"{what} to {path}: {error.strerror}.") from error
        finally:
            temporary.unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        """Tell whether the key is there."""
        return self.head(key) is not None

    def head(self, key: str) -> dict[str, Any] | None:
        """What the server tells of one object without its bytes; None where there is none."""

        def ask(client: Any) -> dict[str, Any] | None:
            try:
                return dict(client.head_object(Bucket=self._bucket, Key=self.full_key(key)))
            except client.exceptions.ClientError as error:
                if self._tells_missing(client, key, error):
                    return None
                raise

        return self._call(f"looking for {self._address(key)}", ask)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object whose key lies below the prefix folder, in the order of the server.

        On AWS that is by key; SeaweedFS orders folder by folder, a folder by its bare name.
        """
        folder = self.full_key(prefix.rstrip("/")) + "/" if prefix else self._prefix
        token: str | None = None
        while True:
            page = self._call(
                f"listing s3://{self._bucket}/{folder}",
                lambda client, token=token: client.list_objects_v2(  # type: ignore[misc]  # lambda
                    Bucket=self._bucket,
                    Prefix=folder,
                    **({"ContinuationToken": token} if token else {}),
                ),
            )
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith("/"):  # folder marks, which consoles make
                    yield StoredObject(
                        key=entry["Key"].removeprefix(self._prefix),
                        size_bytes=entry["Size"],
                        etag=_plain(entry["ETag"]),
                        modified_at=entry.get("LastModified"),
                    )
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or not token:
                return

    def delete(self, key: str) -> None:
        """Remove one object; a key that is not there is no error."""
        self._call(
            f"deleting {self._address(key)}",
            lambda client: client.delete_object(Bucket=self._bucket, Key=self.full_key(key)),
        )

    def _upload(
        self, key: str, path: Path, size: int, sha256: str, there: dict[str, Any] | None
    ) -> None:
        """Send a file, to take the place of what is there and of nothing else."""
        condition = {"IfMatch": there["ETag"]} if there is not None else {"IfNoneMatch": "*"}
        what = f"uploading {path} to {self._address(key)}"
        if size <= self._part_bytes:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != sha256:
                raise StoreError(
                    f"{what}: it changed while it was read. Run again when nothing writes to it "
                    "any more."
                )
            self._put(key, data, metadata={SHA256: sha256}, **condition)
            return
        self._call(
            what,
            lambda client: MultipartUpload(
                client, self._bucket, self.full_key(key), self._part_bytes
            ).send(path, sha256, condition, {SHA256: sha256}, _content_type(key)),
        )
        self._call(
            f"removing broken-off uploads below {self.root}",
            lambda client: abort_orphans(client, self._bucket, self._prefix, self._orphan_age),
        )

    def _put(
        self, key: str, data: bytes, metadata: dict[str, str] | None = None, **condition: str
    ) -> StoredObject:
        what = f"writing {self._address(key)}"
        writer = secrets.token_hex(16)
        full = self.full_key(key)
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        tries = 0

        def write(client: Any) -> StoredObject:
            nonlocal tries
            tries += 1
            try:
                answer = client.put_object(
                    Bucket=self._bucket,
                    Key=full,
                    Body=data,
                    ContentType=_content_type(key),
                    ChecksumSHA256=checksum,
                    Metadata={**(metadata or {}), **({_WRITER: writer} if condition else {})},
                    **condition,
                )
            except client.exceptions.ClientError as error:
                lost = error_code(error) in _REFUSED or (
                    "IfMatch" in condition and self._tells_missing(client, key, error)
                )
                if not lost:
                    raise
                # Refused at a second try: the first may have been done, its answer lost.
                again = tries > 1 or error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
                there = self.head(key) if again else None
                if there is not None and there.get("Metadata", {}).get(_WRITER) == writer:
                    return _listed(key, there)
                raise StoreConflict(
                    f"{what}: it exists already."
                    if "IfNoneMatch" in condition
                    else f"{what}: somebody else wrote or deleted it first. Read it again and "
                    "decide anew."
                ) from error
            return StoredObject(key=key, size_bytes=len(data), etag=_plain(answer["ETag"]))

        return self._call(what, write)

    def _call(self, what: str, call: Callable[[Any], Result], read_key: str = "") -> Result:
        """Do one thing, through outages, and explain what went wrong; `read_key` is read by it."""

        def attempt() -> Result:
            client = self._session.client("s3")
            try:
                with aws_errors(what):
                    try:
                        return call(client)
                    except client.exceptions.ClientError as error:
                        if read_key and self._tells_missing(client, read_key, error):
                            raise StoreError(f"{what}: there is no such object.") from error
                        raise
            except StoreError:
                raise
            except PermanentError as error:
                raise StoreError(str(error)) from error

        return patiently(attempt, what=what, patience_s=self._patience_s)

    def _tells_missing(self, client: Any, key: str, error: Exception) -> bool:
        """Whether an error says that there is no such object.

        Whoever may list no more than a prefix is told `AccessDenied` instead (S3's documentation
        of HeadObject), so the listing is asked then.
        """
        if http_status(error) != 403:
            return error_code(error) in _MISSING
        if error_code(error) not in ("403", "AccessDenied"):
            return False  # the key is wrong or has expired
        full = self.full_key(key)
        page = client.list_objects_v2(Bucket=self._bucket, Prefix=full, MaxKeys=1)
        return full not in [each["Key"] for each in page.get("Contents", ())]

    def _address(self, key: str) -> str:
        return f"s3://{self._bucket}/{self.full_key(key)}"


def _holds(there: dict[str, Any], size: int, sha256: str) -> bool:
    """Whether an object is this very file, as far as it tells."""
    return bool(
        there["ContentLength"] == size and there.get("Metadata", {}).get(SHA256, sha256) == sha256
    )


def _listed(key: str, there: dict[str, Any]) -> StoredObject:
    return StoredObject(key=key, size_bytes=there["ContentLength"], etag=_plain(there["ETag"]))


def _plain(etag: str) -> str:
    return etag.strip('"')


def _content_type(key: str) -> str:
    """So that a browser shows a page from the bucket, and does not store it."""
    kind, _ = mimetypes.guess_type(key.rpartition("/")[2])
    text = kind is not None and kind.startswith("text/")
    return f"{kind}; charset=utf-8" if text else kind or "application/octet-stream"
