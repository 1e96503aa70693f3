"""The lake on Lance tables, in a local folder or a bucket.

A table is one Lance dataset, `tables/<name>.lance`. Rows are only ever appended; what a reader
sees is decided by the commit log, never by the newest Lance version.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa

from pipeline_project import __version__
from pipeline_project.adapters.addresses import path_of
from pipeline_project.adapters.lake.base import Branch, Commit
from pipeline_project.adapters.lake.commits import RECORD_VERSION, CommitLog
from pipeline_project.adapters.lake.refs import MAIN
from pipeline_project.adapters.lake.removals import Removed, holds_outputs, removed_in
from pipeline_project.adapters.lake.schemas import SCHEMA_VERSION, TABLES, Table
from pipeline_project.adapters.lake.visible import read_visible
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import LakeError

_VERSION = b"pipeline_project.schema_version"
_MARK = b"lance-schema:unenforced-primary-key"
_TEXT = pa.string()
_READS = 4  # each fails only where garbage collection took a version between two looks


class LanceLake:
    """Tables and commits below the `lake/` folder of an object store.

    Args:
        root: where the tables lie: a folder, or an `s3://` address.
        store: holds the commit records.
        storage_options: gives what Lance needs to reach a bucket; asked for each use of a table,
            since credentials end.
        branch: what is read and written where nothing else is said.
    """

    def __init__(
        self,
        root: str,
        store: ObjectStore,
        storage_options: Callable[[], dict[str, str]] | None = None,
        branch: str = MAIN,
    ) -> None:
        self._root = str(path_of(root)) if root.startswith("file://") else root
        self._store = store
        self._storage_options = storage_options
        self._branch = branch
        self._log = CommitLog(store)
        self._removed: dict[str, Removed] = {}

    @property
    def store(self) -> ObjectStore:
        """Holds the lake's objects: commits, branches, tags, settings, the tables' files."""
        return self._store

    @property
    def commit_log(self) -> CommitLog:
        """The commits, for whoever keeps the lake in order."""
        return self._log

    def on_branch(self, branch: str) -> "LanceLake":
        """The same lake, with another branch read and written where nothing else is said."""
        return LanceLake(self._root, self._store, self._storage_options, branch)

    def begin(
        self, *, run_id: str, branch: str | None = None, settings: bytes = b""
    ) -> "LanceWriter":
        """Start a commit on a branch; a name that is not there starts an empty branch.

        Raises:
            ConfigError: the name is not allowed, or a tag or commit has it.
        """
        branch = branch or self._branch
        self._log.open_branch(branch)
        return LanceWriter(self, run_id, branch, settings)

    def read(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: tuple[str, Collection[str]] | None = None,
        rev: str | None = None,
    ) -> pa.Table:
        """Read the rows that a revision can see, each key once."""
        names = list(columns) if columns is not None else table.schema.names[:-1]
        empty = pa.schema([table.schema.field(name) for name in names]).empty_table()
        commit = self.resolve(rev)
        if commit is None or (where is not None and not where[1]):
            return empty
        if holds_outputs(table) and (removed := self._removed_at(commit)):
            rows = self._read_at(commit, table, list(dict.fromkeys([*names, "frame_id"])), where)
            return removed.shown(rows).select(names)
        return self._read_at(commit, table, names, where)

    def _removed_at(self, commit: Commit) -> Removed:
        """What a commit does not show any more; kept, as commits never change."""
        if commit.commit_id not in self._removed:
            table = TABLES["removals"]
            rows = self._read_at(commit, table, ["sha256", "removed", "kept"], None)
            self._removed = {commit.commit_id: removed_in(rows)}
        return self._removed[commit.commit_id]

    def _read_at(
        self,
        commit: Commit,
        table: Table,
        names: list[str],
        where: tuple[str, Collection[str]] | None,
    ) -> pa.Table:
        empty = pa.schema([table.schema.field(name) for name in names]).empty_table()
        visible = pa.array(list(self._log.ancestor_ids(commit)), pa.string())
        seen: int | None = None
        for _ in range(_READS):
            dataset = self._open(table)
            self._check_version(table, dataset, commit)
            if dataset is None:
                return empty
            try:
                return read_visible(dataset, table, names, where, visible)
            except (OSError, ValueError, RuntimeError) as error:
                wrong: Exception = error
            if dataset.version == seen:
                break  # nobody has changed the table meanwhile: it is damaged
            seen = dataset.version  # garbage collection may have taken it: look once more
        raise LakeError(
            f"Reading table {table.name} at {self.address(table)}: {wrong}. Restore the folder "
            "from a backup, or choose another --home; what is not in this table can be read."
        ) from wrong

    def log(self, rev: str | None = None) -> Iterator[Commit]:
        """Yield the revision's commit and its ancestors, newest first."""
        commit = self.resolve(rev)
        if commit is not None:
            yield from self._log.ancestors(commit)

    def resolve(self, rev: str | None = None) -> Commit | None:
        """Find the commit that a revision names; None for a branch without commits."""
        return self._log.resolve(self._branch if rev is None else rev)

    def tag(self, name: str, rev: str | None = None) -> Commit:
        """Give a commit a name of its own, once and for all."""
        commit = self._named(rev, f"Making tag {name}")
        self._log.tag(name, commit)
        return commit

    def start_branch(self, name: str, rev: str | None = None) -> Branch:
        """Start a branch that sees what a revision sees."""
        commit = self._named(rev, f"Starting branch {name}")
        self._log.start_branch(name, commit)
        return Branch(name, commit, commit.commit_id)

    def delete_branch(self, name: str) -> int:
        """Delete a branch; returns how many commits no branch and no tag sees any more."""
        return self._log.delete_branch(name)

    def delete_tag(self, name: str) -> int:
        """Delete a tag; returns how many commits no branch and no tag sees any more."""
        return self._log.delete_tag(name)

    def branches(self) -> list[Branch]:
        """All branches, by name."""
        return self._log.branches()

    def settings(self, commit: Commit) -> bytes:
        """The settings of the run that made a commit; empty where none are kept."""
        key = settings_key(commit.settings_sha256)
        if not commit.settings_sha256 or not self._store.exists(key):
            return b""
        return self._store.get(key)

    def tags(self) -> dict[str, str]:
        """All tags and the commit ids they name."""
        return self._log.tags()

    def address(self, table: Table) -> str:
        """Where a table's Lance dataset lies, for DuckDB, Polars or pandas."""
        return f"{self._root}/tables/{table.name}.lance"

    def append_rows(self, table: Table, rows: pa.Table, branch: str) -> int:
        """Append rows that already carry their commit; returns the Lance version made."""
        try:
            head = self._log.head(branch)
            there = self._open(table)
            if head is not None:
                self._check_version(table, there, head)
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

    def finish(self, commit: Commit, settings: bytes) -> Commit:
        """Write the commit record: from here on its rows are visible."""
        if settings:
            # Named by their hash; written anew, so that garbage collection finds them young.
            self._store.put(settings_key(commit.settings_sha256), settings)
        return self._log.append(commit)

    def tables(self) -> list[Table]:
        """All tables that were ever written, by name; one we do not know has its own schema."""
        keys = (item.key.split("/")[1] for item in self._store.list("tables"))
        found = []
        for name in sorted({key.removesuffix(".lance") for key in keys if key.endswith(".lance")}):
            known = TABLES.get(name)
            table = known or Table(name, ("commit_id",), pa.schema([pa.field("commit_id", _TEXT)]))
            if known is None and (dataset := self._open(table)) is not None:
                marked = [field.name for field in dataset.schema if _MARK in (field.metadata or {})]
                order = [*(n for n in marked if n != "commit_id"), "commit_id"]
                table = Table(name, tuple(order), dataset.schema)
            found.append(table)
        return found

    def open(self, table: Table) -> lance.LanceDataset | None:
        """Open a table's newest version, all rows of it; None where it was never written.

        Raises:
            LakeError: it cannot be opened, or was made by a newer version.
        """
        return self._open(table)

    def _named(self, rev: str | None, what: str) -> Commit:
        commit = self.resolve(rev)
        if commit is None:
            raise LakeError(
                f"{what} at {rev or self._branch}: there is no commit yet. Run `pipeline curate` "
                "first."
            )
        return commit

    def _check_version(
        self, table: Table, dataset: lance.LanceDataset | None, commit: Commit
    ) -> None:
        """Make sure that a table still has the version that a commit's rows came with."""
        needed = commit.table_versions.get(table.name, 0)
        found = 0 if dataset is None else dataset.version
        if found < needed:
            what = f"ends with version {found}" if found else "is not there"
            raise LakeError(
                f"Table {table.name} at {self.address(table)} {what}, but commit "
                f"{commit.commit_id} needs version {needed}: files of it were lost. Restore the "
                "folder from a backup, or read an older revision (`pipeline log` lists them)."
            )

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

    def _newest(self, address: str) -> lance.LanceDataset:
        """Open the newest version; once more where garbage collection took it between two looks."""
        try:
            return lance.dataset(address, storage_options=self._options())
        except (OSError, ValueError) as error:
            if ".manifest" not in str(error):
                raise
        return lance.dataset(address, storage_options=self._options())

    def _open(self, table: Table) -> lance.LanceDataset | None:
        address = self.address(table)
        if "://" not in address and not Path(address).exists():
            return None
        try:
            dataset = self._newest(address)
        except ValueError as error:
            if "not found" in str(error).lower():
                return None  # what should be there, `_check_version` misses
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

    def __init__(self, lake: LanceLake, run_id: str, branch: str, settings: bytes) -> None:
        self._lake = lake
        self._run_id = run_id
        self._branch = branch
        self._settings = settings
        self._commit_id = lake.commit_log.new_commit_id(branch)
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
        self._versions[table.name] = self._lake.append_rows(table, full, self._branch)
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
                settings_sha256=hashlib.sha256(self._settings).hexdigest()
                if self._settings
                else "",
                schema_version=RECORD_VERSION,
            ),
            self._settings,
        )


def settings_key(sha256: str) -> str:
    """Where a lake keeps the settings of runs, by their hash."""
    return f"settings/{sha256}.json"
