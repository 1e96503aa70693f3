"""The set stages: duplicates out, then the diverse pick; and their rows."""

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.core.selection.engine import PickedRow, select
from pipeline_project.core.selection.near_duplicates import FrameFeatures, find_duplicates
from pipeline_project.core.selection.plane import project
from pipeline_project.worker.candidates import Candidates, Judgement
from pipeline_project.worker.datapool import Datapool
from pipeline_project.worker.ledger import Row, Rows
from pipeline_project.worker.stages import FrameKeys

EARLIER_PICK = "earlier pick"
_BLOCK_CELLS = 4_000_000  # candidates times earlier picks compared at once: 16 MB


@dataclass(slots=True)
class Selected:
    """What was picked of the candidates.

    Attributes:
        picks: in order of rank; `index` counts rows of the candidates.
        duplicates: row -> (frame id that stands for it, kind).
        survivors: rows that could have been picked.
        seconds: per stage.
    """

    picks: list[PickedRow]
    duplicates: dict[int, tuple[str, str]]
    survivors: list[int]
    seconds: dict[str, float] = field(default_factory=dict)


def pick(
    candidates: Candidates,
    judgement: Judgement,
    pool: Datapool,
    config: CurationConfig,
    space: EmbeddingSpace,
) -> Selected:
    """Group duplicates, keep the sharpest of each, and pick the most diverse of what is left."""
    started = time.perf_counter()
    excluded = {each.row for each in judgement.exclusions}
    kept = np.asarray([row for row in range(len(candidates)) if row not in excluded], np.intp)
    duplicates = _like_earlier_picks(candidates, kept, pool, space)
    kept = np.asarray([row for row in kept.tolist() if row not in duplicates], np.intp)
    features = FrameFeatures(
        pixels_sha256=[candidates.pixels_sha256[row] for row in kept],
        phash=candidates.phash[kept],
        source=[candidates.media_sha256[row] for row in kept],
        vectors=candidates.vectors[kept],
        rank=_sharpness_rank(candidates)[kept],
    )
    for one, (other, kind) in find_duplicates(features, min_cosine=space.duplicate_cosine).items():
        duplicates[int(kept[one])] = (candidates.frame_id[int(kept[other])], kind)
    survivors = [row for row in kept.tolist() if row not in duplicates]
    grouped = time.perf_counter()
    picks: list[PickedRow] = []
    if survivors:
        picks = select(
            candidates.vectors[survivors],
            parse_selection_config(config.selection),
            pool=pool.vectors,
            weights=judgement.weights[survivors] if judgement.weighted else None,
        )
    picks = [PickedRow(survivors[each.index], each.rank, each.distance) for each in picks]
    seconds = {"deduplicate": grouped - started, "select": time.perf_counter() - grouped}
    return Selected(picks, duplicates, survivors, seconds)


