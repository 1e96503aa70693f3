"""What earlier selections of a dataset mean for the next one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table


@dataclass(frozen=True, slots=True)
class EarlierSelection:
    """One selection of the past, as the ledger of selections has it."""

    selection_id: str
    candidates_sha256: str
    config: str
    counts: dict[str, float]


@dataclass(frozen=True, slots=True)
class Datapool:
    """Picks and considered files of a dataset's past.

    Attributes:
        version: id of the newest selection it holds; empty when it holds none.
        frame_ids: m picked frames.
        vectors: shape (m, dim), their embeddings.
        seen_media: hashes of the files that were considered.
        selections: how many selections it holds.
    """

    version: str
    frame_ids: list[str]
    vectors: npt.NDArray[np.float32]
    seen_media: frozenset[str]
    selections: int


def earlier_selections(lake: Lake, dataset: str, space: str) -> list[EarlierSelection]:
    """The selections of a dataset in one embedding space, oldest first."""
    rows = lake.read(TABLES["selection_sets"], where=("dataset", {dataset})).to_pylist()
    return [
        EarlierSelection(
            selection_id=row["selection_id"],
            candidates_sha256=row["candidates_sha256"],
            config=row["config"],
            counts=json.loads(row["counts"]),
        )
        for row in sorted(rows, key=lambda row: row["created_at"])
        if row["space"] == space
    ]


def same_selection(
    earlier: list[EarlierSelection], candidates_sha256: str, config: str
) -> EarlierSelection | None:
    """The newest selection made of the very same media with the very same settings."""
    for each in reversed(earlier):
        if (each.candidates_sha256, each.config) == (candidates_sha256, config):
            return each
    return None


def read_datapool(lake: Lake, earlier: list[EarlierSelection], embeddings: Table) -> Datapool:
    """Read what these selections picked and looked at."""
    ids = {each.selection_id for each in earlier}
    picks = lake.read(TABLES["selections"], columns=["frame_id"], where=("selection_id", ids))
    looked = lake.read(TABLES["candidates"], columns=["media_sha256"], where=("selection_id", ids))
    frames = list(dict.fromkeys(picks["frame_id"].to_pylist()))
    vectors = _vectors_by_frame(lake, set(frames), embeddings)
    known = [frame for frame in frames if frame in vectors]
    dim = embeddings.schema.field("vector").type.list_size
    return Datapool(
        version=earlier[-1].selection_id if earlier else "",
        frame_ids=known,
        vectors=np.asarray([vectors[frame] for frame in known], np.float32).reshape(-1, dim),
        seen_media=frozenset(looked["media_sha256"].unique().to_pylist()),
        selections=len(earlier),
    )


def _vectors_by_frame(
    lake: Lake, frames: set[str], embeddings: Table
) -> Mapping[str, npt.NDArray[np.float32]]:
    rows = lake.read(embeddings, columns=["frame_id", "vector"], where=("frame_id", frames))
    names = rows["frame_id"].to_pylist()
    if not names:
        return {}
    flat = np.asarray(rows["vector"].combine_chunks().flatten(), np.float32)
    return dict(zip(names, flat.reshape(len(names), -1), strict=True))
