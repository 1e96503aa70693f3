"""What every object store offers: put, get, list, and the two conditional writes.

Keys are `/`-separated, never start with `/`, and hold only what the project itself wrote
(hashes, ids, plain words); names given by users never become keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object's listing entry; `etag` changes whenever the bytes do.

    `modified_at` stands in listings alone.
    """

    key: str
    size_bytes: int
    etag: str
    modified_at: datetime | None = field(default=None, compare=False)


class ObjectStore(Protocol):
    """Objects under one root, a local folder or a bucket prefix."""

    @property
    def root(self) -> str:
        """Address of the root: `file:///...` or `s3://bucket/prefix`."""
        ...

    def put(self, key: str, data: bytes) -> StoredObject:
        """Write or overwrite one object; readers see the old bytes or the new, never a part."""
        ...

    def put_new(self, key: str, data: bytes) -> StoredObject:
        """Write an object that must not exist yet; of many racing writers exactly one wins.

        Raises:
            StoreConflict: the key exists.
        """
        ...

    def put_if(self, key: str, data: bytes, etag: str) -> StoredObject:
        """Overwrite an object only while it still has this `etag` (compare and set).

        Raises:
            StoreConflict: somebody changed or deleted it since.
        """
        ...

    def put_file(self, key: str, path: Path) -> StoredObject:
        """Upload a file of any size; an object already there with the same size is kept."""
        ...

    def get(self, key: str) -> bytes:
        """Read one object.

        Raises:
            StoreError: there is no such key, or it cannot be read.
        """
        ...

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Read one object together with the `etag` that `put_if` wants."""
        ...

    def download(self, key: str, path: Path) -> None:
        """Write one object to a file; the file appears whole or not at all."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether the key is there."""
        ...

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object whose key lies below the prefix folder, ordered by key."""
        ...

    def delete(self, key: str) -> None:
        """Remove one object; a key that is not there is no error."""
        ...
