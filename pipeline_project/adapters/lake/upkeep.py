"""Takes rows, old versions and stray files out of a lake's tables; only whoever may decides which.

Rows are found and deleted by their address, never by their contents: what a deletion was about is
written into the table's own history.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import lance
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project import __version__
from pipeline_project.adapters.lake.base import Commit
from pipeline_project.adapters.lake.commits import RECORD_VERSION, commit_id_at
from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.refs import MAIN
from pipeline_project.adapters.lake.schemas import Table
from pipeline_project.errors import LakeError

_TRIES = 20  # against writers and other clean-ups that change the same fragments
_ADDRESSES = 10_000  # deleted at once: the list is parsed as an expression
_BATCH_ROWS = 1_024
_THREADS = 2
_COMPACT_FROM = 8  # fewer fragments cost readers nothing worth a rewrite
# A file that no version names may be of a writer that is about to name it.
STRAY_AGE = timedelta(hours=1)

Choose = Callable[[pa.Table], pa.Array]


@dataclass(frozen=True, slots=True)
class Freed:
    """What left the disk."""

    versions: int = 0
    files: int = 0
    size_bytes: int = 0


class Upkeep:
    """Works on all rows of a lake, whichever commit wrote them."""

    def __init__(self, lake: LanceLake) -> None:
        self._lake = lake

    def committed(self, deleted_after: str = "") -> set[str]:
        """Ids of all commits that a branch or tag sees; see `CommitLog.roots`."""
        log = self._lake.commit_log
        roots = log.roots(deleted_after)
        return {commit_id for root in roots for commit_id in log.ancestor_ids(root)}

    def chains(self, deleted_after: str = "") -> list[dict[str, int]]:
        """Of each branch, and each tag that none sees: commit id -> its sequence number."""
        log = self._lake.commit_log
        return [
            {name: root.sequence - back for back, name in enumerate(log.ancestor_ids(root))}
            for root in log.roots(deleted_after)
        ]

    def settings_named(self, deleted_after: str = "") -> set[str]:
        """Hashes of the settings that commits name which a branch or tag sees."""
        log = self._lake.commit_log
        roots = log.roots(deleted_after)
        return {each.settings_sha256 for root in roots for each in log.ancestors(root)}

    def give_up(self, older_than: timedelta, run_id: str) -> str:
        """Shut every branch for writers that began longer ago; returns the first id that may come.

        From here on such a writer's commit fails: what it wrote can be taken for garbage.
        """
        began_ms = time.time_ns() // 1_000_000 - int(older_than.total_seconds() * 1000)
        floor = commit_id_at(max(0, began_ms), "0" * 12)
        for branch in {MAIN, *(each.name for each in self._lake.branches())}:
            self.record(branch, "writers that died were given up", run_id, floor)
        return floor

    def record(self, branch: str, message: str, run_id: str, floor: str = "") -> Commit:
        """Put a commit without rows on a branch, so that its log tells what was done."""
        log = self._lake.commit_log
        return log.append(
            Commit(
                commit_id=log.new_commit_id(branch),
                sequence=0,
                parent=None,
                branch=branch,
                created_at="",
                run_id=run_id,
                code_version=__version__,
                message=message,
                floor=floor,
                schema_version=RECORD_VERSION,
            )
        )

    def scan(self, table: Table, columns: Sequence[str]) -> Iterator[pa.Table]:
        """All rows, whoever wrote them, a batch at a time, with their address (`_rowid`)."""
        dataset = self._lake.open(table)
        if dataset is None:
            return
        known = [name for name in columns if name in dataset.schema.names]
        for batch in dataset.to_batches(columns=known, with_row_id=True):
            yield pa.Table.from_batches([batch])

    def count(self, table: Table, columns: Sequence[str], choose: Choose) -> int:
        """How many rows `remove` would take."""
        return sum(int(pc.sum(choose(rows)).as_py() or 0) for rows in self.scan(table, columns))

    def remove(self, table: Table, columns: Sequence[str], choose: Choose) -> int:
        """Delete the rows of every version to come for which `choose` is true.

        Older Lance versions keep them until `drop_versions`.

        Args:
            table: which table; one that was never written has no rows.
            columns: what `choose` looks at; those that the table lacks are not there.
            choose: given some rows, one boolean for each.

        Raises:
            LakeError: somebody else changed the same rows again and again.
        """
        removed = 0
        for _ in range(_TRIES):
            dataset = self._lake.open(table)
            if dataset is None:
                return removed
            addresses = self._addresses(dataset, columns, choose)
            if not addresses:
                return removed
            part = addresses[:_ADDRESSES]
            try:
                # No retries: after somebody's compaction the rows have other addresses.
                dataset.delete(f"_rowid IN ({', '.join(map(str, part))})", conflict_retries=0)
            except (OSError, RuntimeError) as error:
                wrong: Exception = error
                continue
            removed += len(part)
            if len(part) == len(addresses):
                return removed
        raise LakeError(
            f"Removing rows of {table.name} at {self._lake.address(table)}: {wrong}. Others "
            "changed the table each time; run this again when fewer runs write."
        )

    def _addresses(
        self, dataset: lance.LanceDataset, columns: Sequence[str], choose: Choose
    ) -> list[int]:
        known = [name for name in columns if name in dataset.schema.names]
        found: list[int] = []
        for batch in dataset.to_batches(columns=known, with_row_id=True):
            rows = pa.Table.from_batches([batch])
            found += rows.filter(choose(rows))["_rowid"].to_pylist()
        return found

    def fragments(self, table: Table) -> int:
        """How many pieces a table is in; readers open each of them."""
        dataset = self._lake.open(table)
        return 0 if dataset is None else len(dataset.get_fragments())

    def compact(self, table: Table, *, fewest: int = _COMPACT_FROM) -> int:
        """Write small pieces and those with deleted rows anew; returns how many are left.

        Older Lance versions keep the old pieces until `drop_versions`.
        """
        for _ in range(_TRIES):
            dataset = self._lake.open(table)
            if dataset is None:
                return 0
            pieces = dataset.get_fragments()
            deleted = any(each.num_deletions for each in pieces)
            if len(pieces) < fewest and not deleted:
                return len(pieces)
            try:
                dataset.optimize.compact_files(
                    materialize_deletions=True,
                    materialize_deletions_threshold=0.0,
                    batch_size=_BATCH_ROWS,
                    num_threads=_THREADS,
                )
            except (OSError, RuntimeError) as error:
                wrong: Exception = error
                continue
            return self.fragments(table)
        raise LakeError(
            f"Compacting {table.name} at {self._lake.address(table)}: {wrong}. Run this again "
            "when fewer runs write."
        )

    def drop_versions(self, table: Table, older_than: timedelta, *, dry_run: bool = False) -> Freed:
        """Delete the Lance versions that were replaced longer ago, and files that only they had.

        Which rows a revision sees does not depend on them. A reader that has just opened one
        looks again (see `LanceLake.read`).
        """
        dataset = self._lake.open(table)
        if dataset is None:
            return Freed()
        known: list[dict[str, Any]] = list(dataset.versions())  # type: ignore[arg-type]  # typed
        until = datetime.now() - older_than  # noqa: DTZ005 - Lance gives local times
        old = [
            int(each["version"])
            for each, following in zip(known, known[1:], strict=False)
            if following["timestamp"] < until
        ]
        stats = None
        if old and dry_run:
            explained = dataset.explain_cleanup_old_versions(
                versions=old, error_if_tagged_old_versions=False
            )
            stats = explained.stats
        elif old:
            stats = dataset.cleanup_old_versions(versions=old, error_if_tagged_old_versions=False)
        if stats is None:
            return Freed()
        files = stats.data_files_removed + stats.deletion_files_removed
        return Freed(stats.old_versions, files, stats.bytes_removed)

    def drop_strays(self, table: Table, older_than: timedelta, *, dry_run: bool = False) -> Freed:
        """Delete files that no version names, as writers leave that die between file and version.

        Files younger than `STRAY_AGE` stay in any case.
        """
        dataset = self._lake.open(table)
        if dataset is None:
            return Freed()
        until = datetime.now(UTC) - max(older_than, STRAY_AGE)
        # The files first: one that is named between the two looks is then known to be.
        there = _rows_of(dataset.all_files())
        named = {row["path"] for row in _rows_of(dataset.tracked_files())}
        strays = [
            row
            for row in there
            if row["path"].partition("/")[0] in ("data", "_deletions", "_transactions")
            and row["path"] not in named
            and row["last_modified"] < until
        ]
        for row in strays:
            if not dry_run:
                self._lake.store.delete(f"tables/{table.name}.lance/{row['path']}")
        return Freed(0, len(strays), sum(row["size_bytes"] for row in strays))

    def young_strays(self, table: Table) -> int:
        """How many unnamed data files are too young to tell whether their writer lives."""
        dataset = self._lake.open(table)
        if dataset is None:
            return 0
        there = [row["path"] for row in _rows_of(dataset.all_files())]
        named = {row["path"] for row in _rows_of(dataset.tracked_files())}
        return sum(path.startswith("data/") and path not in named for path in there)


def _rows_of(found: pa.Table | pa.RecordBatchReader) -> list[dict[str, Any]]:
    table = found.read_all() if isinstance(found, pa.RecordBatchReader) else found
    return list(table.to_pylist())
