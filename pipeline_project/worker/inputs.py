"""What strategies look at besides embeddings, one value per candidate and per earlier pick."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.core.metadata import lightly_measures
from pipeline_project.core.metadata.boxes import PixelBox, clipped, in_pixels
from pipeline_project.core.metadata.scores import Predicted, class_counts, score, score_names
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project.core.records import MediaInfo, MediaRef
from pipeline_project.core.selection.config import SelectionConfig
from pipeline_project.core.selection.pool import Column, ObjectEmbeddings, Predictions
from pipeline_project.errors import ConfigError
from pipeline_project.worker.identify import KnownMedia, ref_of
from pipeline_project.worker.sidecars import Sidecars, frame_number

_LIGHTLY_BARE = frozenset(lightly_measures.NAMES)
_LIGHTLY = frozenset(lightly_measures.PREFIX + name for name in lightly_measures.NAMES)


@dataclass(frozen=True, slots=True)
class Frames:
    """Where frames are from; n of each.

    Attributes:
        frame_id: names.
        media: the file that each is from.
        number: of each in its file, from 0.
        timestamp_s: seconds into the video; NaN for a still image.
        size_px: shape (n, 2), width and height.
    """

    frame_id: list[str]
    media: list[KnownMedia]
    number: list[int]
    timestamp_s: npt.NDArray[np.float64]
    size_px: npt.NDArray[np.float64]

    @property
    def names(self) -> list[str]:
        """The name of each frame's file."""
        return [each.ref.name for each in self.media]

    def numbers_by_file(self) -> dict[str, list[int]]:
        """File name -> numbers of its frames."""
        found: dict[str, list[int]] = {}
        for name, number in zip(self.names, self.number, strict=True):
            found.setdefault(name, []).append(number)
        return found


@dataclass(frozen=True, slots=True)
class PoolInputs:
    """Columns over candidates and, after them, earlier picks.

    Attributes:
        metadata: key -> values.
        scores: task -> score -> values.
        predictions: task -> classes, and how many of each.
        queries: tag name -> vectors.
        boxes: task -> the parts of each frame that the task found.
        objects: task -> their vectors.
        group: shape (n,), number of each frame's file; None where nothing asks for it.
        time_s: shape (n,), seconds; NaN for stills.
        sequence_of: n names; frames in a row that have the same may be in one sequence: those of
            one video, and still images of one folder.
    """

    metadata: Mapping[str, Column] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    predictions: Mapping[str, Predictions] = field(default_factory=dict)
    queries: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    boxes: Mapping[str, Sequence[Sequence[PixelBox]]] = field(default_factory=dict)
    objects: Mapping[str, ObjectEmbeddings] = field(default_factory=dict)
    group: npt.NDArray[np.intp] | None = None
    time_s: npt.NDArray[np.float64] | None = None
    sequence_of: Sequence[str] = ()


def check_supported(config: SelectionConfig, sequence_length: int) -> None:
    """Refuse what the worker cannot carry out, before any file is looked at.

    Raises:
        ConfigError: names it.
    """
    if config.n_samples is not None and config.n_samples % sequence_length:
        raise ConfigError(
            f"Picking sequences of {sequence_length} frames: n_samples {config.n_samples} is no "
            f"multiple of constraints.selected_sequence_length {sequence_length}. It counts "
            f"frames; take {-(-config.n_samples // sequence_length) * sequence_length}."
        )


def check_inputs(config: SelectionConfig, sidecars: Sidecars) -> None:
    """Make sure that everything a configuration looks at is known.

    Raises:
        ConfigError: an unknown key or score; the message lists those that are known.
    """
    needs = config.needs()
    for key in sorted(needs.metadata):
        bare = key.removeprefix(lightly_measures.PREFIX)
        if sidecars.table_of(key) is None and not (key in MEASURES or bare in _LIGHTLY_BARE):
            own = [each for table in sidecars.tables for each in table.kinds]
            known = "; ".join(
                f"{what}: {', '.join(sorted(keys)) or 'none'}"
                for what, keys in (
                    ("in metadata.csv, metadata.path_pattern and .lightly/metadata", own),
                    ("measures", MEASURES),
                    ("Lightly's", _LIGHTLY),
                )
            )
            raise ConfigError(
                f"Reading the selection configuration: METADATA has no key {key!r}. Known keys "
                f"{known}."
            )
    for task, name in sorted(needs.scores):
        allowed = score_names(sidecars.tasks[task])
        if name not in allowed:
            raise ConfigError(
                f"Reading the selection configuration: SCORES of task {task!r} has no score "
                f"{name!r}; allowed: {', '.join(allowed)}."
            )


