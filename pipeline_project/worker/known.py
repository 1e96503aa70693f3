"""What the lake knows of a listing, found without reading any file, and by columns alone.

Of a million files that are known, none becomes a Python object here: addresses are matched with
the listing cache, contents with what they turned out to be and with the ledger's lines that all
of a file is done, each as one comparison of two columns.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.records import MediaInfo, MediaKind, MediaRef
from pipeline_project.worker.listing import Listing

INFO = ("kind", "codec", "width_px", "height_px", "fps", "duration_s", "declared_frames")
_SOURCES = ("uri", "size_bytes", "fingerprint", "sha256", "seen_at", "gone")
_FEW = 500  # fewer are asked for by name; for more a whole column is read


@dataclass(frozen=True, slots=True)
class KnownMedia:
    """One distinct contents of the listing, under its first name.

    `ref` has the size and fingerprint that the file had when it was hashed.
    """

    sha256: str
    ref: MediaRef
    info: MediaInfo


@dataclass(frozen=True, slots=True)
class Recollection:
    """What was known of each listed file before the run; arrays go by the listing.

    Attributes:
        sha256: what it holds, if it has not changed since it was read; else null.
        before: what its address held when it was last seen; null for a new address.
        returned: whether its address was gone before.
        sources: all that the listing cache holds, the newest row of an address first.
        at: row of each listed file in `sources`; null for a new address.
    """

    sha256: pa.Array
    before: pa.Array
    returned: npt.NDArray[np.bool_]
    sources: pa.Table
    at: pa.Array

    def without_sources(self) -> "Recollection":
        """The same without the listing cache, which is by far the largest part of it."""
        nothing = self.sources.schema.empty_table()
        return replace(self, sources=nothing, at=pa.nulls(0, self.at.type))


def recollect(lake: Lake, listing: Listing) -> Recollection:
    """Match a listing with the listing cache: address, size and fingerprint must be the same."""
    sources = _newest_first(lake.read(TABLES["media_sources"], columns=_SOURCES))
    at = pc.index_in(_whole(listing.table["uri"]), value_set=_whole(sources["uri"]))
    found = sources.select(["size_bytes", "fingerprint", "sha256", "gone"]).take(at)
    same = _same(listing.table, found)
    sha256 = _whole(pc.if_else(same, found["sha256"], pa.scalar(None, pa.string())))
    back = _whole(pc.fill_null(found["gone"], False))
    others = np.flatnonzero(_numpy(pc.and_(pc.is_valid(at), pc.invert(same))))
    return Recollection(
        sha256=_older_matches(sha256, listing, sources, others),
        before=_whole(found["sha256"]),
        returned=_numpy(back),
        sources=sources,
        at=at,
    )


def read_infos(lake: Lake, sha256: pa.Array) -> pa.Table:
    """What contents turned out to be: `sha256` and the columns of `INFO`; more than asked for."""
    return lake.read(TABLES["media"], columns=["sha256", *INFO], where=_named("sha256", sha256))


def read_done(lake: Lake, plans: Collection[str]) -> pa.Array:
    """Hashes of all contents of which everything is done by one of these plans."""
    rows = lake.read(
        TABLES["datums"],
        columns=["input_sha256", "state"],
        where=("stage_version", set(plans)),
    )
    return _whole(rows.filter(pc.equal(rows["state"], "done"))["input_sha256"])


def uploaded_before(lake: Lake) -> Iterator[dict[str, Any]]:
    """What the listing cache holds of uploads, one that was found changed later included."""
    columns = ["uri", "size_bytes", "fingerprint", "stored_uri"]
    rows = lake.read(TABLES["media_sources"], columns=columns)
    stored = pc.fill_null(pc.not_equal(rows["stored_uri"], ""), False)
    for batch in rows.filter(stored).to_batches():
        yield from batch.to_pylist()


class MediaList(Sequence[KnownMedia]):
    """Distinct usable contents, in the order of the listing; each is made when asked for.

    Args:
        listing: holds the files.
        places: of their first files in the listing.
        table: one row per contents, `sha256` and the columns of `INFO`.
        read_now: place -> file as it was found by this run.
    """

    def __init__(
        self,
        listing: Listing,
        places: npt.NDArray[np.int64],
        table: pa.Table,
        read_now: Mapping[int, MediaRef],
    ) -> None:
        self._listing = listing
        self._places = places
        self._read_now = read_now
        self.table = table

    def __len__(self) -> int:
        """How many contents."""
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, row: int) -> KnownMedia: ...

    @overload
    def __getitem__(self, row: slice) -> "MediaList": ...

    def __getitem__(self, row: int | slice) -> "KnownMedia | MediaList":
        """One of them, or several."""
        if isinstance(row, slice):
            return self.rows(np.arange(*row.indices(len(self))))
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return next(iter(self.rows(np.asarray([row % len(self)]))))

    def __iter__(self) -> Iterator[KnownMedia]:
        """Each of them, in order."""
        for start in range(0, len(self), 10_000):
            rows = self.table.slice(start, 10_000).to_pylist()
            for place, row in zip(self._places[start : start + 10_000].tolist(), rows, strict=True):
                ref = self._read_now.get(place) or self._listing[place]
                yield KnownMedia(row.pop("sha256"), ref, MediaInfo(**row))

    def rows(self, rows: npt.NDArray[np.int64]) -> "MediaList":
        """Only these of them, by their numbers."""
        table = self.table.take(pa.array(rows, pa.int64()))
        return MediaList(self._listing, self._places[rows], table, self._read_now)

    def hashes(self) -> list[str]:
        """The contents' hashes, in order."""
        hashes: list[str] = self.table["sha256"].to_pylist()
        return hashes

    def kinds(self) -> Mapping[str, MediaKind]:
        """Hash -> image or video; made when first asked for."""
        return _Kinds(self)

    def named(self, hashes: Collection[str]) -> dict[str, KnownMedia]:
        """Those with these hashes, by hash."""
        mask = pc.is_in(self.table["sha256"], value_set=pa.array(list(hashes), pa.string()))
        return {each.sha256: each for each in self.rows(np.flatnonzero(_numpy(_whole(mask))))}

    def held(self, hashes: Collection[str]) -> frozenset[str]:
        """Those of these hashes that are among them."""
        if not hashes:
            return frozenset()
        wanted = pa.array(list(hashes), pa.string())
        mask = pc.is_in(wanted, value_set=_whole(self.table["sha256"]))
        return frozenset(wanted.filter(mask).to_pylist())

    def without(self, hashes: Collection[str]) -> "MediaList":
        """All others than those with these hashes."""
        if not hashes:
            return self
        mask = pc.is_in(self.table["sha256"], value_set=pa.array(list(hashes), pa.string()))
        return self.rows(np.flatnonzero(~_numpy(_whole(mask))))


