"""What a listing does not hold any more: addresses that are gone, contents that nobody holds.

A file counts as removed when a listing of its place would have to show it and does not: an address
below the root of the listing, of a name that the source's own rule takes. So a run on a part of a
folder, or with other `include` patterns, removes nothing, and a Pexels query, which brings other
videos each time, never does. Files that a machine uploads have addresses of that machine, so that
they go when its own folder has lost them, and never by another machine's listing.

With its last file a content's frames leave the lake's later commits, and with them its measures,
labels and vectors. Frames that a selection picked stay, and so does the pool of earlier picks: new
picks keep away from them until `pipeline datapool remove` forgets them. When the file is back, so
is everything that was made of it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.sources.folder import MEDIA_SUFFIXES
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.worker.identify import Identified, source_row
from pipeline_project.worker.ledger import Row, Rows

_PEXELS = "pexels:"
_SHA256_DIGITS = 64


@dataclass(slots=True)
class Removal:
    """What left.

    Attributes:
        files: rows of `media_sources` of the addresses that are gone, as they are now.
        contents: hashes that no file holds any more.
        rows: all that records it.
    """

    files: list[Row] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    rows: Rows = field(default_factory=Rows)


def find_removed(lake: Lake, found: Identified, config: CurationConfig, run_id: str) -> Removal:
    """Find what is gone since the last listings of the same place, and what is back."""
    removal = Removal()
    gone = _gone_addresses(found, config)
    if gone:
        rows = lake.read(TABLES["media_sources"], where=("uri", gone)).to_pylist()
        newest = {row["uri"]: row for row in sorted(rows, key=lambda row: row["seen_at"])}
        now = datetime.now(UTC)
        removal.files = [{**newest[uri], "gone": True, "seen_at": now} for uri in sorted(gone)]
        removal.rows.add(TABLES["media_sources"], *removal.files)
    left = {str(row["sha256"]) for row in removal.files} | _superseded(found)
    removal.contents = sorted(_held_nowhere(left, gone, found, lake))
    kept = _picked(lake, removal.contents)
    removal.rows.add(
        TABLES["removals"],
        *(_row(each, run_id, kept=kept.get(each, [])) for each in removal.contents),
        *(_row(each, run_id, kept=None) for each in _back(lake, found)),
    )
    for place in moved_back(found):
        row = source_row(found.listing[place], found.sha256[place].as_py())
        removal.rows.add(TABLES["media_sources"], row)
    return removal


def moved_back(found: Identified) -> list[int]:
    """Places of files that were not read, since they are again what they once were."""
    other = pc.fill_null(pc.not_equal(found.memory.before, found.sha256), False)
    back = other.to_numpy(zero_copy_only=False) | found.memory.returned
    back &= found.sha256.is_valid().to_numpy(zero_copy_only=False)
    return [place for place in np.flatnonzero(back).tolist() if place not in found.visits]


def _row(sha256: str, run_id: str, *, kept: list[str] | None) -> Row:
    """`kept` None: it is there again."""
    return {
        "sha256": sha256,
        "removed": kept is not None,
        "kept": kept or [],
        "run_id": run_id,
        "noted_at": datetime.now(UTC),
    }


def _gone_addresses(found: Identified, config: CurationConfig) -> set[str]:
    listing, memory = found.listing, found.memory
    sources = memory.sources
    if not len(listing) or not sources.num_rows or _passing(listing[0], config):
        return set()
    last = listing[len(listing) - 1]
    root = _root(last)
    if root is None or (len(listing) == 1 and _is_one_file(last)):
        return set()
    met = np.zeros(sources.num_rows, bool)
    at = memory.at.drop_null().to_numpy(zero_copy_only=False)
    met[at] = True
    below = pc.starts_with(sources["uri"], pattern=root + "/")
    there = pc.invert(pc.fill_null(sources["gone"], False))
    mask = pc.and_(pc.and_(below, there), pa.array(~met))
    rest = sources.filter(mask)["uri"]
    if not len(rest):
        return set()
    listed = pc.is_in(rest, value_set=listing.table["uri"].combine_chunks())
    unread = tuple(f"{visit.ref.uri}/" for visit in found.visits.values() if visit.error)
    return {
        uri
        for uri in pc.unique(rest.filter(pc.invert(listed))).to_pylist()
        if _would_be_listed(uri, root, config.include) and not uri.startswith(unread)
    }


def _passing(ref: MediaRef, config: CurationConfig) -> bool:
    """Whether a source shows other files each time."""
    return any(each.startswith(_PEXELS) for each in (config.source or "", ref.source))


def _root(ref: MediaRef) -> str | None:
    """Address that a listing lies below; None where its files are not named by their places."""
    if ref.uri.startswith("file:"):
        root, *tail = ref.uri.rsplit("/", ref.name.count("/") + 1)
        return root if _read("/".join(tail)) == ref.name else None
    return ref.uri.removesuffix("/" + ref.name) if ref.uri.endswith("/" + ref.name) else None


def _is_one_file(ref: MediaRef) -> bool:
    source = _read(ref.source) if ref.source.startswith("file:") else ref.source
    return PurePosixPath(source).name == ref.name


def _read(quoted: str) -> str:
    """Part of a `file:` address as a listing names files: odd bytes show as hexadecimal."""
    return unquote_to_bytes(quoted).decode("utf-8", "backslashreplace")


def _would_be_listed(uri: str, root: str, include: Sequence[str]) -> bool:
    relative = uri.removeprefix(root + "/")
    relative = unquote(relative, errors="surrogateescape") if uri.startswith("file:") else relative
    if include:
        return any(fnmatchcase(relative, pattern) for pattern in include)
    return PurePosixPath(relative).suffix.lower() in MEDIA_SUFFIXES


def _superseded(found: Identified) -> set[str]:
    """Contents in whose place other bytes were found."""
    before = found.memory.before
    other = pc.and_(pc.is_valid(before), pc.is_valid(found.sha256))
    other = pc.and_(other, pc.not_equal(before, found.sha256))
    return set(before.filter(other).to_pylist())


def _held_nowhere(left: set[str], gone: set[str], found: Identified, lake: Lake) -> set[str]:
    """Those of these contents that no address holds any more."""
    if not left:
        return set()
    wanted = pa.array(sorted(left), pa.string())
    here = pc.is_in(wanted, value_set=found.sha256)
    left = set(wanted.filter(pc.invert(here)).to_pylist())
    sources = found.memory.sources
    # Of other addresses the newest row alone says what they hold.
    others = set(sources.filter(pc.is_in(sources["sha256"], value_set=wanted))["uri"].to_pylist())
    others -= gone
    rows = sources.filter(pc.is_in(sources["uri"], value_set=pa.array(sorted(others), pa.string())))
    newest: dict[str, Row] = {}
    for row in rows.to_pylist():
        newest.setdefault(row["uri"], row)
    listed = set(
        pc.unique(
            found.listing.table["uri"].filter(
                pc.is_in(
                    found.listing.table["uri"], value_set=pa.array(sorted(others), pa.string())
                )
            )
        ).to_pylist()
    )
    holding = [row for uri, row in newest.items() if not row["gone"] and uri not in listed]
    places = _upload_places(lake, holding)
    return left - {str(row["sha256"]) for row in holding if row["uri"] not in places}


def _upload_places(lake: Lake, rows: Sequence[Row]) -> set[str]:
    """Those of these addresses that are places of uploads, which older versions took for files.

    Whose file it was tells its address on that machine, since it was uploaded again.
    """
    named = {str(row["uri"]) for row in rows if str(row["sha256"]) in str(row["uri"])}
    if not named:
        return set()
    table = TABLES["media_sources"]
    stored = lake.read(table, columns=["stored_uri"], where=("stored_uri", named))["stored_uri"]
    own = lake.read(table, columns=["uri", "source"], where=("uri", set(stored.to_pylist())))
    return {row["uri"] for row in own.to_pylist() if not row["source"].startswith(_PEXELS)}


def _picked(lake: Lake, contents: Collection[str]) -> dict[str, list[str]]:
    """The frames of these contents that any selection picked, by content."""
    if not contents:
        return {}
    frames = pc.unique(lake.read(TABLES["selections"], columns=["frame_id"])["frame_id"])
    of_them = pc.is_in(
        pc.utf8_slice_codeunits(frames, 0, _SHA256_DIGITS),
        value_set=pa.array(sorted(contents), pa.string()),
    )
    picked: dict[str, list[str]] = {}
    for frame in frames.filter(of_them).to_pylist():
        picked.setdefault(frame.partition(":")[0], []).append(frame)
    return picked


def _back(lake: Lake, found: Identified) -> list[str]:
    """Contents that had left and are in this listing."""
    rows = lake.read(TABLES["removals"], columns=["sha256", "removed"])
    left = rows.filter(pc.equal(rows["removed"], True))["sha256"]
    return list(left.filter(pc.is_in(left, value_set=found.sha256)).to_pylist())