def read_frames(lake: Lake, frame_ids: Sequence[str], media: Sequence[KnownMedia]) -> Frames:
    """Look up frames, in their order; files that are not in `media` are looked up too."""
    columns = ["frame_id", "media_sha256", "timestamp_s", "width_px", "height_px"]
    rows = lake.read(TABLES["frames"], columns=columns, where=("frame_id", set(frame_ids)))
    rows = _aligned(rows, frame_ids)
    files = {each.sha256: each for each in media}
    hashes = rows["media_sha256"].to_pylist()
    files |= _other_media(lake, set(hashes) - set(files))
    known = [files[sha256] for sha256 in hashes]
    times = rows["timestamp_s"].to_numpy().astype(np.float64)
    still = np.asarray([each.info.kind == "image" for each in known], bool)
    return Frames(
        frame_id=list(frame_ids),
        media=known,
        number=[frame_number(each, time) for each, time in zip(known, times, strict=True)],
        timestamp_s=np.where(still, np.nan, times),
        size_px=np.stack(
            [rows[name].to_numpy().astype(np.float64) for name in ("width_px", "height_px")],
            axis=1,
        ),
    )


def read_inputs(
    lake: Lake, frames: Frames, config: SelectionConfig, sidecars: Sidecars, embeddings: Table
) -> PoolInputs:
    """Bring together what a configuration looks at.

    Raises:
        ConfigError: see `check_inputs`; or a tag of SIMILARITY is unknown.
    """
    check_inputs(config, sidecars)
    needs = config.needs()
    classes = {
        rule.input.key
        for rule in config.strategies
        if rule.strategy.type == "BALANCE" and rule.input.key
    }
    predicted = {
        task: [
            sidecars.predictions[task].get(place)
            for place in zip(frames.names, frames.number, strict=True)
        ]
        for task in sidecars.tasks
    }
    scores: dict[str, dict[str, Column]] = {}
    for task, name in sorted(needs.scores):
        scores.setdefault(task, {})[name] = score(name, predicted[task])
    return PoolInputs(
        metadata={
            key: _metadata(lake, frames, key, sidecars, as_text=key in classes)
            for key in sorted(needs.metadata)
        },
        scores=scores,
        predictions={
            task: Predictions(
                sidecars.tasks[task].classes,
                counts=class_counts(sidecars.tasks[task], predicted[task]),
            )
            for task in sorted({task for task, _ in needs.predictions})
        },
        queries={tag: _query(lake, tag, embeddings) for tag in sorted(needs.queries)},
        boxes={task: _boxes(task, frames, config, predicted) for task in sorted(needs.objects)},
        group=_groups(frames),
        time_s=frames.timestamp_s,
        sequence_of=[
            each.sha256 if each.info.kind == "video" else str(PurePosixPath(each.ref.name).parent)
            for each in frames.media
        ],
    )


def _boxes(
    task: str,
    frames: Frames,
    config: SelectionConfig,
    predicted: Mapping[str, Sequence[Predicted]],
) -> list[list[PixelBox]]:
    """The parts of each frame that a task found, each once; those outside of it left out."""
    found = []
    for row, (width, height) in enumerate(frames.size_px.tolist()):
        if task in config.automatic:
            boxes = [in_pixels(each, width, height) for each in config.automatic[task]]
        else:
            boxes = [each.box for each in predicted[task][row] or () if each.box is not None]
        within = (clipped(each, width, height) for each in boxes)
        found.append(list(dict.fromkeys(each for each in within if each is not None)))
    return found


