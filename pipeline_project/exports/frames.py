"""The picks of one selection, as exports need them."""

from dataclasses import dataclass, field
from typing import Any

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.frame_names import export_name
from pipeline_project.core.metadata.lightly_json import frame_json
from pipeline_project.errors import ConfigError, LakeError
from pipeline_project.report.gather import SelectionRows, read_selection
from pipeline_project.worker.request import output_prefix
from pipeline_project.worker.review import newest_annotations


@dataclass(frozen=True, slots=True)
class ExportFrame:
    """One pick.

    Attributes:
        frame_id: as everywhere.
        name: of its file in every export, whichever selection it comes from.
        key: where its picture lies in the store.
        selection_id: that it was picked by.
        rank: in that selection.
        width_px: of the picture.
        height_px: of the picture.
        source: name of the file that it is from.
        timestamp_s: seconds into its video; None for a still image.
        quality: its label, sharp, blur or moire.
        reason: why it was picked.
        lightly_name: as the Lightly service names the sample.
        attribution: who made it.
        annotations: rows of the table `annotations`, of its newest import.
    """

    frame_id: str
    name: str
    key: str
    selection_id: str
    rank: int
    width_px: int
    height_px: int
    source: str
    timestamp_s: float | None
    quality: str
    reason: str
    lightly_name: str
    attribution: dict[str, str] = field(default_factory=dict)
    annotations: list[dict[str, Any]] = field(default_factory=list)


def newest_selection(lake: Lake, dataset: str) -> str:
    """Name the newest selection of a dataset.

    Raises:
        ConfigError: it has none.
    """
    rows = lake.read(
        TABLES["selection_sets"],
        columns=["selection_id", "created_at"],
        where=("dataset", {dataset}),
    ).to_pylist()
    if not rows:
        raise ConfigError(
            f"Exporting the newest selection of dataset {dataset!r}: it has none. "
            "`pipeline curate` makes one; --dataset and --home name others."
        )
    return str(max(rows, key=lambda row: row["created_at"])["selection_id"])


def read_frames(lake: Lake, selection_id: str) -> list[ExportFrame]:
    """Read a selection's picks, in order of rank.

    Raises:
        ConfigError: the lake holds no such selection.
    """
    try:
        rows = read_selection(lake, selection_id)
    except LakeError as error:
        raise ConfigError(str(error)) from error
    labels = newest_annotations(lake, str(rows.header["dataset"]))
    media = {
        row["sha256"]: row
        for row in lake.read(
            TABLES["media"],
            where=("sha256", {pick["frame_id"].partition(":")[0] for pick in rows.picks}),
        ).to_pylist()
    }
    return [_frame(rows, pick, labels, media) for pick in rows.picks]


def labels_of(lake: Lake, selection_id: str) -> dict[str, list[dict[str, Any]]]:
    """Read the labels that a selection's dataset has: frame id -> rows of `annotations`."""
    sets = lake.read(
        TABLES["selection_sets"], columns=["dataset"], where=("selection_id", {selection_id})
    )
    return newest_annotations(lake, str(sets["dataset"][0].as_py()))


def _frame(
    rows: SelectionRows,
    pick: dict[str, Any],
    labels: dict[str, list[dict[str, Any]]],
    media: dict[str, dict[str, Any]],
) -> ExportFrame:
    frame_id = str(pick["frame_id"])
    source = rows.source(frame_id)
    timestamp_s = rows.timestamp_s(frame_id)
    selection_id = str(rows.header["selection_id"])
    return ExportFrame(
        frame_id=frame_id,
        name=export_name(frame_id, pick["file_name"]),
        key=f"{output_prefix(selection_id)}/frames/{pick['file_name']}",
        selection_id=selection_id,
        rank=int(pick["rank"]),
        width_px=int(rows.frames[frame_id]["width_px"]),
        height_px=int(rows.frames[frame_id]["height_px"]),
        source=source.name,
        timestamp_s=timestamp_s,
        quality=str(rows.labels.get(frame_id, {}).get("label", "")),
        reason=str(pick["reason"]),
        lightly_name=_lightly_name(source.name, timestamp_s, media[frame_id.partition(":")[0]]),
        attribution=source.attribution,
        annotations=labels.get(frame_id, []),
    )


def _lightly_name(name: str, timestamp_s: float | None, media: dict[str, Any]) -> str:
    """Name a sample as Lightly does: an image by its path, a frame by video, number and suffix."""
    if timestamp_s is None or not media["fps"]:
        return name
    number = round(timestamp_s * media["fps"])
    frames = media["declared_frames"] or round((media["duration_s"] or 0) * media["fps"]) or number
    return frame_json(name, number, max(frames, number)).removesuffix(".json") + ".png"
