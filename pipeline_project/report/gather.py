"""Reads one selection out of the lake, for the report and the selection files.

A selection may have looked at very many frames, of which a page shows few. What is known of them
stays in columns; a frame's row is made when somebody asks for it, or for a part of them at a time.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project.errors import LakeError
from pipeline_project.report.data import FrameCard

PROBABILITIES = ("p_sharp", "p_blur", "p_moire")
_OF_FRAMES = ("frame_id", "media_sha256", "timestamp_s", "width_px", "height_px")


class FrameRows(Mapping[str, dict[str, Any]]):
    """Rows by frame id, kept as columns."""

    def __init__(self, table: pa.Table) -> None:
        """Take rows with a `frame_id`, each once."""
        self.table = table.combine_chunks()
        self._places: dict[str, int] | None = None

    def __getitem__(self, frame_id: str) -> dict[str, Any]:
        """One frame's row."""
        if self._places is None:
            names = self.table["frame_id"].to_pylist()
            self._places = {name: place for place, name in enumerate(names)}
        row: dict[str, Any] = self.table.slice(self._places[frame_id], 1).to_pylist()[0]
        return row

    def __iter__(self) -> Iterator[str]:
        """The frames' ids."""
        return iter(self.table["frame_id"].to_pylist())

    def __len__(self) -> int:
        """How many frames."""
        return int(self.table.num_rows)

    def part(self, frame_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The rows of these frames, where there are any."""
        names = pa.array(list(frame_ids), pa.string())
        places = pc.index_in(names, value_set=self.table["frame_id"]).drop_null()
        return {row["frame_id"]: row for row in self.table.take(places).to_pylist()}

    def aligned(self, frame_ids: pa.ChunkedArray, column: str) -> pa.Array:
        """One column in the order of these frames; null where a frame has no row."""
        places = pc.index_in(frame_ids, value_set=self.table["frame_id"])
        return self.table[column].take(places)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is from; of several files of the same bytes the one that was listed first."""

    name: str
    uri: str
    attribution: dict[str, str]


class Sources(Mapping[str, Source]):
    """Sources by the hash of the file, kept as columns."""

    def __init__(self, table: pa.Table) -> None:
        """Take `sha256`, each once, `name`, `uri` and `attribution`."""
        self._table = table.combine_chunks()

    def __getitem__(self, sha256: str) -> Source:
        """One file's source."""
        return self.part([sha256])[sha256]

    def __iter__(self) -> Iterator[str]:
        """The files' hashes."""
        return iter(self._table["sha256"].to_pylist())

    def __len__(self) -> int:
        """How many files."""
        return int(self._table.num_rows)

    def part(self, files: Sequence[str]) -> dict[str, Source]:
        """The sources of these files, where there are any."""
        wanted = pa.array(list(files), pa.string())
        places = pc.index_in(wanted, value_set=self._table["sha256"]).drop_null()
        rows = self._table.take(places).to_pylist()
        return {
            row["sha256"]: Source(row["name"], row["uri"], json.loads(row["attribution"]))
            for row in rows
        }


@dataclass(frozen=True, slots=True)
class SelectionRows:
    """Everything the lake holds of one selection, as rows (dictionaries).

    `candidates` is every frame that it looked at, as columns; `frames`, `scores` and `labels` are
    by frame id, `sources` by file hash; they cover all of these frames.
    """

    header: dict[str, object]
    picks: list[dict[str, Any]]
    candidates: pa.Table
    exclusions: list[dict[str, Any]]
    duplicates: list[dict[str, Any]]
    frames: Mapping[str, dict[str, Any]]
    scores: Mapping[str, dict[str, Any]]
    labels: Mapping[str, dict[str, Any]]
    sources: Mapping[str, Source]

    def with_files(self, there: Collection[str]) -> "SelectionRows":
        """Leave out the picks whose file is not among `there`; they were candidates only."""
        gone = {row["frame_id"] for row in self.picks if row["file_name"] not in there}
        if not gone:
            return self
        table = self.candidates
        lost = pc.is_in(table["frame_id"], value_set=pa.array(sorted(gone), pa.string()))
        outcome = pc.if_else(lost, "candidate", table["outcome"])
        return replace(
            self,
            picks=[row for row in self.picks if row["frame_id"] not in gone],
            candidates=table.set_column(
                table.schema.get_field_index("outcome"), "outcome", outcome
            ),
        )

    def parts(self, candidates: pa.Table, size: int) -> Iterator["SelectionRows"]:
        """This, of some candidates at a time, with all that is known of them at hand."""
        for start in range(0, candidates.num_rows, size):
            rows = candidates.slice(start, size)
            yield replace(self.narrowed(rows["frame_id"].to_pylist()), candidates=rows)

    def narrowed(self, frame_ids: Iterable[str]) -> "SelectionRows":
        """This, with what is known of these frames at hand and of no others."""
        names = list(dict.fromkeys(frame_ids))
        files = list(dict.fromkeys(name.partition(":")[0] for name in names))
        return replace(
            self,
            frames=_part(self.frames, names),
            scores=_part(self.scores, names),
            labels=_part(self.labels, names),
            sources=self.sources.part(files) if isinstance(self.sources, Sources) else self.sources,
        )

    def source(self, frame_id: str) -> Source:
        """Where a frame's file is from."""
        return self.sources[frame_id.partition(":")[0]]

    def measured(self, frame_ids: pa.ChunkedArray, measure: str) -> npt.NDArray[np.float64]:
        """A measure of these frames, in order; NaN where it was not taken."""
        if isinstance(self.scores, FrameRows):
            values = self.scores.aligned(frame_ids, measure)
        else:
            taken = (self.scores.get(name, {}).get(measure) for name in frame_ids.to_pylist())
            values = pa.array(taken, pa.float64())
        return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)

    def card(self, frame_id: str, thumbnails: dict[str, bytes]) -> FrameCard:
        """A frame as the report shows it."""
        frame = self.frames[frame_id]
        label = self.labels.get(frame_id, {})
        scores = self.scores.get(frame_id, {})
        return FrameCard(
            frame_id=frame_id,
            name=self.source(frame_id).name,
            timestamp_s=self.timestamp_s(frame_id),
            thumbnail_jpeg=thumbnails.get(frame_id, b""),
            label=str(label.get("label", "")),
            probabilities={name[2:]: _float(label[name]) for name in PROBABILITIES if label},
            measures={
                name: _float(scores[name]) for name in MEASURES if scores.get(name) is not None
            },
            width_px=int(str(frame["width_px"])),
            height_px=int(str(frame["height_px"])),
        )

    def timestamp_s(self, frame_id: str) -> float | None:
        """Seconds into the video; None for a still image."""
        frame = self.frames[frame_id]
        return None if frame["kind"] == "image" else _float(frame["timestamp_s"])


