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
        table_versions: version of each Lance table once the rows were in.
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
    schema_version: int = 1


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
            LakeError: the record cannot be written; nothing became visible.
        """
        ...


class Lake(Protocol):
    """Versioned tables under one root."""

    def begin(self, *, run_id: str, branch: str = "main") -> LakeWriter:
        """Start a commit on a branch; a name without commits starts a new branch.

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
        rev: str = "main",
    ) -> pa.Table:
        """Read the rows that a revision can see, each key once.

        Args:
            table: which table; one that was never written reads as empty.
            columns: which columns; None means all. `commit_id` only where asked for.
            where: (column, values): only rows whose column is one of the values.
            rev: branch, tag, commit id or its beginning, or `<rev>~n` for the n-th ancestor.

        Raises:
            LakeError: no such revision; a table is unreadable or made by a newer version.
        """
        ...

    def log(self, rev: str = "main") -> Iterator[Commit]:
        """Yield the revision's commit and its ancestors, newest first."""
        ...

    def resolve(self, rev: str) -> Commit | None:
        """Find the commit that a revision names; None for a branch without commits.

        Raises:
            LakeError: nothing has this name.
        """
        ...

    def tag(self, name: str, rev: str = "main") -> Commit:
        """Give a commit a name of its own, once and for all.

        Raises:
            ConfigError: the name is not allowed, or a tag, branch or commit has it.
        """
        ...

    def tags(self) -> dict[str, str]:
        """All tags and the commit ids they name."""
        ...
