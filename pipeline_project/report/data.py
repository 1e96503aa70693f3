"""What the report shows, gathered; how it looks is in the template."""

from dataclasses import dataclass, field

import numpy as np

# What can become of a frame, in the order of legends and of stacked bars.
OUTCOMES: dict[str, str] = {
    "picked": "Picked",
    "candidate": "Not picked",
    "duplicate": "Duplicate",
    "excluded": "Excluded",
    "pool": "Picked in earlier runs",
}

# Keys of `ReportData.counts`, in the order of the tiles. `video_s` is seconds of video.
COUNTS: dict[str, str] = {
    "files": "files",
    "video_s": "of video",
    "frames": "frames looked at",
    "excluded": "excluded",
    "duplicates": "duplicates",
    "not_used": "files not used",
    "picked": "picked",
}


@dataclass(frozen=True)
class FrameCard:
    """One frame with its thumbnail (JPEG bytes, at most 240 px wide; empty when there is none)."""

    frame_id: str
    name: str
    timestamp_s: float | None
    thumbnail_jpeg: bytes
    label: str = ""
    probabilities: dict[str, float] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    width_px: int = 0
    height_px: int = 0


@dataclass(frozen=True)
class Pick:
    """A picked frame: its rank (1 is first), the picker's reason, its file in the folder."""

    card: FrameCard
    rank: int
    reason: str
    file_name: str
    attribution: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Exclusion:
    """A frame judged out: which measure, its value, the threshold it crossed."""

    card: FrameCard
    judgement: str
    measure: str
    value: float
    threshold: float


@dataclass(frozen=True)
class DuplicateGroup:
    """Frames that are one picture: the one that stands for them, and the others.

    Attributes:
        kind: how they are alike, `exact` or `near`.
        keeper: the frame that stands for the group.
        others: the frames it stands for; may be cut.
        size: true number of frames in the group, the keeper included.
    """

    kind: str
    keeper: FrameCard
    others: list[FrameCard]
    size: int


@dataclass(frozen=True)
class Reject:
    """A file that could not be used, or was only used in part (`damaged`)."""

    name: str
    uri: str
    stage: str
    error_class: str
    message: str
    damaged: bool


@dataclass(frozen=True)
class StageRow:
    """One line of the stage table."""

    name: str
    version: str
    done: int
    skipped: int
    failed: int
    duration_s: float


@dataclass(frozen=True)
class EmbeddingMap:
    """Frames on the plane: shape (n,) each; outcome is picked/candidate/excluded/duplicate/pool.

    Attributes:
        x: first coordinate, no unit.
        y: second coordinate, no unit.
        outcome: what became of each frame, one of `OUTCOMES`.
        name: the file each frame is from.
        timestamp_s: seconds into its video; NaN for an image.
        thumbnail_jpeg: JPEG bytes, best below 5 KB as there are many; empty when there is none.
        total: frames that there are; more than n when the map shows a sample.
        method: how the plane was made, as one phrase ("principal components, 41 % of variance").
    """

    x: np.ndarray
    y: np.ndarray
    outcome: list[str]
    name: list[str]
    timestamp_s: np.ndarray
    thumbnail_jpeg: list[bytes]
    total: int
    method: str = ""


@dataclass(frozen=True)
class Histogram:
    """One measure over all frames: values by outcome, in the measure's own unit.

    Attributes:
        measure: its name, `laplacian_variance`.
        unit: empty for a measure without one.
        higher_is: what a high value means, as one word ("sharper"); empty for neither.
        values: outcome to values of shape (n,); values that are not finite are counted apart.
        log_scale: whether the values span decades; values of 0 or less are then counted apart.
        threshold: where frames are judged out; None when the measure judges none.
    """

    measure: str
    unit: str
    higher_is: str
    values: dict[str, np.ndarray]
    log_scale: bool = False
    threshold: float | None = None


@dataclass(frozen=True)
class ReportData:
    """Everything on the page. Lists may be cut; the `*_total` fields hold the true counts.

    Attributes:
        selection_id: names the selection and its folder.
        dataset: the dataset whose picks are pooled.
        source: where the files are from, as the user wrote it.
        created_at: ISO 8601 with its zone.
        run_id: the run that made it.
        headline: one sentence, "12 of 118 frames picked from 8 files".
        counts: the tiles, by the keys of `COUNTS`; what is absent gets no tile.
        picks: all of them, any order; the page sorts by rank.
        exclusions: frames judged out.
        exclusions_total: frames judged out in truth.
        duplicates: groups of frames that are one picture.
        duplicates_total: groups in truth.
        rejects: files that could not be used, or only in part.
        stages: in the order they ran.
        embedding_map: None when nothing was embedded.
        histograms: one per measure.
        warnings: what the reader must know, one sentence each.
        versions: component to version.
        settings_yaml: the resolved configuration, without secrets.
        duration_s: wall time of the run.
        exclusions_by_judgement: true counts per judgement; empty when the list is not cut.
        rejects_total: rejected and damaged files in truth; None when the list is not cut.
        states: `file` or stage -> new, changed, removed, failed, recovered, skip -> files.
        ids: further names of this result, label to value (commit, code, AWS run).
    """

    selection_id: str
    dataset: str
    source: str
    created_at: str
    run_id: str
    headline: str
    counts: dict[str, float]
    picks: list[Pick]
    exclusions: list[Exclusion]
    exclusions_total: int
    duplicates: list[DuplicateGroup]
    duplicates_total: int
    rejects: list[Reject]
    stages: list[StageRow]
    embedding_map: EmbeddingMap | None
    histograms: list[Histogram]
    warnings: list[str]
    versions: dict[str, str]
    settings_yaml: str
    duration_s: float
    exclusions_by_judgement: dict[str, int] = field(default_factory=dict)
    rejects_total: int | None = None
    states: dict[str, dict[str, int]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
