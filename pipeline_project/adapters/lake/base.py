"""What every lake offers: tables, and commits that decide which rows can be seen.

The commit rule: rows carry their commit's id and are written first; the commit record is
written last, by a conditional create; readers see only rows of committed ancestors of the
revision they read. So half-written work is invisible, and two writers never see each other's
half.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from pipeline_project.adapters.lake.schemas import Table


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a branch.

    Attributes:
        commit_id: sorts by time of its beginning.
        sequence: position on its branch, from 1 without gaps.
        parent: the commit before it; None for the first.
        branch: its branch.
        created_at: end of writing, ISO 8601 UTC.
        run_id: the run that made it.
        code_version: version of this project that made it.
        message: what was done, for people.
        counts: rows added per table.
        table_versions: of every table that this revision sees rows of, a version of its Lance
            dataset that holds them all; later ones do too.
        settings_sha256: hash of the run's settings, whose copy the lake keeps; empty for none.
        earlier: ids of the ancestors, newest first, back to the last whole hundred, so that a
            long history opens with few reads.
        floor: writers whose commit id is smaller were given up by garbage collection.
        schema_version: of this record.
    """

    commit_id: str
    sequence: int
    parent: str | None
    branch: str
    created_at: str
    run_id: str
    code_version: str
    message: str
    counts: dict[str, int] = field(default_factory=dict)
    table_versions: dict[str, int] = field(default_factory=dict)
    settings_sha256: str = ""
    earlier: list[str] = field(default_factory=list)
    floor: str = ""
    schema_version: int = 1


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch: its newest commit (None without any), and the commit it was started from."""

    name: str
    head: Commit | None
    base: str | None = None


class LakeWriter(Protocol):
    """One commit in the making. Never committing it is how work is thrown away."""

    @property
    def commit_id(self) -> str:
        """The id that every row of this writer carries."""
        ...

    @property
    def counts(self) -> dict[str, int]:
        """Rows appended so far, per table."""
        ...

    def append(self, table: Table, rows: Sequence[dict[str, Any]] | pa.Table) -> None:
        """Add rows, without `commit_id`; they stay invisible until `commit`.

        Raises:
            LakeError: the rows do not fit the table, or it was made by a newer version.
        """
        ...

    def commit(self, message: str) -> Commit:
        """Make all appended rows visible at once. The writer is spent afterwards.

        Raises:
            LakeError: the record cannot be written, or garbage collection gave this writer up;
                nothing became visible.
        """
        ...


class Lake(Protocol):
    """Versioned tables under one root."""

    def on_branch(self, branch: str) -> "Lake":
        """The same lake, with another branch read and written where nothing else is said."""
        ...

    def begin(self, *, run_id: str, branch: str | None = None, settings: bytes = b"") -> LakeWriter:
        """Start a commit on a branch; a name that is not there starts an empty branch.

        Args:
            run_id: the run that writes.
            branch: None is the branch that this lake was opened on.
            settings: of the run, without secrets; the commit names them and the lake keeps them.

        Raises:
            ConfigError: the name is not allowed, or a tag or commit has it.
        """
        ...

    def read(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: tuple[str, Collection[str]] | None = None,
        rev: str | None = None,
    ) -> pa.Table:
        """Read the rows that a revision can see, each key once.

        Args:
            table: which table; one that was never written reads as empty.
            columns: which columns; None means all. `commit_id` only where asked for.
            where: (column, values): only rows whose column is one of the values.
            rev: branch, tag, commit id or its beginning, or `<rev>~n` for the n-th ancestor;
                None is the branch that this lake was opened on.

        Raises:
            LakeError: no such revision; a table is unreadable or made by a newer version.
        """
        ...

    def tables(self) -> list[Table]:
        """All tables that were ever written, by name."""
        ...

    def log(self, rev: str | None = None) -> Iterator[Commit]:
        """Yield the revision's commit and its ancestors, newest first."""
        ...

    def resolve(self, rev: str | None = None) -> Commit | None:
        """Find the commit that a revision names; None for a branch without commits.

        Raises:
            LakeError: nothing has this name.
        """
        ...

    def tag(self, name: str, rev: str | None = None) -> Commit:
        """Give a commit a name of its own, once and for all.

        Raises:
            ConfigError: the name is not allowed, or a tag, branch or commit has it.
        """
        ...

    def tags(self) -> dict[str, str]:
        """All tags and the commit ids they name."""
        ...

    def start_branch(self, name: str, rev: str | None = None) -> Branch:
        """Start a branch that sees what a revision sees.

        Raises:
            ConfigError: the name is not allowed, or a branch, tag or commit has it.
            LakeError: there is no commit to start from.
        """
        ...

    def delete_branch(self, name: str) -> int:
        """Delete a branch; returns how many commits no branch and no tag sees any more.

        Its name cannot be used again.

        Raises:
            ConfigError: it is `main`.
            LakeError: there is no such branch.
        """
        ...

    def delete_tag(self, name: str) -> int:
        """Delete a tag; returns how many commits no branch and no tag sees any more.

        Raises:
            LakeError: there is no such tag.
        """
        ...

    def branches(self) -> list[Branch]:
        """All branches, by name."""
        ...

    def settings(self, commit: Commit) -> bytes:
        """The settings of the run that made a commit; empty where none are kept.

        A run may have recorded none, and those that named a purged source are gone.
        """
        ...
