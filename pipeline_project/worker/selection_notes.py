"""What a selection has to say to people besides its picks."""

from collections.abc import Sequence

import pyarrow.compute as pc

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.worker.datapool import Datapool
from pipeline_project.worker.identify import KnownMedia
from pipeline_project.worker.known import MediaList


def untried(space: EmbeddingSpace) -> list[str]:
    """Say that a model without a duplicate threshold calls nothing a duplicate."""
    if space.duplicate_cosine is not None:
        return []
    return [
        f"Near-duplicates were found by hashes alone: nobody measured from which cosine on frames "
        f"in space {space.name} are one picture. Set embedding.duplicate_cosine "
        "(benchmarks/near_duplicates.py proposes a value)."
    ]


def pool_notes(
    media: Sequence[KnownMedia],
    considered: Sequence[KnownMedia],
    pool: Datapool,
    config: CurationConfig,
) -> list[str]:
    """Say what the past of the dataset did to this selection: it surprises who forgot it."""
    past = f"{pool.selections} earlier selection{'s' if pool.selections > 1 else ''}"
    note = (
        f"Dataset {config.dataset!r} has {len(pool.frame_ids)} picks from {past}: "
        "the new picks stay away from them (--no-datapool selects afresh)."
    )
    if len(considered) < len(media):
        note += (
            f" {len(media) - len(considered)} files that an earlier selection had looked at were "
            "left out (datapool.process_all)."
        )
    return [note]


def other_kinds(lake: Lake, media: MediaList, pool: Datapool, dataset: str) -> list[str]:
    """Say when still images and frames of videos meet in a dataset for the first time."""
    past = lake.read(
        TABLES["media"],
        columns=["kind"],
        where=("sha256", {frame.partition(":")[0] for frame in pool.frame_ids}),
    )
    before = set(past["kind"].to_pylist())
    now = set(pc.unique(media.table["kind"]).to_pylist())
    if not before or before & now:
        return []
    return [
        f"Dataset {dataset!r} has picks of {' and '.join(sorted(before))} files "
        f"only, this run has {' and '.join(sorted(now))} files only: they are compared all the "
        "same. Name another --dataset to keep them apart."
    ]
