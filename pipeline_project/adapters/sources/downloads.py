"""Objects of buckets as local files, each downloaded once where there is room on the disk.

A run looks at a new file two or three times: for its hash and headers, for its frames, for the
picked ones. Copies are kept for the time of the run, in a folder that is removed at its end; what
a killed run left is removed by the next one.
"""

import contextlib
import fcntl
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline_project.adapters.addresses import bucket_and_key
from pipeline_project.adapters.aws_errors import PATIENCE_S, aws_errors, error_code, patiently
from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.object_store.s3_download import download_object
from pipeline_project.errors import (
    ConfigError,
    MediaUnreadable,
    PermanentError,
    PipelineError,
    StoreError,
)

_FOLDER = "pipeline-downloads-"
_LOCK = "lock"  # held while the run lives that the folder belongs to
_MOST_KEPT_BYTES = 50 << 30
_CHANGED = frozenset({"PreconditionFailed", "412"})
_GONE = frozenset({"NoSuchKey", "NotFound", "404"})
_DENIED = frozenset({"AccessDenied", "Forbidden", "403"})


@dataclass(slots=True)
class _Copy:
    path: Path
    size_bytes: int
    users: int = 1


class Downloads:
    """Fetches objects; a context manager that removes all copies in the end.

    Args:
        session: of the account that may read them.
        fingerprints: of the listed objects by address, each beginning with its ETag: an object
            that was replaced since it was listed is refused. What is not in it is read as it is.
        keep_bytes: copies that nobody uses are kept up to so many; None takes half of the free
            space, at most 50 GiB.
        patience_s: how long an outage is waited out.
    """

    def __init__(
        self,
        session: AwsSession,
        fingerprints: Mapping[str, str] | None = None,
        *,
        keep_bytes: int | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._session = session
        self._fingerprints = fingerprints or {}
        self._keep_bytes = keep_bytes
        self._patience_s = patience_s
        self._copies: dict[str, _Copy] = {}  # least recently used first
        self._mutex = threading.Lock()
        self._folder: Path | None = None
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> "Downloads":
        """Nothing is made before the first fetch."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove all copies."""
        with self._mutex:
            self._remove_folder()

    @contextlib.contextmanager
    def fetch(self, uri: str) -> Iterator[Path]:
        """Give one object as a local file, only to be read, for the time of the `with` block.

        Raises:
            MediaUnreadable: it changed since it was listed, vanished, or may not be read.
            ConfigError: the bucket or the credentials cannot be used at all.
            TransientError: the network was gone for too long.
            PermanentError: there is no room for it on the disk.
        """
        copy = self._kept(uri) or self._keep(uri, self._download(uri))
        try:
            yield copy.path
        finally:
            with self._mutex:
                copy.users -= 1
                self._make_room()

    def _kept(self, uri: str) -> _Copy | None:
        with self._mutex:
            copy = self._copies.pop(uri, None)
            if copy is not None:
                copy.users += 1
                self._copies[uri] = copy
            return copy

    def _keep(self, uri: str, copy: _Copy) -> _Copy:
        with self._mutex:
            other = self._copies.get(uri)
            if other is not None:  # another thread was quicker
                copy.path.unlink()
                other.users += 1
                return other
            self._copies[uri] = copy
            self._make_room()
            return copy

    def _download(self, uri: str) -> _Copy:
        bucket, key = bucket_and_key(uri)
        etag = self._fingerprints.get(uri, "").partition(" ")[0] or None
        what = f"Reading {uri}"
        path = self._make_folder() / (secrets.token_hex(8) + Path(key).suffix[:16])

        def attempt() -> _Copy:
            with aws_errors(what):
                found = download_object(self._session.client("s3"), bucket, key, path, etag)
            return _Copy(path, found.size_bytes)

        try:
            return patiently(attempt, what=what, patience_s=self._patience_s)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, PermanentError | ConfigError):
                raise _unreadable(error, what) from error
            if isinstance(error, OSError):
                raise PermanentError(
                    f"{what} into {path.parent}: {error.strerror}. Free space there, or set TMPDIR "
                    "to a folder that has more; then run again."
                ) from error
            raise

    def _make_folder(self) -> Path:
        with self._mutex:
            if self._folder is None:
                remove_left_behind()
                self._folder, self._lock = _locked_folder()
                if self._keep_bytes is None:
                    free = shutil.disk_usage(self._folder).free
                    self._keep_bytes = min(free // 2, _MOST_KEPT_BYTES)
            return self._folder

    def _make_room(self) -> None:
        """Remove copies that nobody uses, until they are few enough. Needs the mutex."""
        total = sum(copy.size_bytes for copy in self._copies.values())
        for uri, copy in list(self._copies.items()):
            if total <= (self._keep_bytes or 0):
                break
            if copy.users == 0:
                copy.path.unlink(missing_ok=True)
                del self._copies[uri]
                total -= copy.size_bytes

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
            self._copies.clear()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _locked_folder() -> tuple[Path, IO[bytes]]:
    """Make a folder and lock it; once more where another run cleared it away before the lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
        lock = (folder / _LOCK).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            return folder, lock
        lock.close()


def remove_left_behind() -> None:
    """Remove the copies of runs that were killed: their folders' locks are free."""
    for folder in Path(tempfile.gettempdir()).glob(_FOLDER + "*"):
        try:
            with (folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # in use, being made this moment, or another user's
            continue


def _unreadable(error: PermanentError | ConfigError, what: str) -> PipelineError:
    """What concerns this object alone is its reject; what concerns all of them ends the run."""
    code = error_code(error.__cause__) if error.__cause__ is not None else ""
    if code in _CHANGED:
        return MediaUnreadable(
            f"{what}: it changed since it was listed. Run again when nothing writes to it any more."
        )
    if code in _GONE:
        return MediaUnreadable(f"{what}: it was deleted since it was listed.")
    if code in _DENIED:
        return MediaUnreadable(
            f"{what}: access denied. Allow s3:GetObject, and the use of its key where it is "
            "encrypted, to whoever reads it."
        )
    if code == "InvalidObjectState":
        return MediaUnreadable(f"{what}: it is archived. Restore it first, then run again.")
    if isinstance(error, ConfigError):
        return error
    if code or isinstance(error, StoreError):
        return MediaUnreadable(f"{error}")
    return error
