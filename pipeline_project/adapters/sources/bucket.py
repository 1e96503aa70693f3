"""Media below a prefix of a bucket, read where they are: listed by pages, never written to."""

import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pipeline_project.adapters.addresses import bucket_and_key
from pipeline_project.adapters.aws_errors import PATIENCE_S, aws_errors, patiently
from pipeline_project.adapters.aws_session import AwsAccess, AwsSession
from pipeline_project.adapters.sources.downloads import Downloads
from pipeline_project.adapters.sources.folder import MEDIA_SUFFIXES
from pipeline_project.core.config import SourceAccessConfig
from pipeline_project.core.records import MediaRef


class BucketSource:
    """Lists media objects by their suffix; what they are is for the reader to say.

    As in a folder, objects of other types are left out and hidden ones passed over. Unlike in a
    folder, one object more or less under way costs nothing: memory does not grow with the number
    of objects.

    Args:
        spec: `s3://bucket/prefix`, or one object's address. Keys are written as they are,
            nothing is percent-encoded.
        include: glob patterns on the key below the prefix (`*` also crosses `/`); an object that
            matches one is listed whatever its suffix. Empty means every media suffix.
        session: makes the client; None uses what boto3 finds.
        patience_s: how long an outage is waited out.

    Raises:
        ConfigError: there is no such bucket, or it may not be listed.
        TransientError: it cannot be reached now.
    """

    def __init__(
        self,
        spec: str,
        include: Sequence[str] = (),
        session: AwsSession | None = None,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._spec = spec
        self._bucket, key = bucket_and_key(spec)
        self._key = key
        self._prefix = key if not key or key.endswith("/") else key + "/"
        self._include = tuple(include)
        self._session = session or AwsSession()
        self._patience_s = patience_s
        self._ignored = 0
        with aws_errors(self._what):
            self._session.client("s3").list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1
            )

    @property
    def spec(self) -> str:
        """The source as the user wrote it."""
        return self._spec

    @property
    def ignored(self) -> int:
        """Objects that the last listing left out: other file types, or not in `include`."""
        return self._ignored

    def list(self) -> Iterator[MediaRef]:
        """Yield the media objects in the order of the server, on AWS by key; reads none of them.

        A thousand objects cost one request. An address without objects below it may be that of
        one object, which is then listed whatever its suffix.
        """
        self._ignored = 0
        found = False
        for entry in self._entries(self._prefix):
            relative = entry["Key"].removeprefix(self._prefix)
            if not relative or relative.endswith("/"):
                continue  # folder marks, which consoles make
            found = True
            parts = relative.split("/")
            if any(part.startswith(".") for part in parts):
                continue
            if self._wanted(relative):
                yield self._ref(entry, relative)
            else:
                self._ignored += 1
        if not found and self._key and self._key != self._prefix:
            for entry in self._entries(self._key):
                if entry["Key"] == self._key:
                    yield self._ref(entry, self._key.rpartition("/")[2])
                return  # the key itself comes before all that it begins

    @contextmanager
    def fetch(self, uri: str) -> Iterator[Path]:
        """Give one object as a temporary file, removed at the end of the `with` block."""
        with (
            Downloads(self._session, patience_s=self._patience_s) as downloads,
            downloads.fetch(uri) as path,
        ):
            yield path

    @property
    def _what(self) -> str:
        return f"listing s3://{self._bucket}/{self._prefix}"

    def _entries(self, prefix: str) -> Iterator[dict[str, Any]]:
        """The objects below a prefix, a page at a time."""
        token: str | None = None
        while True:

            def page(token: str | None = token) -> Any:
                with aws_errors(self._what):
                    return self._session.client("s3").list_objects_v2(
                        Bucket=self._bucket,
                        Prefix=prefix,
                        **({"ContinuationToken": token} if token else {}),
                    )

            answer = patiently(page, what=self._what, patience_s=self._patience_s)
            yield from answer.get("Contents", ())
            token = answer.get("NextContinuationToken")
            if not answer.get("IsTruncated") or not token:
                return

    def _wanted(self, relative: str) -> bool:
        if self._include:
            return any(fnmatchcase(relative, pattern) for pattern in self._include)
        # Not pathlib: it interns every part of every key.
        return posixpath.splitext(relative)[1].lower() in MEDIA_SUFFIXES

    def _ref(self, entry: dict[str, Any], relative: str) -> MediaRef:
        etag = entry["ETag"].strip('"')
        return MediaRef(
            uri=f"s3://{self._bucket}/{entry['Key']}",
            name=_printable(relative),
            source=self._spec,
            size_bytes=entry["Size"],
            fingerprint=f"{etag} {entry['LastModified'].timestamp():.3f}",
        )


def source_session(access: SourceAccessConfig | None) -> AwsSession:
    """The account that reads a bucket source, as the configuration says."""
    if access is None:
        return AwsSession()
    endpoints = {"s3": access.endpoint_url} if access.endpoint_url else {}
    return AwsSession(
        AwsAccess(
            region=access.region,
            profile=access.profile,
            role_arn=access.role_arn,
            external_id=access.external_id,
            endpoint_urls=endpoints,
        )
    )


def _printable(name: str) -> str:
    """Give a key as text for people: what would not show is written as an escape."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in name
    )
