"""The bytes of a collection's files: where they lie, and how a step gets at them."""

import base64
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline_project.adapters.addresses import is_bucket, path_of
from pipeline_project.adapters.aws_session import AwsAccess, AwsSession
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.sources.folder import fetch_file
from pipeline_project.core.config import SourceAccessConfig
from pipeline_project.errors import TransientError

# Smaller outputs lie in the row itself: a file of their own would cost more than they hold.
MOST_INLINE_BYTES = 8_192
OUTPUTS = "collections"  # folder of the object store for the others


def output_key(sha256: str) -> str:
    """Where in the object store a step's larger output lies."""
    return f"{OUTPUTS}/{sha256[:2]}/{sha256}"


@dataclass(frozen=True, slots=True)
class Held:
    """One file of a collection.

    Attributes:
        path: in the collection, `/folder/name`.
        sha256: of its bytes.
        size_bytes: of it.
        uri: where it lies, of a source's file; empty for what a step made.
        data: its bytes, where they are few and a step made them.
    """

    path: str
    sha256: str
    size_bytes: int
    uri: str = ""
    data: bytes | None = None

    @property
    def key(self) -> str:
        """Where in the object store a step's larger output lies."""
        return output_key(self.sha256)

    def as_json(self) -> dict[str, Any]:
        """What a result's row says of it."""
        said: dict[str, Any] = {
            "path": self.path,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
        }
        if self.data is not None:
            said["data"] = base64.b64encode(self.data).decode("ascii")
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Held":
        """Read what `as_json` wrote."""
        data = base64.b64decode(said["data"]) if "data" in said else None
        return cls(said["path"], said["sha256"], said["size_bytes"], data=data)


@dataclass(frozen=True, slots=True)
class Access:
    """How a process gets at the home and the sources; holds no secret.

    Attributes:
        store_root: address of the object store, `file:///...` or `s3://bucket/prefix`.
        store: the account of a store in a bucket.
        source: who reads a source in a bucket.
    """

    store_root: str
    store: AwsAccess | None = None
    source: SourceAccessConfig | None = None


class Bytes:
    """Reads and writes the files of collections; one per process."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @cached_property
    def store(self) -> ObjectStore:
        """The home's object store."""
        root = self._access.store_root
        if is_bucket(root):
            from pipeline_project.adapters.object_store.s3 import S3ObjectStore

            return S3ObjectStore(root, AwsSession(self._access.store))
        return LocalObjectStore(path_of(root))

    def read(self, held: Held) -> bytes:
        """All bytes of a file.

        Raises:
            MediaUnreadable: a source's file is gone or may not be read.
            TransientError: it is not what was listed any more.
            StoreError: the object store does not hold it.
        """
        if held.data is not None:
            return held.data
        if not held.uri:
            return self.store.get(held.key)
        with self.found(held.uri) as path:
            data = path.read_bytes()
        self._demand(held, hashlib.sha256(data).hexdigest())
        return data

    @contextmanager
    def as_file(self, held: Held) -> Iterator[Path]:
        """Give a file by a path, only to be read: a source's own file where that can be."""
        if held.uri and not is_bucket(held.uri):
            with fetch_file(held.uri) as path:
                self._demand(held, sha256_of(path))
                yield path
            return
        with tempfile.TemporaryDirectory(prefix="collection-") as folder:
            yield self.copy(held, Path(folder) / Path(held.path).name)

    def copy(self, held: Held, target: Path) -> Path:
        """Write a file's bytes to a path, whose folders are made; gives the path back.

        Raises:
            PipelineError: as `read`.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        if held.uri:
            with self.found(held.uri) as found:
                shutil.copyfile(found, target)
            self._demand(held, sha256_of(target))
        elif held.data is not None:
            target.write_bytes(held.data)
        else:
            self.store.download(held.key, target)
        return target

    def keep(self, path: str, data: bytes) -> Held:
        """Take an output: few bytes go along, more go to the object store, each content once.

        What is there already is written anew: garbage collection spares what is young, and until
        the result is committed nothing but its age tells that the object is needed.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        if len(data) <= MOST_INLINE_BYTES:
            return Held(path, sha256, len(data), data=data)
        held = Held(path, sha256, len(data))
        self.store.put(held.key, data)
        return held

    @contextmanager
    def found(self, uri: str) -> Iterator[Path]:
        """Give a source's file as it is now: in place on a disk, a copy from a bucket.

        Raises:
            MediaUnreadable: it is gone or may not be read.
        """
        if not is_bucket(uri):
            with fetch_file(uri) as path:
                yield path
            return
        from pipeline_project.adapters.sources.bucket import source_session
        from pipeline_project.adapters.sources.downloads import Downloads

        with (
            Downloads(source_session(self._access.source)) as downloads,
            downloads.fetch(uri) as path,
        ):
            yield path

    def _demand(self, held: Held, sha256: str) -> None:
        if held.sha256 != sha256:
            raise TransientError(
                f"Reading {held.path}: it is not what it was when this run listed it. Run again "
                "once it is written to no more."
            )


def sha256_of(path: Path) -> str:
    """Hash a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
