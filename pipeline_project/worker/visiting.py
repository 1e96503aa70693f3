"""One look at one file: its hash, its headers, and that it did not change meanwhile."""

import hashlib
import stat
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pipeline_project.adapters.addresses import is_here
from pipeline_project.adapters.media.base import MediaReader
from pipeline_project.core.records import MediaInfo, MediaRef
from pipeline_project.errors import MediaError, MediaUnreadable

_CHUNK_BYTES = 1 << 20


class Fetch(Protocol):
    """Gives an object's bytes as a local file."""

    def __call__(self, uri: str) -> AbstractContextManager[Path]:
        """Hold the file for the time of the `with` block."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """What one look at a file brought; without a hash its bytes could not be read."""

    place: int
    ref: MediaRef
    sha256: str = ""
    info: MediaInfo | None = None
    error: MediaError | None = None


def visit(place: int, ref: MediaRef, fetch: Fetch, reader: MediaReader) -> Visit:
    """Hash a listed file and read its headers; what is wrong with it is in the answer."""
    info: MediaInfo | None = None
    wrong: MediaError | None = None
    try:
        with fetch(ref.read_uri) as path:
            ref = _as_found(ref, path)
            sha256 = _hash_file(path)
            try:
                with reader.open(path) as media:
                    info = media.info
            except MediaUnreadable:
                raise
            except MediaError as error:
                wrong = error
            check_unchanged(ref, path)
    except MediaUnreadable as error:
        return Visit(place, ref, error=error)
    return Visit(place, ref, sha256, info, wrong)


def check_unchanged(ref: MediaRef, path: Path) -> None:
    """Make sure that a file is still the one that was hashed.

    Args:
        ref: with the size and fingerprint of the hashed file.
        path: where its bytes are now.

    Raises:
        MediaUnreadable: it was replaced, written to, or is gone.
    """
    now = _as_found(ref, path)
    if now != ref:
        raise MediaUnreadable(
            f"Reading {path}: it changed meanwhile, from {ref.size_bytes} to {now.size_bytes} "
            "bytes or in its time of change. Run again when nothing writes to it any more."
        )


def _as_found(ref: MediaRef, path: Path) -> MediaRef:
    """Give the entry the file's size and time of now, which the listing may have seen long ago.

    What a source copied to this machine has no time of its own: nobody else writes to it.
    """
    if not is_here(ref.uri):
        return ref
    try:
        found = path.stat()
    except OSError as error:
        raise MediaUnreadable(
            f"Reading {path}: {error.strerror}. Was it moved or deleted while it was read? "
            "Check that it is there and may be read, and run again."
        ) from error
    return replace(ref, size_bytes=found.st_size, fingerprint=str(found.st_mtime_ns))


def _hash_file(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise MediaUnreadable(
                f"Reading {path}: it is {_kind(mode)}, not a file. Leave it out with --include."
            )
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise MediaUnreadable(
            f"Reading {path}: {error.strerror}. Check that it exists and may be read."
        ) from error
    return digest.hexdigest()


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder that may not be listed"
    return "a pipe, socket or device"
