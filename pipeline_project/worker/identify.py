"""Which contents a listing holds: hash what is new, read its headers, skip what is known.

A file is read once: as long as its address, size and fingerprint stay the same, its hash comes
from `media_sources`. What a file's bytes turned out to be is remembered by their hash; that a
file could not be read at all is not remembered, since the next run may find it readable.

A file may be replaced while it is looked at. What was seen then belongs to no hash for sure, so
it is looked at again for its size and time before anything of it is recorded, here and by the
frame stages, and counts as unreadable when they changed.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.engine.base import Engine
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.media.base import MediaReader
from pipeline_project.core.records import MediaInfo, MediaRef
from pipeline_project.worker.known import (
    INFO,
    MediaList,
    Recollection,
    first_places,
    read_done,
    read_infos,
    recollect,
)
from pipeline_project.worker.known import KnownMedia as KnownMedia
from pipeline_project.worker.ledger import Rows, datum_row, read_states, reject_row
from pipeline_project.worker.listing import Listing
from pipeline_project.worker.progress import Progress
from pipeline_project.worker.stages import Stages, probe_key
from pipeline_project.worker.visiting import Fetch as Fetch
from pipeline_project.worker.visiting import Visit, visit
from pipeline_project.worker.visiting import check_unchanged as check_unchanged


@dataclass(frozen=True, slots=True)
class Recalled:
    """What earlier runs found a file to hold; without an info it is no media that can be used."""

    sha256: str
    info: MediaInfo | None


@dataclass(slots=True)
class Identified:
    """What a listing turned out to hold.

    Attributes:
        listing: the files.
        media: distinct usable contents, in the order of the listing.
        sha256: of each listed file; null where it could not be read.
        complete: for each of `media`, whether all is done with it by the plan of this run.
        visits: files that were looked at now, by their place in the listing.
        memory: what was known before.
        failed: files that could not be read, or are no media.
        copies: files that hold the same bytes as another one before them.
    """

    listing: Listing
    media: MediaList
    sha256: pa.Array
    complete: npt.NDArray[np.bool_]
    visits: dict[int, Visit]
    memory: Recollection
    failed: int
    copies: int

    @property
    def listed(self) -> int:
        """How many files there are."""
        return len(self.listing)

    @property
    def hashed(self) -> int:
        """How many files' bytes were read now."""
        return sum(bool(visit.sha256) for visit in self.visits.values())

    def files(self, hashes: Collection[str]) -> dict[str, list[MediaRef]]:
        """The listed files that hold these contents, in order, by hash."""
        found: dict[str, list[MediaRef]] = {}
        mask = pc.is_in(self.sha256, value_set=pa.array(sorted(hashes), pa.string()))
        mask = pc.and_(mask, pc.is_valid(self.sha256))
        for place in np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist():
            visit = self.visits.get(place)
            ref = visit.ref if visit is not None else self.listing[place]
            found.setdefault(self.sha256[place].as_py(), []).append(ref)
        return found


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
    stages: Stages | None = None,
    retry_failed: bool = False,
    keep_old: bool = False,
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
        stages: under which files are to be done; those that are done need no closer look.
        retry_failed: read the headers again of what was no media before.
        keep_old: what other code said of a file's headers is good enough.
    """
    listing = Listing.of(refs)
    memory = recollect(lake, listing)
    nothing = pa.nulls(len(listing), pa.string())
    sha256 = nothing if rehash else memory.sha256
    done = _done(lake, stages)
    sha256 = _without_unprobed(lake, sha256, done, retry_failed=retry_failed, keep_old=keep_old)
    unread = np.flatnonzero(sha256.is_null().to_numpy(zero_copy_only=False)).tolist()

    def look(place: int) -> Iterator[Visit]:
        yield visit(place, listing[place], fetch, reader)

    visits: dict[int, Visit] = {}
    recorded: set[str] = set()
    for number, seen in enumerate(engine.flat_map(look, unread), start=1):
        visits[seen.place] = seen
        take(_rows(seen, run_id, new_contents=seen.sha256 not in recorded))
        recorded.add(seen.sha256)
        progress.update("identify", number, len(unread), "files", seen.ref.name)
    return _gather(lake, listing, memory, sha256, visits, done)


def recall(lake: Lake, refs: Sequence[MediaRef]) -> dict[str, Recalled]:
    """Find what is known of listed files without reading any of them.

    Returns:
        Address -> what it holds. Files that are new, or have another size or fingerprint than
        when they were read, are left out, and so are those that other code has probed.
    """
    listing = Listing.of(refs)
    memory = recollect(lake, listing)
    sha256 = _without_unprobed(lake, memory.sha256, pa.array([], pa.string()))
    rows = read_infos(lake, sha256).to_pylist()
    infos = {row.pop("sha256"): MediaInfo(**row) for row in rows}
    found = zip(listing.table["uri"].to_pylist(), sha256.to_pylist(), strict=True)
    return {uri: Recalled(known, infos.get(known)) for uri, known in found if known is not None}


def _done(lake: Lake, stages: Stages | None) -> pa.Array:
    if stages is None:
        return pa.array([], pa.string())
    return read_done(lake, {stages.plan("image"), stages.plan("video")})


def _without_unprobed(
    lake: Lake,
    sha256: pa.Array,
    done: pa.Array,
    *,
    retry_failed: bool = False,
    keep_old: bool = False,
) -> pa.Array:
    """Forget contents whose headers no code of this version has read."""
    doubtful = pc.and_(pc.is_valid(sha256), pc.invert(pc.is_in(sha256, value_set=done)))
    hashes = pc.unique(sha256.filter(doubtful)).to_pylist()
    if not hashes:
        return sha256
    keys = {probe_key(each): each for each in hashes}
    states = {keys[key]: state for key, state in read_states(lake, keys).items()}
    if keep_old:
        old = read_infos(lake, pa.array(hashes, pa.string()))["sha256"].to_pylist()
        states = dict.fromkeys(set(hashes) & set(old), "done") | states
    known = [
        each
        for each in hashes
        if states.get(each) == "done" or (each in states and not retry_failed)
    ]
    keep = pc.or_(pc.invert(doubtful), pc.is_in(sha256, value_set=pa.array(known, pa.string())))
    return pc.if_else(keep, sha256, pa.scalar(None, pa.string()))


def _gather(
    lake: Lake,
    listing: Listing,
    memory: Recollection,
    sha256: pa.Array,
    visits: dict[int, Visit],
    done: pa.Array,
) -> Identified:
    """Bring what was known and what was seen into the order of the listing."""
    infos = read_infos(lake, sha256)
    fresh = {visit.sha256: visit.info for visit in visits.values() if visit.info is not None}
    if fresh:
        rows = [
            {"sha256": each, **{name: getattr(info, name) for name in INFO}}
            for each, info in fresh.items()
        ]
        # First, so that what was seen now counts.
        infos = pa.concat_tables([pa.Table.from_pylist(rows, schema=infos.schema), infos])
    sha256 = _with_visits(sha256, visits)
    at = pc.index_in(sha256, value_set=infos["sha256"].combine_chunks(), skip_nulls=True)
    codes = pc.fill_null(at, -1).to_numpy().copy()
    broken = {visit.sha256 for visit in visits.values() if visit.sha256 and visit.info is None}
    if broken:
        wrong = pc.is_in(sha256, value_set=pa.array(sorted(broken), pa.string()))
        codes[wrong.to_numpy(zero_copy_only=False)] = -1
    usable = codes >= 0
    first = first_places(codes)
    unusable = pc.unique(sha256.filter(pa.array(~usable)).drop_null())
    table = infos.take(pa.array(codes[first]))
    complete = pc.is_in(table["sha256"], value_set=done).combine_chunks()
    return Identified(
        listing=listing,
        media=MediaList(listing, first, table, {place: v.ref for place, v in visits.items()}),
        sha256=sha256,
        complete=complete.to_numpy(zero_copy_only=False),
        visits=visits,
        memory=memory,
        failed=int((~usable).sum()),
        copies=len(sha256) - int(sha256.null_count) - len(first) - len(unusable),
    )


def _with_visits(sha256: pa.Array, visits: Mapping[int, Visit]) -> pa.Array:
    if not visits:
        return sha256
    places = sorted(visits)
    mask = np.zeros(len(sha256), bool)
    mask[places] = True
    values = pa.array([visits[place].sha256 or None for place in places], pa.string())
    return pc.replace_with_mask(sha256, pa.array(mask), values)


def _rows(seen: Visit, run_id: str, *, new_contents: bool) -> Rows:
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
        rows.add(TABLES["media_sources"], source_row(ref, seen.sha256))
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


def source_row(ref: MediaRef, sha256: str, *, gone: bool = False) -> dict[str, object]:
    """The listing cache's line of one file."""
    return {
        "uri": ref.uri,
        "sha256": sha256,
        "name": ref.name,
        "source": ref.source,
        "size_bytes": ref.size_bytes,
        "fingerprint": ref.fingerprint,
        "attribution": json.dumps(ref.attribution, sort_keys=True),
        "seen_at": datetime.now(UTC),
        "gone": gone,
        "stored_uri": ref.stored_uri,
    }


def ref_of(row: Mapping[str, Any]) -> MediaRef:
    """The file that a line of the listing cache is of."""
    return MediaRef(
        uri=row["uri"],
        name=row["name"],
        source=row["source"],
        size_bytes=row["size_bytes"],
        fingerprint=row["fingerprint"],
        stored_uri=row["stored_uri"] or "",
    )