def _metadata(lake: Lake, frames: Frames, key: str, sidecars: Sidecars, *, as_text: bool) -> Column:
    """One column, from whoever knows the key: people first, then our measures, then Lightly's."""
    table = sidecars.table_of(key)
    if table is not None:
        return table.column(key, frames.names, frames.number, as_text=as_text)
    if key in MEASURES:
        return _measure(lake, frames, key)
    name = key.removeprefix(lightly_measures.PREFIX)
    if name in lightly_measures.MEASURED:
        return _measure(lake, frames, lightly_measures.MEASURED[name])
    if name == "sizeInBytes":
        return np.asarray([each.ref.size_bytes for each in frames.media], np.float64)
    if name in lightly_measures.OF_FILE:
        return frames.size_px[:, ("width", "height").index(name)]
    return _of_thumbnails(lake, frames, name)


def _measure(lake: Lake, frames: Frames, name: str) -> Column:
    scores = TABLES["scores"]
    rows = lake.read(scores, columns=["frame_id", name], where=("frame_id", set(frames.frame_id)))
    column = _aligned(rows, frames.frame_id)[name].combine_chunks()
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _of_thumbnails(lake: Lake, frames: Frames, name: str) -> Column:
    rows = lake.read(
        TABLES["thumbnails"],
        columns=["frame_id", "jpeg"],
        where=("frame_id", set(frames.frame_id)),
    )
    values: dict[str, float] = {}
    for frame, jpeg in zip(rows["frame_id"].to_pylist(), rows["jpeg"], strict=True):
        pixels = cv2.imdecode(np.frombuffer(jpeg.as_buffer(), np.uint8), cv2.IMREAD_COLOR_RGB)
        if pixels is not None:
            values[frame] = lightly_measures.measure_pixels(pixels)[name]  # type: ignore[arg-type]  # uint8
    return np.asarray([values.get(frame, np.nan) for frame in frames.frame_id], np.float64)


def _query(lake: Lake, tag: str, embeddings: Table) -> npt.NDArray[np.float32]:
    """Vectors of the picks of a selection, or of all selections of a dataset, of this name."""
    sets = lake.read(TABLES["selection_sets"], columns=["selection_id", "dataset"]).to_pylist()
    ids = {row["selection_id"] for row in sets if tag in (row["selection_id"], row["dataset"])}
    picks = lake.read(TABLES["selections"], columns=["frame_id"], where=("selection_id", ids))
    frames = set(picks["frame_id"].to_pylist())
    rows = lake.read(embeddings, columns=["vector"], where=("frame_id", frames))
    if not rows.num_rows:
        names = sorted({row["dataset"] for row in sets})
        raise ConfigError(
            f"Reading the selection configuration: SIMILARITY with tag_name {tag!r}: there is no "
            "selection of this id and no dataset of this name with picks in this embedding space. "
            f"Datasets: {', '.join(names) or 'none'}."
        )
    flat = np.asarray(rows["vector"].combine_chunks().flatten(), np.float32)
    return flat.reshape(rows.num_rows, -1)


def _groups(frames: Frames) -> npt.NDArray[np.intp]:
    files = {sha256: n for n, sha256 in enumerate(dict.fromkeys(m.sha256 for m in frames.media))}
    return np.asarray([files[each.sha256] for each in frames.media], np.intp)


def _other_media(lake: Lake, hashes: Collection[str]) -> dict[str, KnownMedia]:
    """Files of earlier runs, under the first name they were met by."""
    names: dict[str, MediaRef] = {}
    found = lake.read(TABLES["media_sources"], where=("sha256", hashes)).to_pylist()
    for row in sorted(found, key=lambda row: row["seen_at"]):
        ref = ref_of(row)
        names.setdefault(row["sha256"], ref)
    rows = lake.read(TABLES["media"], where=("sha256", hashes)).to_pylist()
    return {
        row["sha256"]: KnownMedia(
            row["sha256"],
            names[row["sha256"]],
            MediaInfo(
                row["kind"], row["codec"], row["width_px"], row["height_px"],
                row["fps"], row["duration_s"], row["declared_frames"],
            ),
        )
        for row in rows
    }  # fmt: skip


def _aligned(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Bring rows into the order of the frames; a frame without a row has nulls."""
    wanted = pa.array(list(names), pa.string())
    return rows.take(pc.index_in(wanted, value_set=rows["frame_id"].combine_chunks()))
