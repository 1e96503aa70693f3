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
    commit_id: str
    candidates_sha256: str
    config: str
    counts: dict[str, float]


@dataclass(frozen=True, slots=True)
class Datapool:
    """Picks and considered files of a dataset's past.

    A pick counts even where its file could not be written: the selection it belongs to still
    holds it, and a later run of that selection writes it.

    Attributes:
        version: id of the newest selection it holds; empty when it holds none.
        frame_ids: m picked frames.
        vectors: shape (m, dim), their embeddings.
        seen: keys of the sample stage of the files that were considered; a file that is now
            sampled in another way was not.
        selections: how many selections it holds.
    """

    version: str
    frame_ids: list[str]
    vectors: npt.NDArray[np.float32]
    seen: frozenset[str]
    selections: int


def earlier_selections(lake: Lake, dataset: str, space: str) -> list[EarlierSelection]:
    """The selections of a dataset in one embedding space, oldest first."""
    sets = TABLES["selection_sets"]
    rows = lake.read(sets, columns=sets.schema.names, where=("dataset", {dataset})).to_pylist()
    return [
        EarlierSelection(
            selection_id=row["selection_id"],
            commit_id=row["commit_id"],
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
    looked = lake.read(TABLES["candidates"], columns=["sample_key"], where=("selection_id", ids))
    frames = list(dict.fromkeys(picks["frame_id"].to_pylist()))
    vectors = _vectors_by_frame(lake, set(frames), embeddings)
    known = [frame for frame in frames if frame in vectors]
    dim = embeddings.schema.field("vector").type.list_size
    return Datapool(
        version=earlier[-1].selection_id if earlier else "",
        frame_ids=known,
        vectors=np.asarray([vectors[frame] for frame in known], np.float32).reshape(-1, dim),
        seen=frozenset(looked["sample_key"].unique().to_pylist()),
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
