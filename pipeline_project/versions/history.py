"""What a revision is, and what lies between two of them."""

import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.base import Commit, Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.errors import LakeError

_BETWEEN_KEYS = "\x1f"  # in none of the values that keys are made of


@dataclass(frozen=True, slots=True)
class TableDifference:
    """Rows of a table that only the newer, only the older, or both revisions see.

    `rewritten` rows have the same key in both, written by another commit.
    """

    table: str
    added: int
    removed: int
    rewritten: int


@dataclass(slots=True)
class Difference:
    """What changes from one revision to another; sources by address, selections by id."""

    tables: list[TableDifference] = field(default_factory=list)
    sources_added: list[str] = field(default_factory=list)
    sources_changed: list[str] = field(default_factory=list)
    sources_removed: list[str] = field(default_factory=list)
    selections_added: list[dict[str, Any]] = field(default_factory=list)
    selections_removed: list[dict[str, Any]] = field(default_factory=list)


def commit_at(lake: Lake, rev: str | None) -> Commit:
    """The commit that a revision names.

    Raises:
        LakeError: there is none.
    """
    commit = lake.resolve(rev)
    if commit is None:
        raise LakeError(
            f"Looking for revision {rev or 'main'}: there is no commit yet. "
            "Run `pipeline curate` first."
        )
    return commit


def facts(commit: Commit) -> dict[str, Any]:
    """A commit as JSON shows it."""
    return {
        "commit_id": commit.commit_id,
        "sequence": commit.sequence,
        "parent": commit.parent,
        "branch": commit.branch,
        "created_at": commit.created_at,
        "message": commit.message,
        "run_id": commit.run_id,
        "code_version": commit.code_version,
        "settings_sha256": commit.settings_sha256,
        "counts": commit.counts,
        "table_versions": commit.table_versions,
    }


def rows_at(lake: Lake, commit: Commit) -> dict[str, int]:
    """How many rows a revision sees, by table."""
    counts = {}
    for table in lake.tables():
        rows = lake.read(table, columns=[table.key[0]], rev=commit.commit_id).num_rows
        if rows:
            counts[table.name] = rows
    return counts


def table_named(lake: Lake, name: str) -> Table:
    """A table by its name.

    Raises:
        LakeError: there is none.
    """
    tables = {table.name: table for table in lake.tables()}
    if name not in tables:
        known = ", ".join(tables) or "none yet"
        raise LakeError(f"Reading table {name}: there is no such table. There are: {known}.")
    return tables[name]


def difference(lake: Lake, older: Commit, newer: Commit) -> Difference:
    """Compare what two revisions see."""
    found = Difference()
    for table in lake.tables():
        before, after = _keys(lake, table, older), _keys(lake, table, newer)
        added = len(after) - _shared(after["key"], before["key"])
        removed = len(before) - _shared(before["key"], after["key"])
        same = _shared(_written(after), _written(before))
        rewritten = len(after) - added - same
        if added or removed or rewritten:
            found.tables.append(TableDifference(table.name, added, removed, rewritten))
    _compare_sources(_sources(lake, older), _sources(lake, newer), found)
    before_sets, after_sets = _selections(lake, older), _selections(lake, newer)
    found.selections_added = [each for key, each in after_sets.items() if key not in before_sets]
    found.selections_removed = [each for key, each in before_sets.items() if key not in after_sets]
    return found


def _keys(lake: Lake, table: Table, commit: Commit) -> pa.Table:
    """Key (as one text) and commit of each row that a revision sees."""
    columns = [*table.key[:-1], "commit_id"]
    rows = lake.read(table, columns=columns, rev=commit.commit_id)
    parts = [pc.fill_null(pc.cast(rows[name], pa.string()), "") for name in columns[:-1]]
    key = pc.binary_join_element_wise(*parts, _BETWEEN_KEYS) if len(parts) > 1 else parts[0]
    return pa.table({"key": key, "commit_id": rows["commit_id"]})


def _written(keys: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(keys["key"], keys["commit_id"], _BETWEEN_KEYS)


def _shared(values: pa.ChunkedArray, others: pa.ChunkedArray) -> int:
    if not len(values) or not len(others):
        return 0
    return int(pc.sum(pc.is_in(values, value_set=others.combine_chunks())).as_py() or 0)


def _sources(lake: Lake, commit: Commit) -> dict[str, str]:
    """Address -> hash of what was there last; without those that are gone."""
    rows = lake.read(
        TABLES["media_sources"],
        columns=["uri", "sha256", "seen_at", "gone"],
        rev=commit.commit_id,
    ).sort_by("seen_at")
    last = {row["uri"]: row for row in rows.to_pylist()}
    return {uri: row["sha256"] for uri, row in last.items() if not row["gone"]}


def _compare_sources(before: dict[str, str], after: dict[str, str], found: Difference) -> None:
    found.sources_added = sorted(after.keys() - before.keys())
    found.sources_removed = sorted(before.keys() - after.keys())
    both = before.keys() & after.keys()
    found.sources_changed = sorted(uri for uri in both if before[uri] != after[uri])


def _selections(lake: Lake, commit: Commit) -> dict[str, dict[str, Any]]:
    rows = lake.read(TABLES["selection_sets"], rev=commit.commit_id).to_pylist()
    return {
        row["selection_id"]: {
            "selection_id": row["selection_id"],
            "dataset": row["dataset"],
            "picked": int(json.loads(row["counts"]).get("picked", 0)),
        }
        for row in rows
    }