def selection_rows(
    selection_id: str,
    candidates: Candidates,
    judgement: Judgement,
    selected: Selected,
    pool: Datapool,
    names: dict[int, str],
    keys: dict[str, FrameKeys],
) -> Rows:
    """The rows of one selection.

    `names` has the file name of each picked row, `keys` the datum keys of each file. All picks
    are recorded, also those that could not be written: a later run finds them here and tries
    again.
    """
    rows = Rows()
    excluded = {each.row for each in judgement.exclusions}
    outcome = dict.fromkeys(range(len(candidates)), "candidate")
    outcome |= dict.fromkeys(selected.duplicates, "duplicate")
    outcome |= dict.fromkeys(excluded, "excluded")
    outcome |= dict.fromkeys((each.index for each in selected.picks), "picked")
    own = set(candidates.frame_id)
    outcome |= {
        len(candidates) + number: "pool"
        for number, frame in enumerate(pool.frame_ids)
        if frame not in own
    }
    frames = [*candidates.frame_id, *pool.frame_ids]
    places = project(np.concatenate([candidates.vectors, pool.vectors]))
    for row, what in outcome.items():
        place: Row = {
            "selection_id": selection_id,
            "frame_id": frames[row],
            "media_sha256": frames[row].partition(":")[0],
            "sample_key": keys[frames[row].partition(":")[0]].sample if what != "pool" else "",
            "outcome": what,
            "map_x": float(places[row, 0]),
            "map_y": float(places[row, 1]),
        }
        rows.add(TABLES["candidates"], place)
    for each in selected.picks:
        pick_row: Row = {
            "selection_id": selection_id,
            "frame_id": candidates.frame_id[each.index],
            "rank": each.rank,
            "reason": _reason(each, pool),
            "file_name": names[each.index],
        }
        rows.add(TABLES["selections"], pick_row)
    for judged in judgement.exclusions:
        exclusion: Row = {
            "selection_id": selection_id,
            "frame_id": candidates.frame_id[judged.row],
            "judgement": judged.judgement,
            "measure": judged.measure,
            "value": judged.value,
            "threshold": judged.threshold,
        }
        rows.add(TABLES["exclusions"], exclusion)
    rows.take(_duplicate_rows(selection_id, candidates, selected))
    return rows


def selection_set_row(header: Row, counts: dict[str, float]) -> Row:
    """The header of one selection, completed by what came of it."""
    return {
        **header,
        "engine": "mundig",
        "counts": json.dumps(counts, sort_keys=True),
        "created_at": datetime.now(UTC),
    }


def _like_earlier_picks(
    candidates: Candidates, kept: npt.NDArray[np.intp], pool: Datapool, space: EmbeddingSpace
) -> dict[int, tuple[str, str]]:
    """Candidates that an earlier pick already shows; the pick itself, met again, among them."""
    if not len(pool.frame_ids) or not len(kept):
        return {}
    like: dict[int, tuple[str, str]] = {}
    rows = max(1, _BLOCK_CELLS // len(pool.frame_ids))
    for start in range(0, len(kept), rows):
        block = kept[start : start + rows]
        cosine = candidates.vectors[block] @ pool.vectors.T
        nearest = cosine.argmax(axis=1)
        close = cosine[np.arange(len(block)), nearest] >= space.duplicate_cosine
        for number in np.flatnonzero(close).tolist():
            like[int(block[number])] = (pool.frame_ids[int(nearest[number])], EARLIER_PICK)
    return like


def _sharpness_rank(candidates: Candidates) -> npt.NDArray[np.float64]:
    """Probably sharp before probably not, then by the Laplacian: moiré raises it, so not alone."""
    steps = np.round(candidates.probabilities["p_sharp"], 1) * 1e3
    return np.asarray(steps + np.log1p(candidates.measures["laplacian_variance"]), np.float64)


def _duplicate_rows(selection_id: str, candidates: Candidates, selected: Selected) -> Rows:
    rows = Rows()
    keepers: dict[str, str] = {}
    for row, (keeper, kind) in selected.duplicates.items():
        keepers.setdefault(keeper, kind)
        member = {
            "selection_id": selection_id,
            "group_id": keeper,
            "frame_id": candidates.frame_id[row],
            "keeper": False,
            "kind": kind,
        }
        rows.add(TABLES["duplicates"], member)
    own = {candidates.frame_id[row] for row in selected.duplicates}
    for keeper, kind in keepers.items():
        if keeper not in own:  # an earlier pick met again is in its own group already
            head = {
                "selection_id": selection_id,
                "group_id": keeper,
                "frame_id": keeper,
                "keeper": True,
                "kind": kind,
            }
            rows.add(TABLES["duplicates"], head)
    return rows


def _reason(each: PickedRow, pool: Datapool) -> str:
    if each.distance is None:
        return "picked first"
    compared = "pick or earlier pick" if pool.frame_ids else "pick"
    return f"{each.distance:.3f} away from the nearest {compared} before it"
