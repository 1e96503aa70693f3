"""The frames that one run may pick from, with everything known of them, and who is judged out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.core.config import QualityConfig
from pipeline_project.worker.identify import KnownMedia
from pipeline_project.worker.stages import FrameKeys

_MEASURES = ("mean_luma", "laplacian_variance")
_PROBABILITIES = ("p_sharp", "p_blur", "p_moire")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Frames in order of file and time; every array has one row per frame.

    `incomplete`: contents -> frames of it that were left out, since some stage never saw them.
    """

    frame_id: list[str]
    media_sha256: list[str]
    timestamp_s: npt.NDArray[np.float64]
    pixels_sha256: list[str]
    phash: npt.NDArray[np.uint64]
    measures: dict[str, npt.NDArray[np.float64]]
    label: npt.NDArray[np.str_]
    probabilities: dict[str, npt.NDArray[np.float64]]
    vectors: npt.NDArray[np.float32]
    incomplete: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many frames."""
        return len(self.frame_id)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A frame judged out: row, judgement, and the measure that crossed its threshold."""

    row: int
    judgement: str
    measure: str
    value: float
    threshold: float


@dataclass(slots=True)
class Judgement:
    """Who is out, and how much each of the others is wanted.

    `weights`: shape (n,), 1 for a frame like any other, less for a doubtful one.
    """

    exclusions: list[Exclusion]
    weights: npt.NDArray[np.float64]
    weighted: bool
    warnings: list[str] = field(default_factory=list)


def gather(
    lake: Lake, media: Sequence[KnownMedia], keys: Mapping[str, FrameKeys], embeddings: Table
) -> Candidates:
    """Read the finished frames of these files; `keys` holds those whose stages are all done.

    Stages may have seen a file in different passes, and of a damaged one two passes need not
    decode the same frames. Only frames that every stage saw are candidates.
    """
    order = {each.sha256: place for place, each in enumerate(media)}
    frames = _read(lake, TABLES["frames"], {k.sample for k in keys.values()})
    place = pa.array([order[sha256] for sha256 in frames["media_sha256"].to_pylist()], pa.int64())
    frames = frames.append_column("place", place).sort_by(
        [("place", "ascending"), ("pts", "ascending")]
    )
    scores = _read(lake, TABLES["scores"], {k.score for k in keys.values()})
    labels = _read(lake, TABLES["labels"], {k.classify for k in keys.values()})
    embedded = _read(lake, embeddings, {k.embed for k in keys.values()})
    complete = pa.array(np.ones(frames.num_rows, bool))
    for rows in (scores, labels, embedded):
        seen = pc.is_in(frames["frame_id"], value_set=rows["frame_id"].combine_chunks())
        complete = pc.and_(complete, seen)
    incomplete = Counter(frames.filter(pc.invert(complete))["media_sha256"].to_pylist())
    frames = frames.filter(complete)
    names = frames["frame_id"]
    scores, labels = _aligned(scores, names), _aligned(labels, names)
    vectors = _aligned(embedded, names)["vector"]
    dim = embeddings.schema.field("vector").type.list_size
    flat = vectors.combine_chunks().flatten() if len(names) else pa.array([], pa.float32())
    return Candidates(
        frame_id=names.to_pylist(),
        media_sha256=frames["media_sha256"].to_pylist(),
        timestamp_s=frames["timestamp_s"].to_numpy(),
        pixels_sha256=frames["pixels_sha256"].to_pylist(),
        phash=frames["phash"].to_numpy(),
        measures={name: scores[name].to_numpy() for name in _MEASURES},
        label=np.asarray(labels["label"].to_pylist(), str),
        probabilities={name: labels[name].to_numpy().astype(np.float64) for name in _PROBABILITIES},
        vectors=np.asarray(flat, np.float32).reshape(-1, dim),
        incomplete=dict(incomplete),
    )


def judge(candidates: Candidates, media: Sequence[KnownMedia], config: QualityConfig) -> Judgement:
    """Decide who is out for darkness, blur or moiré.

    Frames are dropped file by file (all still images count as one file): where more than
    `max_drop_share` of a file would go, its doubtful frames are kept and only weighted down, so
    that a measure that misjudges a whole recording cannot empty it.
    """
    dark = candidates.measures["mean_luma"] < config.min_mean_luma
    exclusions = [
        Exclusion(
            int(row),
            "dark",
            "mean_luma",
            float(candidates.measures["mean_luma"][row]),
            config.min_mean_luma,
        )
        for row in np.flatnonzero(dark)
    ]
    name_of = {each.sha256: each.ref.name for each in media}
    warnings = [
        f"{name_of[sha256]}: {count} frames were not decoded alike each time that the file was "
        "read, and are left out. Mend or replace the file if you need them."
        for sha256, count in candidates.incomplete.items()
    ]
    result = Judgement(exclusions, np.ones(len(candidates)), weighted=False, warnings=warnings)
    flat = np.flatnonzero(~candidates.vectors.any(axis=1) & ~dark)
    result.exclusions += [Exclusion(int(row), "featureless", "norm", 0.0, 0.0) for row in flat]
    if config.action == "tag":
        return result
    probability = np.maximum(
        candidates.probabilities["p_blur"], candidates.probabilities["p_moire"]
    )
    doubtful = (candidates.label != "sharp") & (probability >= config.min_probability) & ~dark
    kind_of = {each.sha256: each.info.kind for each in media}
    groups = ["" if kind_of[sha256] == "image" else sha256 for sha256 in candidates.media_sha256]
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    place_of = np.asarray([places[group] for group in groups], np.intp)
    bad = np.bincount(place_of[doubtful], minlength=len(places))
    share = bad / np.maximum(1, np.bincount(place_of[~dark], minlength=len(places)))
    spared = (share > config.max_drop_share) | (config.action == "weight")
    dropped = np.flatnonzero(doubtful & ~spared[place_of])
    result.exclusions += [_quality_exclusion(candidates, row, config) for row in dropped.tolist()]
    doubted = np.flatnonzero(doubtful & spared[place_of])
    result.weighted = bool(len(doubted))
    result.weights[doubted] = np.maximum(0.01, candidates.probabilities["p_sharp"][doubted])
    if config.action == "drop":
        result.warnings += [
            f"{name_of.get(group, 'still images')}: {bad[place]} frames ({share[place]:.0%}) look "
            f"blurred or moiré-ridden, more than {config.max_drop_share:.0%}: they were "
            "weighted down instead of dropped (quality.max_drop_share)."
            for group, place in places.items()
            if spared[place]
        ]
    return result


def _quality_exclusion(candidates: Candidates, row: int, config: QualityConfig) -> Exclusion:
    label = str(candidates.label[row])
    measure = f"p_{label}"
    value = float(candidates.probabilities[measure][row])
    return Exclusion(int(row), label, measure, value, config.min_probability)


def _read(lake: Lake, table: Table, datum_keys: set[str]) -> pa.Table:
    return lake.read(table, where=("datum_key", datum_keys))


def _aligned(rows: pa.Table, names: pa.ChunkedArray) -> pa.Table:
    """Bring rows into the order of the frames."""
    return rows.take(pc.index_in(names, value_set=rows["frame_id"].combine_chunks()))
