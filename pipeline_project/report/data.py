"""What the report shows, gathered; how it looks is in the template."""

from dataclasses import dataclass, field

import numpy as np


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
    """Frames that are one picture: the one that stands for them, and the others."""

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
    """Frames on the plane: shape (n,) each; outcome is picked/candidate/excluded/duplicate/pool."""

    x: np.ndarray
    y: np.ndarray
    outcome: list[str]
    name: list[str]
    timestamp_s: np.ndarray
    thumbnail_jpeg: list[bytes]
    total: int


@dataclass(frozen=True)
class Histogram:
    """One measure over all frames: values by outcome, in the measure's own unit."""

    measure: str
    unit: str
    higher_is: str
    values: dict[str, np.ndarray]
    log_scale: bool = False


@dataclass(frozen=True)
class ReportData:
    """Everything on the page. Lists may be cut; the `*_total` fields hold the true counts."""

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
