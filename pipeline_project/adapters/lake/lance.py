"""The lake on Lance tables, in a local folder or a bucket.

A table is one Lance dataset, `tables/<name>.lance`. Rows are only ever appended; what a reader
sees is decided by the commit log, never by the newest Lance version.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project import __version__
from pipeline_project.adapters.addresses import path_of
from pipeline_project.adapters.lake.base import Commit
from pipeline_project.adapters.lake.commits import CommitLog, new_commit_id
from pipeline_project.adapters.lake.schemas import SCHEMA_VERSION, Table
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import LakeError

_VERSION = b"pipeline_project.schema_version"
_FILTER_VALUES = 500  # longer lists are matched here: a filter expression would be slower
_AGE = "age"  # of a row's commit: 0 for the newest that the revision sees
_AT = "at"  # a row's position in the Lance dataset


class LanceLake:
    """Tables and commits below the `lake/` folder of an object store.

    Args:
        root: where the tables lie: a folder, or an `s3://` address.
        store: holds the commit records.
        storage_options: gives what Lance needs to reach a bucket; asked for each use of a table,
            since credentials end.
    """

    def __init__(
        self,
        root: str,
        store: ObjectStore,
        storage_options: Callable[[], dict[str, str]] | None = None,
    ) -> None:
        self._root = str(path_of(root)) if root.startswith("file://") else root
        self._storage_options = storage_options
        self._log = CommitLog(store)

    def begin(self, *, run_id: str, branch: str = "main") -> "LanceWriter":
        """Start a commit on a branch; a name without commits starts a new branch.

        Raises:
            ConfigError: the name is not allowed, or a tag or commit has it.
        """
        self._log.check_branch(branch)
        return LanceWriter(self, run_id, branch)

    def read(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: tuple[str, Collection[str]] | None = None,
        rev: str = "main",
    ) -> pa.Table:
        """Read the rows that a revision can see, each key once."""
        names = list(columns) if columns is not None else table.schema.names[:-1]
        empty = pa.schema([table.schema.field(name) for name in names]).empty_table()
        commit = self._log.resolve(rev)
        dataset = self._open(table) if commit is not None else None
        if commit is None or dataset is None or (where is not None and not where[1]):
            return empty
        visible = pa.array([each.commit_id for each in self._log.ancestors(commit)], pa.string())
        # Columns that came with a later version than the table are empty in its older rows.
        wanted = names
        names = [name for name in wanted if name in dataset.schema.names]
        try:
            if where is not None and len(where[1]) > _FILTER_VALUES:
                return _with_all(_read_many(dataset, table, names, visible, where), empty.schema)
            condition = None if where is None else _condition(*where)
            batches = dataset.to_batches(columns=_with_key(table, names), filter=condition)
            rows = _visible_rows(batches, visible)
            if rows is None:
                return empty
            return _with_all(_last_of_each_key(rows, table).select(names), empty.schema)
        except (OSError, ValueError) as error:
            raise LakeError(
                f"Reading table {table.name} at {self.address(table)}: {error}. "
                "Restore the folder from a backup, or choose another --home."
            ) from error

    def log(self, rev: str = "main") -> Iterator[Commit]:
        """Yield the revision's commit and its ancestors, newest first."""
        commit = self._log.resolve(rev)
        if commit is not None:
            yield from self._log.ancestors(commit)

    def resolve(self, rev: str) -> Commit | None:
        """Find the commit that a revision names; None for a branch without commits."""
        return self._log.resolve(rev)

    def tag(self, name: str, rev: str = "main") -> Commit:
        """Give a commit a name of its own, once and for all."""
        commit = self._log.resolve(rev)
        if commit is None:
            raise LakeError(
                f"Tagging {rev} as {name}: there is no commit yet. Run `pipeline curate` first."
            )
        self._log.tag(name, commit)
        return commit

    def tags(self) -> dict[str, str]:
        """All tags and the commit ids they name."""
        return self._log.tags()

    def address(self, table: Table) -> str:
        """Where a table's Lance dataset lies, for DuckDB, Polars or pandas."""
        return f"{self._root}/tables/{table.name}.lance"

    def append_rows(self, table: Table, rows: pa.Table) -> int:
        """Append rows that already carry their commit; returns the Lance version made."""
        try:
            there = self._open(table)
            if there is None:
                self._create(table)
            else:
                self._widen(there, table)
            dataset = lance.write_dataset(
                rows, self.address(table), mode="append", storage_options=self._options()
            )
        except OSError as error:
            raise LakeError(
                f"Writing {rows.num_rows} rows to table {table.name} in {self._root}: {error}. "
                "The last commit stays readable; free space or mend the access, then run again."
            ) from error
        return int(dataset.version)

    def finish(self, commit: Commit) -> Commit:
        """Write the commit record: from here on its rows are visible."""
        return self._log.append(commit)

    def _options(self) -> dict[str, str] | None:
        return self._storage_options() if self._storage_options else None

    def _widen(self, dataset: lance.LanceDataset, table: Table) -> None:
        """Add the columns that a table of an older version lacks; no file is rewritten."""
        lacking = [field for field in table.schema if field.name not in dataset.schema.names]
        if not lacking:
            return
        try:
            dataset.add_columns(pa.schema([field.with_nullable(True) for field in lacking]))
        except (OSError, ValueError):
            # Somebody else may have added them first.
            there = self._open(table)
            if there is None or not {field.name for field in lacking} <= set(there.schema.names):
                raise

    def _create(self, table: Table) -> None:
        """Make an empty table; of racing creators one wins, and the others use its table.

        `write_dataset(mode="create")` is no such race: beaten, it commits again as an overwrite
        and drops the winner's rows (seen with pylance 14.0.2). A commit that may not be retried
        fails instead.
        """
        try:
            lance.LanceDataset.commit(
                self.address(table),
                lance.LanceOperation.Overwrite(table.schema, []),
                read_version=0,
                storage_options=self._options(),
                max_retries=0,
            )
        except OSError:
            if self._open(table) is None:
                raise

    def _open(self, table: Table) -> lance.LanceDataset | None:
        address = self.address(table)
        if "://" not in address and not Path(address).exists():
            return None
        try:
            dataset = lance.dataset(address, storage_options=self._options())
        except ValueError as error:
            if "not found" in str(error).lower():
                return None
            raise LakeError(f"Opening table {table.name} at {address}: {error}.") from error
        except OSError as error:
            raise LakeError(
                f"Opening table {table.name} at {address}: {error}. "
                "Restore the folder from a backup, or choose another --home."
            ) from error
        found = int((dataset.schema.metadata or {}).get(_VERSION, b"0"))
        if found > SCHEMA_VERSION:
            raise LakeError(
                f"Table {table.name} has schema version {found}; this version of "
                f"pipeline_project reads up to {SCHEMA_VERSION}. Upgrade it."
            )
        return dataset


