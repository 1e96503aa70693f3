"""Reads one selection out of the lake, for the report and the selection files."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project.errors import LakeError
from pipeline_project.report.data import FrameCard

PROBABILITIES = ("p_sharp", "p_blur", "p_moire")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is from; of several files of the same bytes the one that was listed first."""

    name: str
    uri: str
    attribution: dict[str, str]


@dataclass(frozen=True, slots=True)
class SelectionRows:
    """Everything the lake holds of one selection, as rows (dictionaries).

    `frames`, `scores` and `labels` are by frame id, `sources` by file hash; they cover every
    frame that the selection looked at.
    """

    header: dict[str, object]
    picks: list[dict[str, Any]]
    candidates: list[dict[str, Any]]
    exclusions: list[dict[str, Any]]
    duplicates: list[dict[str, Any]]
    frames: dict[str, dict[str, Any]]
    scores: dict[str, dict[str, Any]]
    labels: dict[str, dict[str, Any]]
    sources: dict[str, Source]

    def with_files(self, there: Collection[str]) -> "SelectionRows":
        """Leave out the picks whose file is not among `there`; they were candidates only."""
        gone = {row["frame_id"] for row in self.picks if row["file_name"] not in there}
        return replace(
            self,
            picks=[row for row in self.picks if row["frame_id"] not in gone],
            candidates=[
                {**row, "outcome": "candidate"} if row["frame_id"] in gone else row
                for row in self.candidates
            ],
        )

    def source(self, frame_id: str) -> Source:
        """Where a frame's file is from."""
        return self.sources[frame_id.partition(":")[0]]

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


def read_selection(lake: Lake, selection_id: str, listed: Sequence[str] = ()) -> SelectionRows:
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
    candidates = lake.read(TABLES["candidates"], where=of_it).to_pylist()
    names = {row["frame_id"] for row in candidates}
    files = {row["media_sha256"] for row in candidates}
    kinds = {
        row["sha256"]: row["kind"]
        for row in lake.read(
            TABLES["media"], columns=["sha256", "kind"], where=("sha256", files)
        ).to_pylist()
    }
    frames = _by_frame(lake, TABLES["frames"], names, rev)
    for row in frames.values():
        row["kind"] = kinds.get(row["media_sha256"], "")
    picks = lake.read(TABLES["selections"], where=of_it).to_pylist()
    return SelectionRows(
        header={**headers[0], "counts": json.loads(headers[0]["counts"])},
        picks=sorted(picks, key=lambda row: row["rank"]),
        candidates=candidates,
        exclusions=lake.read(TABLES["exclusions"], where=of_it).to_pylist(),
        duplicates=lake.read(TABLES["duplicates"], where=of_it).to_pylist(),
        frames=frames,
        scores=_by_frame(lake, TABLES["scores"], names, rev),
        labels=_by_frame(lake, TABLES["labels"], names, rev),
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


def _by_frame(lake: Lake, table: Table, names: set[str], rev: str) -> dict[str, dict[str, Any]]:
    rows: pa.Table = lake.read(table, where=("frame_id", names), rev=rev)
    return {row["frame_id"]: row for row in rows.to_pylist()}


def _sources(lake: Lake, files: set[str], listed: Sequence[str]) -> dict[str, Source]:
    place = {uri: number for number, uri in enumerate(listed)}
    rows = lake.read(TABLES["media_sources"], where=("sha256", files)).to_pylist()
    sources: dict[str, Source] = {}
    for row in sorted(rows, key=lambda row: place.get(row["uri"], len(place))):
        found = Source(row["name"], row["uri"], json.loads(row["attribution"]))
        sources.setdefault(row["sha256"], found)
    return sources


def _float(value: object) -> float:
    return float(str(value))
