"""Which contents a listing holds: hash what is new, read its headers, skip what is known.

A file is read once: as long as its address, size and fingerprint stay the same, its hash comes
from `media_sources`. What a file's bytes turned out to be is remembered by their hash; that a
file could not be read at all is not remembered, since the next run may find it readable.

A file may be replaced while it is looked at. What was seen then belongs to no hash for sure, so
it is looked at again for its size and time before anything of it is recorded, here and by the
frame stages, and counts as unreadable when they changed.
"""

import hashlib
import json
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pipeline_project.adapters.engine.base import Engine
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.media.base import MediaReader
from pipeline_project.core.records import MediaInfo, MediaRef
from pipeline_project.errors import MediaError, MediaUnreadable
from pipeline_project.worker.ledger import Rows, datum_row, read_states, reject_row
from pipeline_project.worker.progress import Progress
from pipeline_project.worker.stages import probe_key

_CHUNK_BYTES = 1 << 20


class Fetch(Protocol):
    """Gives an object's bytes as a local file."""

    def __call__(self, uri: str) -> AbstractContextManager[Path]:
        """Hold the file for the time of the `with` block."""
        ...


@dataclass(frozen=True, slots=True)
class KnownMedia:
    """One distinct contents of the listing, under its first name.

    `ref` has the size and fingerprint that the file had when it was hashed.
    """

    sha256: str
    ref: MediaRef
    info: MediaInfo


@dataclass(slots=True)
class Identified:
    """What a listing turned out to hold.

    Attributes:
        media: distinct usable contents, in the order of the listing.
        listed: files listed.
        hashed: files whose bytes were read now.
        files: contents, usable or not -> the listed files that hold them.
        failed: files that could not be read, or are no media.
    """

    media: list[KnownMedia] = field(default_factory=list)
    listed: int = 0
    hashed: int = 0
    files: dict[str, list[MediaRef]] = field(default_factory=dict)
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Recalled:
    """What earlier runs found a file to hold; without an info it is no media that can be used."""

    sha256: str
    info: MediaInfo | None


@dataclass(frozen=True, slots=True)
class _Visit:
    """What one look at a file brought; without a hash its bytes could not be read."""

    ref: MediaRef
    sha256: str = ""
    info: MediaInfo | None = None
    error: MediaError | None = None


def identify(
    refs: Iterable[MediaRef],
    *,
    lake: Lake,
    fetch: Fetch,
    reader: MediaReader,
    engine: Engine,
    progress: Progress,
    take: Callable[[Rows], None],
    run_id: str,
    rehash: bool = False,
) -> Identified:
    """Find the contents behind a listing.

    Args:
        refs: the listing.
        lake: what is known already.
        fetch: gives the bytes of a listed file.
        reader: reads headers.
        engine: reads several files at once.
        progress: told after each file.
        take: given each file's rows as soon as it was read.
        run_id: named in the rows.
        rehash: read every file again, whatever its size and fingerprint say.
    """
    listing = list(refs)
    recalled = {} if rehash else recall(lake, listing)
    visits: dict[str, _Visit] = {}
    unread: list[MediaRef] = []
    for ref in listing:
        if (before := recalled.get(ref.uri)) is not None:
            visits[ref.uri] = _Visit(ref, before.sha256, before.info)
        else:
            unread.append(ref)

    def visit(ref: MediaRef) -> Iterator[_Visit]:
        yield _visit(ref, fetch, reader)

    recorded: set[str] = set()
    for number, seen in enumerate(engine.flat_map(visit, unread), start=1):
        visits[seen.ref.uri] = seen
        take(_rows(seen, run_id, new_contents=seen.sha256 not in recorded))
        recorded.add(seen.sha256)
        progress.update("identify", number, len(unread), "files", seen.ref.name)
    return _gather(listing, visits, {ref.uri for ref in unread})


def recall(lake: Lake, listing: Sequence[MediaRef]) -> dict[str, Recalled]:
    """Find what is known of listed files without reading any of them.

    Returns:
        Address -> what it holds. Files that are new, or have another size or fingerprint than
        when they were read, are left out, and so are those that other code has probed.
    """
    known = _known_hashes(lake, listing)
    infos = _known_infos(lake, set(known.values()))
    states = read_states(lake, {probe_key(sha256) for sha256 in known.values()})
    found = ((ref.uri, known.get(_cache_key(ref), "")) for ref in listing)
    return {
        uri: Recalled(sha256, infos.get(sha256))
        for uri, sha256 in found
        if sha256 and probe_key(sha256) in states
    }