class LanceWriter:
    """One commit in the making."""

    def __init__(self, lake: LanceLake, run_id: str, branch: str) -> None:
        self._lake = lake
        self._run_id = run_id
        self._branch = branch
        self._commit_id = new_commit_id()
        self._counts: dict[str, int] = {}
        self._versions: dict[str, int] = {}

    @property
    def commit_id(self) -> str:
        """The id that every row of this writer carries."""
        return self._commit_id

    @property
    def counts(self) -> dict[str, int]:
        """Rows appended so far, per table."""
        return dict(self._counts)

    def append(self, table: Table, rows: Sequence[dict[str, Any]] | pa.Table) -> None:
        """Add rows, without `commit_id`; they stay invisible until `commit`."""
        schema = pa.schema(list(table.schema)[:-1])
        try:
            body = (
                rows.select(schema.names).cast(schema)
                if isinstance(rows, pa.Table)
                else pa.Table.from_pylist(list(rows), schema=schema)
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError) as error:
            raise LakeError(f"Rows do not fit table {table.name}: {error}") from error
        if body.num_rows == 0:
            return
        ids = pa.array([self._commit_id] * body.num_rows, pa.string())
        full = pa.table([*body.columns, ids], schema=table.schema)
        self._versions[table.name] = self._lake.append_rows(table, full)
        self._counts[table.name] = self._counts.get(table.name, 0) + body.num_rows

    def commit(self, message: str) -> Commit:
        """Make all appended rows visible at once."""
        return self._lake.finish(
            Commit(
                commit_id=self._commit_id,
                sequence=0,
                parent=None,
                branch=self._branch,
                created_at="",
                run_id=self._run_id,
                code_version=__version__,
                message=message,
                counts=self._counts,
                table_versions=self._versions,
                schema_version=SCHEMA_VERSION,
            )
        )