def read_selection(
    lake: Lake, selection_id: str, listed: Sequence[str] | pa.ChunkedArray = ()
) -> SelectionRows:
    """Read one selection as it was made, whatever later runs added about the same frames.

    Args:
        lake: holds it.
        selection_id: which.
        listed: addresses of a listing; a file's source is the first of them that holds its
            bytes, before any other place where the same bytes were met.

    Raises:
        LakeError: the lake holds no such selection.
    """
    of_it = ("selection_id", {selection_id})
    sets = TABLES["selection_sets"]
    headers = lake.read(sets, columns=sets.schema.names, where=of_it).to_pylist()
    if not headers:
        raise LakeError(
            f"Reading selection {selection_id}: the lake has none with this id. "
            "Check the id, and that --home is the one it was made in."
        )
    rev = headers[0]["commit_id"]
    candidates = lake.read(TABLES["candidates"], where=of_it)
    names = set(candidates["frame_id"].to_pylist())
    files = set(pc.unique(candidates["media_sha256"]).to_pylist())
    media = lake.read(TABLES["media"], columns=["sha256", "kind"], where=("sha256", files))
    frames = _by_frame(lake, TABLES["frames"], names, rev, _OF_FRAMES)
    kinds = media["kind"].take(pc.index_in(frames["media_sha256"], value_set=media["sha256"]))
    frames = frames.drop_columns(["media_sha256"])
    scores = _by_frame(lake, TABLES["scores"], names, rev, ("frame_id", *MEASURES))
    labels = _by_frame(lake, TABLES["labels"], names, rev, ("frame_id", "label", *PROBABILITIES))
    picks = lake.read(TABLES["selections"], where=of_it).to_pylist()
    return SelectionRows(
        header={**headers[0], "counts": json.loads(headers[0]["counts"])},
        picks=sorted(picks, key=lambda row: row["rank"]),
        candidates=candidates.select(["frame_id", "outcome", "map_x", "map_y"]),
        exclusions=lake.read(TABLES["exclusions"], where=of_it).to_pylist(),
        duplicates=lake.read(TABLES["duplicates"], where=of_it).to_pylist(),
        frames=FrameRows(frames.append_column("kind", pc.fill_null(kinds, ""))),
        scores=FrameRows(scores),
        labels=FrameRows(labels),
        sources=_sources(lake, files, listed),
    )


def read_thumbnails(lake: Lake, frame_ids: Iterable[str]) -> dict[str, bytes]:
    """JPEG thumbnails of these frames, in their order, where there are any."""
    names = list(frame_ids)
    rows = lake.read(
        TABLES["thumbnails"], columns=["frame_id", "jpeg"], where=("frame_id", set(names))
    )
    found = dict(zip(rows["frame_id"].to_pylist(), rows["jpeg"].to_pylist(), strict=True))
    return {name: found[name] for name in names if name in found}


def _by_frame(
    lake: Lake, table: Table, names: set[str], rev: str, columns: Sequence[str]
) -> pa.Table:
    """A frame's last row: tables of results have one for each code that looked at it."""
    rows: pa.Table = lake.read(table, columns=columns, where=("frame_id", names), rev=rev)
    codes = rows["frame_id"].combine_chunks().dictionary_encode().indices
    backwards = codes.to_numpy(zero_copy_only=False)[::-1]
    _, last = np.unique(backwards, return_index=True)
    if len(last) == rows.num_rows:
        return rows
    return rows.take(pa.array(np.sort(rows.num_rows - 1 - last)))


def _part(rows: Mapping[str, dict[str, Any]], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    if isinstance(rows, FrameRows):
        return rows.part(names)
    return {name: rows[name] for name in names if name in rows}


def _sources(lake: Lake, files: set[str], listed: Sequence[str] | pa.ChunkedArray) -> Sources:
    columns = ["sha256", "name", "uri", "attribution"]
    rows = lake.read(TABLES["media_sources"], columns=columns, where=("sha256", files))
    listing = listed if isinstance(listed, pa.ChunkedArray) else pa.array(listed, pa.string())
    place = pc.fill_null(pc.index_in(rows["uri"], value_set=listing), len(listing))
    rows = rows.take(pa.array(np.argsort(place.to_numpy(), kind="stable")))
    codes = rows["sha256"].combine_chunks().dictionary_encode().indices
    _, first = np.unique(codes.to_numpy(zero_copy_only=False), return_index=True)
    return Sources(rows.take(pa.array(first, pa.int64())))


def _float(value: object) -> float:
    return float(str(value))