def _gather(listing: list[MediaRef], visits: dict[str, _Visit], fresh: set[str]) -> Identified:
    """Bring what was seen into the order of the listing."""
    result = Identified(listed=len(listing))
    for ref in listing:
        seen = visits[ref.uri]
        result.hashed += bool(seen.sha256) and ref.uri in fresh
        if seen.info is None:
            result.failed += 1
        elif seen.sha256 not in result.files:
            result.media.append(KnownMedia(seen.sha256, seen.ref, seen.info))
        if seen.sha256:
            result.files.setdefault(seen.sha256, []).append(seen.ref)
    return result


def _visit(ref: MediaRef, fetch: Fetch, reader: MediaReader) -> _Visit:
    info: MediaInfo | None = None
    wrong: MediaError | None = None
    try:
        with fetch(ref.uri) as path:
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
        return _Visit(ref, error=error)
    return _Visit(ref, sha256, info, wrong)


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
    if not ref.uri.startswith("file:"):
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


def _rows(seen: _Visit, run_id: str, *, new_contents: bool) -> Rows:
    """What one look at a file tells the lake."""
    rows = Rows()
    ref = seen.ref
    key = probe_key(seen.sha256) if seen.sha256 else ""
    if seen.error is not None:
        rows.add(
            TABLES["rejects"],
            reject_row(
                uri=ref.uri,
                name=ref.name,
                sha256=seen.sha256,
                stage="probe",
                key=key,
                error_class=type(seen.error).__name__,
                message=str(seen.error),
                damaged=False,
                run_id=run_id,
            ),
        )
    if seen.sha256:
        rows.add(TABLES["media_sources"], _source_row(ref, seen.sha256, datetime.now(UTC)))
    if seen.info is not None and new_contents:
        rows.add(TABLES["media"], _media_row(ref, seen.sha256, seen.info))
    if seen.sha256 and new_contents:
        row = datum_row(
            key=key, stage="probe", input_sha256=seen.sha256, run_id=run_id, error=seen.error
        )
        rows.add(TABLES["datums"], row)
    return rows


def _media_row(ref: MediaRef, sha256: str, info: MediaInfo) -> dict[str, object]:
    return {
        "sha256": sha256,
        "size_bytes": ref.size_bytes,
        "kind": info.kind,
        "codec": info.codec,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "fps": info.fps,
        "duration_s": info.duration_s,
        "declared_frames": info.declared_frames,
    }


def _source_row(ref: MediaRef, sha256: str, now: datetime) -> dict[str, object]:
    return {
        "uri": ref.uri,
        "sha256": sha256,
        "name": ref.name,
        "source": ref.source,
        "size_bytes": ref.size_bytes,
        "fingerprint": ref.fingerprint,
        "attribution": json.dumps(ref.attribution, sort_keys=True),
        "seen_at": now,
    }


def _cache_key(ref: MediaRef) -> tuple[str, int, str]:
    return ref.uri, ref.size_bytes, ref.fingerprint


def _known_hashes(lake: Lake, listing: Sequence[MediaRef]) -> dict[tuple[str, int, str], str]:
    """The listing cache: (uri, size, fingerprint) -> hash of the bytes."""
    rows = lake.read(
        TABLES["media_sources"],
        columns=["uri", "size_bytes", "fingerprint", "sha256"],
        where=("uri", {ref.uri for ref in listing}),
    )
    keys = zip(
        rows["uri"].to_pylist(),
        rows["size_bytes"].to_pylist(),
        rows["fingerprint"].to_pylist(),
        strict=True,
    )
    return dict(zip(keys, rows["sha256"].to_pylist(), strict=True))


def _known_infos(lake: Lake, hashes: set[str]) -> dict[str, MediaInfo]:
    columns = ["kind", "codec", "width_px", "height_px", "fps", "duration_s", "declared_frames"]
    rows = lake.read(TABLES["media"], columns=["sha256", *columns], where=("sha256", hashes))
    return {row.pop("sha256"): MediaInfo(**row) for row in rows.to_pylist()}
