"""What earlier selections of a dataset mean for the next one.

The record is never changed: selections stay as they were made. What people take back of it is
recorded too (`worker/pool_edits.py`), and the datapool is read anew from both for every run.

Vectors of two embedding spaces are never compared. Picks that were made in another space are
embedded anew from the frames that their selections kept.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.embedder.base import ImageEmbedder
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.core.selection.decisions import Review
from pipeline_project.errors import ConfigError, StoreError
from pipeline_project.worker.ledger import Row
from pipeline_project.worker.pool_edits import PoolEdit, forgotten, live_edits
from pipeline_project.worker.request import output_prefix

_KEPT = "kept frame"  # in place of a datum key: the vector of a written frame
_BATCH = 32
_NO_REVIEW = Review()

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EarlierSelection:
    """One selection of the past, as the ledger of selections has it."""

    selection_id: str
    commit_id: str
    candidates_sha256: str
    config: str
    counts: dict[str, float]
    space: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Datapool:
    """Picks and considered files of a dataset's past.

    A pick counts even where its file could not be written: the selection it belongs to still
    holds it, and a later run of that selection writes it.

    Attributes:
        version: changes with what it holds; empty when it holds nothing.
        frame_ids: m picked frames.
        vectors: shape (m, dim), their embeddings.
        seen: keys of the sample stage of the files that were considered; a file that is now
            sampled in another way was not.
        selections: how many selections it holds.
        embedded: rows for the embeddings' table, of picks that had no vector in this space.
    """

    version: str
    frame_ids: list[str]
    vectors: Vectors
    seen: pa.Array
    selections: int
    embedded: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class _PickedFrame:
    frame_id: str
    selection_id: str
    file_name: str


def earlier_selections(lake: Lake, dataset: str) -> list[EarlierSelection]:
    """The selections of a dataset in all embedding spaces, oldest first."""
    sets = TABLES["selection_sets"]
    rows = lake.read(sets, columns=sets.schema.names, where=("dataset", {dataset})).to_pylist()
    return [
        EarlierSelection(
            selection_id=row["selection_id"],
            commit_id=row["commit_id"],
            candidates_sha256=row["candidates_sha256"],
            config=row["config"],
            counts=json.loads(row["counts"]),
            space=row["space"],
            created_at=row["created_at"],
        )
        for row in sorted(rows, key=lambda row: row["created_at"])
    ]


def same_selection(
    earlier: list[EarlierSelection],
    candidates_sha256: str,
    config: str,
    edits: Sequence[PoolEdit] = (),
) -> EarlierSelection | None:
    """The newest selection made of the very same media with the very same settings.

    One that was made before its dataset's past was edited is not meant any more.
    """
    for each in reversed(earlier):
        if any(edit.created_at >= each.created_at for edit in edits):
            continue
        if (each.candidates_sha256, each.config) == (candidates_sha256, config):
            return each
    return None


def read_datapool(
    lake: Lake,
    earlier: list[EarlierSelection],
    edits: Sequence[PoolEdit],
    embeddings: Table,
    store: ObjectStore,
    embedder: ImageEmbedder,
    *,
    review: Review = _NO_REVIEW,
    redone: frozenset[str] = frozenset(),
) -> Datapool:
    """Read what these selections picked and looked at, less what was taken back.

    Args:
        lake: holds the selections.
        earlier: all of the dataset's, oldest first.
        edits: of its past.
        embeddings: table of the space to compare in.
        store: holds the picks' frames.
        embedder: of that space.
        review: rejected picks do not count.
        redone: selections that are about to be made anew: they count for nothing but their
            labelled picks.

    Raises:
        ConfigError: a pick has no vector in this space, and its frame is not kept either.
    """
    live = live_edits(edits)
    made_at = {each.selection_id: each.created_at for each in earlier}
    ids = set(made_at)
    live_ids = ids - redone
    picks = lake.read(
        TABLES["selections"],
        columns=["frame_id", "selection_id", "file_name"],
        where=("selection_id", ids),
    ).to_pylist()
    frames = {
        row["frame_id"]: _PickedFrame(row["frame_id"], row["selection_id"], row["file_name"])
        for row in picks
        if not forgotten(live, row["frame_id"], made_at[row["selection_id"]])
        and row["frame_id"] not in review.rejected
        and (row["selection_id"] in live_ids or row["frame_id"] in review.labelled)
    }
    vectors = vectors_by_frame(lake, set(frames), embeddings)
    missing = [each for name, each in frames.items() if name not in vectors]
    anew = _embedded_anew(missing, store, embedder)
    vectors = {**vectors, **anew}
    dim = embeddings.schema.field("vector").type.list_size
    return Datapool(
        version="+".join(
            [*[each.selection_id for each in earlier[-1:]], *[e.edit_id for e in live]]
        ),
        frame_ids=list(frames),
        vectors=np.asarray([vectors[name] for name in frames], np.float32).reshape(-1, dim),
        seen=_looked_at(lake, live_ids, live, made_at),
        selections=sum(
            not forgotten(live, "", each.created_at)
            for each in earlier
            if each.selection_id in live_ids
        ),
        embedded=[
            {"frame_id": name, "datum_key": _KEPT, "vector": vector.tolist()}
            for name, vector in anew.items()
        ],
    )


def _looked_at(
    lake: Lake, ids: Collection[str], live: Sequence[PoolEdit], made_at: Mapping[str, datetime]
) -> pa.Array:
    """Sample keys of the files that these selections considered, less what was taken back."""
    table, of_them = TABLES["candidates"], ("selection_id", ids)
    if not live:
        return pc.unique(lake.read(table, columns=["sample_key"], where=of_them)["sample_key"])
    columns = ["selection_id", "media_sha256", "sample_key"]
    rows = lake.read(table, columns=columns, where=of_them)
    kept = np.ones(rows.num_rows, bool)
    for selection_id in ids:
        if forgotten(live, "", made_at[selection_id]):
            back = pc.equal(rows["selection_id"], selection_id)
        elif files := [each.value for each in live if each.created_at >= made_at[selection_id]]:
            of_files = pc.is_in(rows["media_sha256"], value_set=pa.array(files, pa.string()))
            back = pc.and_(of_files, pc.equal(rows["selection_id"], selection_id))
        else:
            continue
        kept &= ~back.to_numpy()
    return pc.unique(rows["sample_key"].filter(pa.array(kept)))


def vectors_by_frame(lake: Lake, frames: set[str], embeddings: Table) -> Mapping[str, Vectors]:
    """Vectors of these frames in one space; frames that have none are left out."""
    rows = lake.read(embeddings, columns=["frame_id", "vector"], where=("frame_id", frames))
    names = rows["frame_id"].to_pylist()
    if not names:
        return {}
    flat = np.asarray(rows["vector"].combine_chunks().flatten(), np.float32)
    return dict(zip(names, flat.reshape(len(names), -1), strict=True))


def _embedded_anew(
    picks: list[_PickedFrame], store: ObjectStore, embedder: ImageEmbedder
) -> dict[str, Vectors]:
    """Vectors of picks of another space, from the frames that their selections kept."""
    found: dict[str, Vectors] = {}
    lost: list[str] = []
    for start in range(0, len(picks), _BATCH):
        names, pixels = [], []
        for each in picks[start : start + _BATCH]:
            key = f"{output_prefix(each.selection_id)}/frames/{each.file_name}"
            try:
                data = store.get(key)
            except StoreError:
                lost.append(each.frame_id)
                continue
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
            if image is None:
                lost.append(each.frame_id)
                continue
            names.append(each.frame_id)
            pixels.append(embedder.prepare(image))  # type: ignore[arg-type]  # uint8
        if names:
            found |= dict(zip(names, embedder.embed(pixels), strict=True))
    if lost:
        raise ConfigError(
            f"Comparing with the dataset's earlier picks: {len(lost)} of them have no embedding in "
            f"space {embedder.space.name} and their frames are not kept any more ({lost[0]} "
            "first). Select with the embedder they were made with, in another dataset, or with "
            "--no-datapool; or forget them with `pipeline datapool remove --frame`."
        )
    return found