class _Kinds(Mapping[str, MediaKind]):
    """Kinds by hash, of media of which often nobody asks."""

    def __init__(self, media: MediaList) -> None:
        self._media = media

    @cached_property
    def _by_hash(self) -> dict[str, MediaKind]:
        kinds = self._media.table["kind"].to_pylist()
        return dict(zip(self._media.hashes(), kinds, strict=True))

    def __getitem__(self, sha256: str) -> MediaKind:
        return self._by_hash[sha256]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_hash)

    def __len__(self) -> int:
        return len(self._media)


def named(media: Sequence[KnownMedia], hashes: Collection[str]) -> dict[str, KnownMedia]:
    """Those media that have these hashes, by hash."""
    if isinstance(media, MediaList):
        return media.named(hashes)
    return {each.sha256: each for each in media if each.sha256 in hashes}


def first_places(codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Where each distinct number stands first, in order; those below 0 do not count."""
    _, first = np.unique(codes, return_index=True)
    first.sort()
    return first[codes[first] >= 0]


def _newest_first(sources: pa.Table) -> pa.Table:
    if len(pc.unique(sources["uri"])) == sources.num_rows:
        return sources
    return sources.sort_by([("seen_at", "descending")])


def _same(listed: pa.Table, known: pa.Table) -> pa.Array:
    size = pc.equal(listed["size_bytes"], known["size_bytes"])
    same = pc.and_(size, pc.equal(listed["fingerprint"], known["fingerprint"]))
    return _whole(pc.fill_null(same, False))


def _older_matches(
    sha256: pa.Array, listing: Listing, sources: pa.Table, places: npt.NDArray[np.int64]
) -> pa.Array:
    """A file that became again what it was before its last change is known as well."""
    if not len(places):
        return sha256
    listed = listing.table.take(pa.array(places))
    uris = _whole(listed["uri"])
    rows = sources.filter(pc.is_in(sources["uri"], value_set=uris)).to_pylist()
    known = {(row["uri"], row["size_bytes"], row["fingerprint"]): row["sha256"] for row in rows}
    wanted = zip(*(listed[name].to_pylist() for name in _SOURCES[:3]), strict=True)
    found = [known.get(key) for key in wanted]
    mask = np.zeros(len(sha256), bool)
    mask[places] = True
    return pc.replace_with_mask(sha256, pa.array(mask), pa.array(found, pa.string()))


def _named(column: str, values: pa.Array) -> tuple[str, set[str]] | None:
    wanted = values.drop_null()
    return None if len(wanted) > _FEW else (column, set(wanted.to_pylist()))


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _numpy(array: pa.Array) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values