def _with_all(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Bring rows to these columns; those that they lack are null."""
    columns = [
        rows[field.name] if field.name in rows.schema.names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _condition(column: str, values: Collection[str]) -> str:
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"


def _with_key(table: Table, columns: Sequence[str]) -> list[str]:
    return sorted({*columns, *table.key})


def _read_many(
    dataset: lance.LanceDataset,
    table: Table,
    columns: list[str],
    visible: pa.StringArray,
    where: tuple[str, Collection[str]],
) -> pa.Table:
    """Read the rows that hold one of very many values.

    First only the keys, a batch at a time, to learn which rows are meant; then those rows alone.
    What else the table holds, thumbnails say, is never in memory.
    """
    column, values = where
    wanted = pa.array(list(values), pa.string())
    scan = dataset.to_batches(columns=_with_key(table, [column]), scan_in_order=True)
    rows = _visible_rows(scan, visible, (column, wanted))
    meant = [] if rows is None else _last_of_each_key(rows, table)[_AT].to_pylist()
    return dataset.take(meant, columns=columns)


def _visible_rows(
    batches: Iterable[pa.RecordBatch],
    visible: pa.StringArray,
    where: tuple[str, pa.StringArray] | None = None,
) -> pa.Table | None:
    """Keep of each batch what the commits in `visible` (newest first) wrote; None for nothing.

    Two columns are added: `_AGE`, the commit's place in `visible`, and `_AT`, the row's place in
    all batches together.
    """
    kept = []
    start = 0
    for batch in batches:
        age = pc.index_in(batch["commit_id"], value_set=visible)
        at = pa.array(np.arange(start, start + batch.num_rows))
        start += batch.num_rows
        keep = age.is_valid()
        if where is not None:
            keep = pc.and_(keep, pc.is_in(batch[where[0]], value_set=where[1]))
        rows = batch.append_column(_AGE, age).append_column(_AT, at).filter(keep)
        if rows.num_rows:
            kept.append(rows)
    return pa.Table.from_batches(kept) if kept else None


def _last_of_each_key(rows: pa.Table, table: Table) -> pa.Table:
    """Keep one row per key, the one committed last, in the order of the table.

    Two runs that computed a datum at once wrote the same values; where a later commit writes a
    key again (a failed datum that recovered, a touched file) the newer row is meant. Rows are
    appended before their commit, so their order says nothing about which commit is later; only
    within one commit the last row counts.
    """
    count = rows.num_rows
    key = list(table.key[:-1])
    place = pa.array(np.arange(count))
    age = pc.cast(rows[_AGE], pa.int64())
    order = pc.subtract(place, pc.multiply(age, count))  # by commit, then by place; all differ
    last = (
        rows.select(key).append_column("order", order).group_by(key).aggregate([("order", "max")])
    )
    if last.num_rows == count:
        return rows
    return rows.filter(pc.is_in(order, value_set=last["order_max"].combine_chunks()))
