"""What a purge takes from collections: a source's files, and all that steps made of them."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.refs import MAIN
from pipeline_project.adapters.lake.upkeep import Upkeep
from pipeline_project.versions.derived import File, derived
from pipeline_project.worker.collections.publishing import turns_of
from pipeline_project.worker.collections.state import (
    MEMBERS,
    REMOVED,
    RESULTS,
    named_outputs,
)

_NAME = ("pipeline", "collection", "member")
_BETWEEN = "\x1f"


@dataclass(slots=True)
class Taken:
    """What goes.

    Attributes:
        keys: datum keys of the results.
        steps: `pipeline/step` -> results.
        members: names (see `named`) of files and datums of which nothing else is known.
        outputs: store keys of what no other result needs.
        turns: folders of the store that name states which are no more.
    """

    keys: set[str] = field(default_factory=set)
    steps: dict[str, int] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)


def member_sources(upkeep: Upkeep) -> Iterator[dict[str, Any]]:
    """Files of collections as `media_sources` has them: address, hash, name, whether it is gone."""
    newest: dict[str, tuple[str, bool]] = {}
    for rows in upkeep.scan(MEMBERS, [*_NAME, "uri", "state", "commit_id"]):
        columns = (named(rows), rows["commit_id"], rows["state"])
        for name, commit_id, state in zip(*(each.to_pylist() for each in columns), strict=True):
            newest[name] = max(newest.get(name, ("", False)), (commit_id, state == REMOVED))
    for rows in upkeep.scan(MEMBERS, [*_NAME, "uri", "sha256"]):
        files = rows.filter(pc.not_equal(pc.fill_null(rows["uri"], ""), ""))
        for name, row in zip(named(files).to_pylist(), files.to_pylist(), strict=True):
            path = row["member"].lstrip("/")
            here = {"uri": row["uri"], "sha256": row["sha256"], "name": path}
            yield {**here, "seen_at": None, "gone": newest[name][1]}


def find_taken(lake: LanceLake, uris: Collection[str], hashes: Collection[str]) -> Taken:
    """Find what these addresses and contents have left in collections, in any version."""
    upkeep, taken = Upkeep(lake), Taken()
    files: set[File] = set()
    for rows in upkeep.scan(MEMBERS, ["pipeline", "member", "uri", "sha256"]):
        own = rows.filter(_of_source(rows, uris, hashes)).to_pylist()
        files |= {(row["pipeline"], row["member"], row["sha256"]) for row in own}
    columns = ["datum_key", "pipeline", "step", "inputs", "outputs"]

    def results() -> Iterator[Mapping[str, Any]]:
        for rows in upkeep.scan(RESULTS, columns):
            yield from rows.to_pylist()

    gone = derived(results, files, hashes)
    taken.keys = {row["datum_key"] for row in gone}
    steps = {row["datum_key"]: f"{row['pipeline']}/{row['step']}" for row in gone}
    taken.steps = dict(Counter(steps.values()))
    others = (row["outputs"] for row in results() if row["datum_key"] not in taken.keys)
    needed = named_outputs(others)
    taken.outputs = sorted(named_outputs(row["outputs"] for row in gone) - needed)
    taken.members = sorted(_whole_members(upkeep, uris, hashes, taken.keys))
    pipelines = {row["pipeline"] for row in gone} | {pipeline for pipeline, _, _ in files}
    branches = {MAIN, *(branch.name for branch in lake.branches())}
    taken.turns = sorted(turns_of(branch, each) for branch in branches for each in pipelines)
    return taken


def named(rows: pa.Table) -> pa.ChunkedArray:
    """Pipeline, collection and member of rows of `collection_members`, as one text each."""
    return pc.binary_join_element_wise(*(rows[name] for name in _NAME), _BETWEEN)


def blank_members(
    lake: LanceLake,
    *,
    uris: Collection[str],
    hashes: Collection[str],
    keys: Collection[str],
    members: Collection[str],
) -> None:
    """Write that datums were not there, where their versions before and after stay.

    Without this the version whose result goes would show the result of the version before it.
    """
    whole = pa.array(list(members), pa.string())
    for rows in list(Upkeep(lake).scan(MEMBERS, MEMBERS.schema.names)):
        own = rows.filter(_goes(rows, uris, hashes, keys))
        own = own.filter(pc.invert(pc.is_in(named(own), value_set=whole)))
        if own.num_rows:
            blank = pa.array([""] * own.num_rows, pa.string())
            columns = {name: own[name] for name in (*_NAME, "commit_id")}
            columns |= dict.fromkeys(("uri", "sha256", "fingerprint", "datum_key"), blank)
            columns["state"] = pa.array([REMOVED] * own.num_rows, pa.string())
            table = pa.table([columns[n] for n in MEMBERS.schema.names], schema=MEMBERS.schema)
            lake.append_rows(MEMBERS, table, MAIN)


def _of_source(rows: pa.Table, uris: Collection[str], hashes: Collection[str]) -> pa.Array:
    by_uri = pc.is_in(rows["uri"], value_set=pa.array(list(uris), pa.string()))
    return pc.or_(by_uri, pc.is_in(rows["sha256"], value_set=pa.array(list(hashes), pa.string())))


def _goes(
    rows: pa.Table, uris: Collection[str], hashes: Collection[str], keys: Collection[str]
) -> pa.Array:
    by_key = pc.is_in(rows["datum_key"], value_set=pa.array(list(keys), pa.string()))
    return pc.or_(_of_source(rows, uris, hashes), by_key)


def _whole_members(
    upkeep: Upkeep, uris: Collection[str], hashes: Collection[str], keys: Collection[str]
) -> set[str]:
    """Names of those whose every row goes, but for the rows that say that they were removed."""
    touched: set[str] = set()
    staying: set[str] = set()
    for rows in upkeep.scan(MEMBERS, [*_NAME, "uri", "sha256", "datum_key", "state"]):
        goes = _goes(rows, uris, hashes, keys)
        touched |= set(named(rows.filter(goes)).to_pylist())
        stays = pc.and_(pc.invert(goes), pc.not_equal(rows["state"], REMOVED))
        staying |= set(named(rows.filter(stays)).to_pylist())
    return touched - staying
