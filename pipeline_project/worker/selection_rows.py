"""The rows that record one selection."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.selection.plane import project
from pipeline_project.core.selection.pool import PickedRow
from pipeline_project.worker.candidates import Candidates, Exclusion
from pipeline_project.worker.datapool import Datapool
from pipeline_project.worker.ledger import Row, Rows
from pipeline_project.worker.selecting import Selected
from pipeline_project.worker.stages import FrameKeys


def selection_rows(
    selection_id: str,
    candidates: Candidates,
    exclusions: list[Exclusion],
    selected: Selected,
    pool: Datapool,
    names: dict[int, str],
    keys: Mapping[str, FrameKeys],
) -> Rows:
    """The rows of one selection.

    `names` has the file name of each picked row, `keys` the datum keys of each file. All picks
    are recorded, also those that could not be written: a later run finds them here and tries
    again.
    """
    rows = Rows()
    excluded = {each.row for each in exclusions}
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
    for judged in exclusions:
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


def selection_set_row(header: Row, engine: str, counts: dict[str, float]) -> Row:
    """The header of one selection, completed by what came of it."""
    return {
        **header,
        "engine": engine,
        "counts": json.dumps(counts, sort_keys=True),
        "created_at": datetime.now(UTC),
    }


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
    if each.reason:
        return each.reason
    if each.distance is None:
        return "picked first" if each.rank == 1 else ""
    compared = "pick or earlier pick" if pool.frame_ids else "pick"
    return f"{each.distance:.3f} away from the nearest {compared} before it"
