"""Rows that two runs computed at once: the same values under one key, of which readers take one."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.schemas import Table
from pipeline_project.adapters.lake.upkeep import Upkeep

# What differs between two computations of the same: it is no reason to keep both.
_OF_THE_RUN = dict.fromkeys(
    ("datums", "collection_results"), frozenset({"run_id", "duration_s", "finished_at"})
)
# The commit of its newest row names the state that a pipeline is in: it tells runs apart.
_STATE = "collection_members"


def doubled_rows(upkeep: Upkeep, table: Table, chains: Sequence[Mapping[str, int]]) -> set[int]:
    """Addresses of rows that no revision needs.

    A row is not needed where the row of its key that was committed last before it has the same
    values: whoever sees the later commit sees the earlier one too, and reads the same. Of several
    rows of one key in one commit only the last counts.

    Args:
        upkeep: reads the rows.
        table: whose.
        chains: of each branch, commit id -> sequence number.
    """
    keys = list(table.key)
    parts = list(upkeep.scan(table, keys))
    if not parts:
        return set()
    rows = pa.concat_tables(parts)
    many = rows.group_by(keys[:-1]).aggregate([("_rowid", "count"), ("_rowid", "list")])
    many = many.filter(pc.greater(many["_rowid_count"], 1))
    if not many.num_rows:
        return set()
    wanted = pc.list_flatten(many["_rowid_list"]).combine_chunks()
    found = [
        part.filter(pc.is_in(part["_rowid"], value_set=wanted))
        for part in upkeep.scan(table, table.schema.names)
    ]
    by_key: dict[tuple[object, ...], list[dict[str, Any]]] = {}
    for row in pa.concat_tables(found).to_pylist():
        by_key.setdefault(tuple(row[name] for name in keys[:-1]), []).append(row)
    return {address for group in by_key.values() for address in _not_needed(table, group, chains)}


def _not_needed(
    table: Table, group: list[dict[str, Any]], chains: Sequence[Mapping[str, int]]
) -> set[int]:
    """Of the rows of one key, in the order of the table."""
    last = {row["commit_id"]: row for row in group}
    spare = {row["_rowid"] for row in group if row is not last[row["commit_id"]]}
    for commit_id, row in last.items() if table.name != _STATE else ():
        chain = next((each for each in chains if commit_id in each), None)
        if chain is None:
            continue  # not committed, or not yet
        before = [c for c in last if c in chain and chain[c] < chain[commit_id]]
        if before:
            nearest = last[max(before, key=lambda each: chain[each])]
            if _values(table, nearest) == _values(table, row):
                spare.add(row["_rowid"])
    return spare


def _values(table: Table, row: dict[str, Any]) -> str:
    """A row's values as text, so that a value that is no number equals itself."""
    left_out = {"commit_id", "_rowid", *_OF_THE_RUN.get(table.name, ())}
    if table.name in _OF_THE_RUN and row["state"] != "done":
        left_out = {"commit_id", "_rowid"}
    return repr([row.get(name) for name in table.schema.names if name not in left_out])
