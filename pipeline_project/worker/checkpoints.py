"""Gathers rows, writes them in large pieces, and commits finished work now and then."""

import time
from collections.abc import Callable

from pipeline_project.adapters.lake.base import Commit, Lake, LakeWriter
from pipeline_project.worker.ledger import Rows

_FLUSH_ROWS = 4_000  # large enough for few table fragments, small enough for a few MB of memory


class Checkpoints:
    """The run's way into the lake.

    A commit in the middle of a file is harmless: its rows count only once the ledger's line for
    the file, which comes last, is committed too. Rows are kept until all of them are written: a
    write that fails or is interrupted half-way is done again by the next commit, or not at all,
    so that the ledger never speaks of rows that are not there.

    Args:
        lake: where rows go.
        run_id: named in the commits.
        interval_s: finished work is committed at least this often.
        clock: monotonic seconds.
        settings: of the run, kept with its commits.
    """

    def __init__(
        self,
        lake: Lake,
        *,
        run_id: str,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
        settings: bytes = b"",
    ) -> None:
        self._lake = lake
        self._run_id = run_id
        self._interval_s = interval_s
        self._settings = settings
        self._clock = clock
        self._committed_at = clock()
        self._waiting = Rows()
        self._writer: LakeWriter | None = None
        self.last: Commit | None = None

    def take(self, rows: Rows) -> None:
        """Take rows; write them when there are many, commit when it is time."""
        self._waiting.take(rows)
        if self._waiting.count() >= _FLUSH_ROWS:
            self._flush()
        if self._clock() - self._committed_at >= self._interval_s:
            self.commit("checkpoint")

    def commit(self, message: str, rows: Rows | None = None) -> Commit | None:
        """Make everything taken so far, and these rows, visible.

        Returns:
            The commit; None, and nothing happened, where there were no rows.
        """
        commit: Commit | None = None
        self._waiting.take(rows or Rows())
        self._flush()
        if self._writer is not None:
            self.last = commit = self._writer.commit(message)
            self._writer = None
        self._committed_at = self._clock()
        return commit

    def prepare(self, rows: Rows) -> None:
        """Take rows and write them, so that nothing but the commit record is left to do."""
        self._waiting.take(rows)
        self._flush()

    def abandon(self) -> None:
        """Throw away everything taken since the last commit."""
        self._waiting = Rows()
        self._writer = None

    def _flush(self) -> None:
        for table, rows in self._waiting.by_table.values():
            if rows and self._writer is None:
                self._writer = self._lake.begin(run_id=self._run_id, settings=self._settings)
            if rows and self._writer is not None:
                self._writer.append(table, rows)
        self._waiting = Rows()
