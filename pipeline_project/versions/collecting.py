"""Garbage collection: takes what no commit, tag, branch or running writer or reader needs.

Rows stay that a branch or tag sees, also a branch that was deleted less than `older_than` ago; only
of equal rows of one key the later goes. A writer that began longer ago than `older_than` and has
not committed counts as dead: every branch gets a commit that shuts it out before its rows are
taken, so that it cannot commit half of them.
A reader opens a table's newest version for the time of one read and looks again where that was
taken meanwhile; other programs have `older_than` to finish.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.commits import commit_id_at
from pipeline_project.adapters.lake.lance import LanceLake, settings_key
from pipeline_project.adapters.lake.schemas import Table
from pipeline_project.adapters.lake.upkeep import Choose, Freed, Upkeep
from pipeline_project.adapters.object_store.base import ObjectStore, StoredObject
from pipeline_project.versions.doubled import doubled_rows
from pipeline_project.worker.collections.held import OUTPUTS
from pipeline_project.worker.collections.publishing import TURNS
from pipeline_project.worker.collections.state import RESULTS, named_outputs
from pipeline_project.worker.request import load_listing


@dataclass(slots=True)
class Collected:
    """What was taken, or with a dry run would be.

    `dead_rows` and `doubled_rows` are by table, `pieces` are fragments before and after by table,
    `folders` are of old runs and commands, `objects` the keys of orphans, `commits` the records of
    deleted branches that nothing sees.
    """

    dead_rows: dict[str, int] = field(default_factory=dict)
    doubled_rows: dict[str, int] = field(default_factory=dict)
    pieces: dict[str, tuple[int, int]] = field(default_factory=dict)
    old_versions: int = 0
    stray_files: int = 0
    folders: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    commits: int = 0
    bytes_freed: int = 0

    def freed(self, freed: Freed) -> None:
        """Count what left the disk."""
        self.old_versions += freed.versions
        self.bytes_freed += freed.size_bytes


@dataclass(frozen=True, slots=True)
class Collection:
    """One round of garbage collection.

    Args:
        lake: its tables.
        store: its runs, picks and uploads.
        commands: records of commands on this machine; None where there are none.
        run_id: named in the commits.
        older_than: age of what a writer or another program may still need.
        runs_older_than: age of folders of runs and commands.
        dry_run: change nothing.
    """

    lake: LanceLake
    store: ObjectStore
    commands: ObjectStore | None
    run_id: str
    older_than: timedelta
    runs_older_than: timedelta
    dry_run: bool = False

    def run(self) -> Collected:
        """Collect everything."""
        upkeep, found = Upkeep(self.lake), Collected()
        tables = self.lake.tables()
        self._dead_rows(upkeep, tables, found)
        chains = upkeep.chains(self._deleted_after)
        for table in tables:
            self._table(upkeep, table, chains, found)
        self._folders(self.store, "runs", found)
        if self.commands is not None:
            self._folders(self.commands, "", found)
        self._orphans(found)
        self._outputs(upkeep, found)
        self._settings(upkeep, found)
        for key in self.lake.commit_log.unseen(self._deleted_after):
            found.commits += 1
            if not self.dry_run:
                self.lake.store.delete(key)
        return found

    @property
    def _deleted_after(self) -> str:
        """Branches that were deleted later may still be read."""
        return (datetime.now(UTC) - self.older_than).isoformat(timespec="milliseconds")

    def _dead_rows(self, upkeep: Upkeep, tables: Iterable[Table], found: Collected) -> None:
        """Take rows of writers that never committed and never will."""
        until = self._until()
        dead = self._dead(upkeep, until)
        suspects = [table for table in tables if upkeep.count(table, ["commit_id"], dead)]
        if not suspects:
            return
        if not self.dry_run:
            until = upkeep.give_up(self.older_than, self.run_id)
        dead = self._dead(upkeep, until)  # looked at anew: some may have committed until now
        for table in suspects:
            take = upkeep.count if self.dry_run else upkeep.remove
            if rows := take(table, ["commit_id"], dead):
                found.dead_rows[table.name] = rows

    def _until(self) -> str:
        """The first commit id of a writer that is too young to be dead."""
        return commit_id_at(
            max(0, int((datetime.now(UTC) - self.older_than).timestamp() * 1000)), "0" * 12
        )

    def _dead(self, upkeep: Upkeep, until: str) -> Choose:
        """Rows that nobody sees of writers that began before `until`."""
        seen = pa.array(sorted(upkeep.committed(self._deleted_after)), pa.string())

        def dead(rows: pa.Table) -> pa.Array:
            ids = rows["commit_id"]
            return pc.and_(pc.invert(pc.is_in(ids, value_set=seen)), pc.less(ids, until))

        return dead

    def _table(
        self, upkeep: Upkeep, table: Table, chains: list[dict[str, int]], found: Collected
    ) -> None:
        spare = doubled_rows(upkeep, table, chains)
        if spare:
            found.doubled_rows[table.name] = len(spare)
        before = upkeep.fragments(table)
        if not self.dry_run:
            while spare:  # addresses change with a compaction: found anew until none is left
                upkeep.remove(table, [], _at(spare))
                spare = doubled_rows(upkeep, table, chains)
            after = upkeep.compact(table)
            if after != before:
                found.pieces[table.name] = (before, after)
        found.freed(upkeep.drop_versions(table, self.older_than, dry_run=self.dry_run))
        strays = upkeep.drop_strays(table, self.older_than, dry_run=self.dry_run)
        found.stray_files += strays.files
        found.bytes_freed += strays.size_bytes

    def _folders(self, store: ObjectStore, prefix: str, found: Collected) -> None:
        """Take folders of runs and commands in which nothing was written for long."""
        for name, objects in _by_folder(store, prefix).items():
            if self._all_before(objects, self.runs_older_than):
                found.folders.append(f"{prefix or 'commands'}/{name}")
                self._delete(store, objects, found)

    def _orphans(self, found: Collected) -> None:
        """Take pictures of selections that were never committed, and uploads nobody names."""
        outputs, uploads = _by_folder(self.store, "output"), list(self.store.list("input"))
        selections = self._named("selection_sets", "selection_id")
        for name, objects in outputs.items():
            if name not in selections and self._all_before(objects, self.older_than):
                found.objects += [each.key for each in objects]
                self._delete(self.store, objects, found)
        old = [each for each in uploads if self._old(each)]
        if not old:
            return
        columns = ("uri", "stored_uri")
        sources = set().union(*(self._named("media_sources", each) for each in columns))
        sources |= self._listed()
        orphans = [each for each in old if f"{self.store.root}/{each.key}" not in sources]
        found.objects += [each.key for each in orphans]
        self._delete(self.store, orphans, found)

    def _outputs(self, upkeep: Upkeep, found: Collected) -> None:
        """Take what steps of collections made and no result names, of whichever commit.

        A step that makes the same again writes its object anew, so that it is young until its
        result is committed. Turns stay: a run of long ago must not get one a second time.
        """
        old = self._old_outputs(OUTPUTS)
        if not old:
            return
        named = set()
        # Rows of the dead are gone by now, but for a dry run.
        dead = self._dead(upkeep, self._until()) if self.dry_run else None
        for rows in upkeep.scan(RESULTS, ["outputs", "commit_id"]):
            needed = rows if dead is None else rows.filter(pc.invert(dead(rows)))
            named |= named_outputs(needed["outputs"].to_pylist())
        orphans = [each for each in old if each.key not in named]
        for folder in sorted({each.key.rpartition("/")[0] for each in orphans}):
            # Looked at anew: one may have been written again meanwhile.
            gone = [each for each in self._old_outputs(folder) if each.key not in named]
            found.objects += [each.key for each in gone]
            self._delete(self.store, gone, found)

    def _settings(self, upkeep: Upkeep, found: Collected) -> None:
        """Take settings of runs that no commit names; a writer makes them young first."""
        old = [each for each in self.lake.store.list("settings") if self._old(each)]
        named = upkeep.settings_named(self._deleted_after) if old else set()
        keys = {settings_key(sha256) for sha256 in named}
        orphans = [each for each in old if each.key not in keys]
        found.objects += [each.key for each in orphans]
        self._delete(self.lake.store, orphans, found)

    def _old(self, each: StoredObject) -> bool:
        return self._all_before([each], self.older_than)

    def _old_outputs(self, prefix: str) -> list[StoredObject]:
        stored = [each for each in self.store.list(prefix) if not each.key.startswith(f"{TURNS}/")]
        return [each for each in stored if self._old(each)]

    def _named(self, table: str, column: str) -> set[str]:
        """All values of a column, of whichever commit, also of writers that are at work."""
        found: set[str] = set()
        tables = {each.name: each for each in self.lake.tables()}
        if table in tables:
            for rows in Upkeep(self.lake).scan(tables[table], [column]):
                if column in rows.schema.names:  # not in a table of an older version
                    found |= set(rows[column].to_pylist())
        return found

    def _listed(self) -> set[str]:
        """Addresses that runs which may still be at work were given."""
        return {
            ref.read_uri
            for item in self.store.list("runs")
            if item.key.endswith("/listing.jsonl")
            for ref in load_listing(self.store.get(item.key))
        }

    def _all_before(self, objects: list[StoredObject], age: timedelta) -> bool:
        until = datetime.now(UTC) - age
        return all(each.modified_at is not None and each.modified_at < until for each in objects)

    def _delete(self, store: ObjectStore, objects: list[StoredObject], found: Collected) -> None:
        for each in objects:
            found.bytes_freed += each.size_bytes
            if not self.dry_run:
                store.delete(each.key)


def _at(addresses: set[int]) -> Choose:
    found = pa.array(sorted(addresses), pa.uint64())
    return lambda rows: pc.is_in(rows["_rowid"], value_set=found)


def _by_folder(store: ObjectStore, prefix: str) -> dict[str, list[StoredObject]]:
    """Objects below a prefix, by the folder that they are in there."""
    found: dict[str, list[StoredObject]] = {}
    for item in store.list(prefix):
        rest = item.key.removeprefix(f"{prefix}/" if prefix else "")
        name, below, _ = rest.partition("/")
        if below:
            found.setdefault(name, []).append(item)
    return found
