"""An object store in a local folder.

Every write goes to a temporary file beside its target and is moved into place, so a reader or a
crash never meets half an object. `put_new` links the finished file under its name, which the file
system does for exactly one of many racers, also on other machines; where there are no hard links
(exFAT) it looks and moves under the file lock that all writers on this machine share. `put_if`
compares and replaces under that lock. Bytes and names are on disk when a write returns.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pipeline_project.adapters.object_store.base import StoredObject
from pipeline_project.errors import StoreConflict, StoreError

_HIDDEN = ".store"  # temporary files and locks; never listed
# What file systems answer that have no hard links, or can not sync a folder.
_NOT_OFFERED = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class LocalObjectStore:
    """Objects are files below `root`; the key is the path."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._hidden = self._root / _HIDDEN

    @property
    def root(self) -> str:
        """Address of the root, `file:///...`."""
        return self._root.as_uri()

    def path(self, key: str) -> Path:
        """Where an object lies on disk.

        Raises:
            StoreError: the key could leave the root.
        """
        parts = key.split("/")
        if not key or any(part in ("", ".", "..", _HIDDEN) for part in parts) or "\0" in key:
            raise StoreError(f"Object key {key!r} is not allowed: use plain parts joined by '/'.")
        return self._root.joinpath(*parts)

    def put(self, key: str, data: bytes) -> StoredObject:
        """Write or overwrite one object; readers see the old bytes or the new, never a part."""
        target = self.path(key)
        with self._finished(key, data) as temporary, self._locked(key):
            self._move(key, temporary, target)
        return _stored(key, data)

    def put_new(self, key: str, data: bytes) -> StoredObject:
        """Write an object that must not exist yet; of many racing writers exactly one wins."""
        target = self.path(key)
        with self._finished(key, data) as temporary, self._locked(key):
            try:
                os.link(temporary, target)
            except FileExistsError as error:
                raise self._exists_already(key) from error
            except OSError as error:
                if error.errno not in _NOT_OFFERED:
                    raise self._not_written(key, error) from error
                if target.exists():
                    raise self._exists_already(key) from error
                self._move(key, temporary, target)
            else:
                self._sync_folder(key, target.parent)
        return _stored(key, data)

    def put_if(self, key: str, data: bytes, etag: str) -> StoredObject:
        """Overwrite an object only while it still has this `etag` (compare and set)."""
        target = self.path(key)
        with self._finished(key, data) as temporary, self._locked(key):
            seen = _etag(target.read_bytes()) if target.is_file() else "no object"
            if seen != etag:
                raise StoreConflict(
                    f"Replacing {key} in {self.root}: expected {etag}, found {seen}; "
                    "somebody else wrote first. Read it again and decide anew."
                )
            self._move(key, temporary, target)
        return _stored(key, data)

    def put_file(self, key: str, path: Path) -> StoredObject:
        """Copy a file of any size; an object already there with the same size is kept."""
        target = self.path(key)
        size = path.stat().st_size
        if not (target.is_file() and target.stat().st_size == size):
            with self._temporary(key) as temporary:
                with self._writing(key):
                    shutil.copyfile(path, temporary)
                    _sync(temporary)
                self._move(key, temporary, target)
        return StoredObject(key=key, size_bytes=size, etag=_stat_etag(target))

    def get(self, key: str) -> bytes:
        """Read one object."""
        try:
            return self.path(key).read_bytes()
        except OSError as error:
            raise StoreError(f"Reading {key} from {self.root}: {error.strerror}.") from error

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """Read one object together with the `etag` that `put_if` wants."""
        data = self.get(key)
        return data, _etag(data)

    def download(self, key: str, path: Path) -> None:
        """Copy one object to a file; the file appears whole or not at all."""
        source = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{secrets.token_hex(8)}.part"
        try:
            shutil.copyfile(source, temporary)
            temporary.replace(path)
        except OSError as error:
            raise StoreError(
                f"Copying {key} from {self.root} to {path}: {error.strerror}."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        """Tell whether the key is there."""
        return self.path(key).is_file()

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object whose key lies below the prefix folder, ordered by key."""
        folder = self.path(prefix.rstrip("/")) if prefix else self._root
        found: list[Path] = []
        for parent, folders, names in os.walk(folder):
            if Path(parent) == self._root:
                folders[:] = [name for name in folders if name != _HIDDEN]
            found.extend(Path(parent) / name for name in names)
        for path in sorted(found, key=lambda path: path.relative_to(self._root).as_posix()):
            with contextlib.suppress(FileNotFoundError):  # deleted while we listed
                stat = path.stat()
                yield StoredObject(
                    key=path.relative_to(self._root).as_posix(),
                    size_bytes=stat.st_size,
                    etag=_stat_etag(path),
                    modified_at=datetime.fromtimestamp(stat.st_mtime, UTC),
                )

    def delete(self, key: str) -> None:
        """Remove one object; a key that is not there is no error."""
        target = self.path(key)
        with self._locked(key):
            target.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _finished(self, key: str, data: bytes) -> Iterator[Path]:
        """A temporary file that already holds the data, on disk, not only in the page cache."""
        with self._temporary(key) as temporary:
            with self._writing(key), temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary

    @contextlib.contextmanager
    def _temporary(self, key: str) -> Iterator[Path]:
        self._make_folder(key, self._hidden)
        self._make_folder(key, self.path(key).parent)
        temporary = self._hidden / secrets.token_hex(8)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._not_written(key, error) from error

    def _not_written(self, key: str, error: OSError) -> StoreError:
        return StoreError(
            f"Writing {key} to {self.root}: {error.strerror}. Nothing was changed; "
            "free space or choose another folder with --home, then run again."
        )

    def _exists_already(self, key: str) -> StoreConflict:
        return StoreConflict(f"Creating {key} in {self.root}: it exists already.")

    def _move(self, key: str, temporary: Path, target: Path) -> None:
        """Give a finished file its name, for good."""
        with self._writing(key):
            temporary.replace(target)
        self._sync_folder(key, target.parent)

    def _sync_folder(self, key: str, folder: Path) -> None:
        """Make a new name survive a power cut; the file's bytes were synced before."""
        try:
            _sync(folder)
        except OSError as error:
            if error.errno in _NOT_OFFERED:
                return
            raise StoreError(
                f"Syncing the folder of {key} in {self.root}: {error.strerror}. The object may be "
                "lost in a power cut; check the disk, then run again."
            ) from error

    def _make_folder(self, key: str, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(key, folder.parent)
            with self._writing(key):
                folder.mkdir(exist_ok=True)
            self._sync_folder(key, folder.parent)

    @contextlib.contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Hold the lock that all writers of this key on this machine share."""
        name = hashlib.sha256(key.encode()).hexdigest()[:2]
        self._hidden.mkdir(parents=True, exist_ok=True)
        with (self._hidden / f"lock-{name}").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _stat_etag(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


def _stored(key: str, data: bytes) -> StoredObject:
    return StoredObject(key=key, size_bytes=len(data), etag=_etag(data))


def _sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
