"""The book of a watched place: every file in it, and whether a run has taken it yet.

One SQLite file per watcher. What is written here survives the daemon: a file counts as taken only
once a run on it has ended well, so neither a failed run nor a killed daemon loses one. Files are
compared by what they are (size and fingerprint) and never by time, so two that came within one
second, or before the clock went back, are both seen. A lost book costs one run over everything.
"""

import json
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline_project.core.batching import Waiting
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import PipelineError

State = Literal["moving", "waiting", "asked", "done"]
_TABLES = """
create table if not exists files (
  name text primary key, size_bytes integer not null, fingerprint text not null,
  state text not null, batch text not null default '', noticed real not null default 0,
  look integer not null default 0, gone integer not null default 0,
  sequencer text not null default '');
create index if not exists files_by_state on files (state);
create table if not exists batches (
  key text primary key, attempts integer not null, not_before real not null default 0,
  ended integer not null default 0);
create table if not exists marks (name text primary key, value text not null);
create table if not exists refused (id text primary key, body text not null, why text not null);
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that one run was asked to take.

    Attributes:
        key: of the run; never used twice.
        files: how many.
        attempts: runs started for them, this one included.
    """

    key: str
    files: int
    attempts: int


class Book:
    """What one watcher knows.

    Args:
        path: of the SQLite file; its folder is made.
        now: seconds since 1970.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
            self._db.execute("pragma synchronous = full")  # who deletes a message relies on it
            self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write all that the block does, or nothing of it."""
        with self._errors():
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def mark(self, name: str) -> str:
        """A word that was kept, empty for none."""
        rows = self._all("select value from marks where name = ?", name)
        return str(rows[0][0]) if rows else ""

    def set_mark(self, name: str, value: str) -> None:
        """Keep a word."""
        self._all("insert or replace into marks values (?, ?)", name, value)

    def see(self, refs: Sequence[MediaRef], look: int, settle: bool) -> None:
        """Note listed files.

        Args:
            refs: what was listed; not more than some thousand at once.
            look: number of the pass over the whole place.
            settle: whether a file waits only once two passes have found the same; else at once.
        """
        rows = self._all(
            "select name, size_bytes, fingerprint, state from files where gone = 0 and name in"
            " (select value from json_each(?))",
            json.dumps([ref.uri for ref in refs]),
        )
        known = {str(row[0]): row[1:] for row in rows}
        same: list[tuple[int, str]] = []
        for ref in refs:
            was = known.get(ref.uri)
            unchanged = was is not None and was[:2] == (ref.size_bytes, ref.fingerprint)
            if was is not None and unchanged and was[2] != "moving":
                same.append((look, ref.uri))
            else:
                state: State = "waiting" if unchanged or not settle else "moving"
                self._put(ref.uri, ref.size_bytes, ref.fingerprint, state, look)
        with self._errors():
            self._db.executemany("update files set look = ? where name = ?", same)

    def forget_unseen(self, look: int) -> int:
        """After a whole pass: files that it did not find are gone, which is news, too."""
        rows = self._all("select name, state from files where look < ? and gone = 0", look)
        for name, state in rows:
            if state == "moving":  # never told anybody
                self._all("delete from files where name = ?", name)
            else:
                self._put(str(name), 0, "", "waiting", look, gone=1)
        return len(rows)

    def tell(
        self, name: str, size_bytes: int, fingerprint: str, sequencer: str, gone: bool
    ) -> bool:
        """Note what an event says; False where the book knows it, or something newer."""
        rows = self._all(
            "select sequencer, size_bytes, fingerprint from files where name = ?", name
        )
        if rows:
            known = str(rows[0][0])
            if sequencer and known:
                width = max(len(known), len(sequencer))
                if sequencer.rjust(width, "0") <= known.rjust(width, "0"):
                    return False
            elif not gone and tuple(rows[0][1:]) == (size_bytes, fingerprint):
                return False
        self._put(name, size_bytes, fingerprint, "waiting", 0, int(gone), sequencer)
        return True

    def refuse(self, message_id: str, body: str, why: str) -> None:
        """Keep a message that nobody understands, so that it can be deleted from its queue."""
        self._all("insert or replace into refused values (?, ?, ?)", message_id, body, why)

    def refused(self) -> list[tuple[str, str, str]]:
        """Id, body and reason of every refused message."""
        return [(str(a), str(b), str(c)) for a, b, c in self._all("select * from refused")]

    def waiting(self) -> Waiting:
        """What no run has taken."""
        ((files, size, first),) = self._all(
            "select count(*), coalesce(sum(size_bytes), 0), min(noticed) from files"
            " where state = 'waiting'"
        )
        age_s = max(0.0, self._now() - float(first)) if first is not None else 0.0
        return Waiting(int(files), int(size), age_s)

    def moving(self) -> int:
        """Files seen once: they may still be written."""
        return int(self._all("select count(*) from files where state = 'moving'")[0][0])

    def held_back_s(self) -> float:
        """Seconds until files of a failed run may be tried again; infinite: only with news."""
        _, until = self._failed()
        return 0.0 if math.isinf(until) and self._fresh() else max(0.0, until - self._now())

    def ask(self) -> Batch:
        """Put all that waits into a batch, to be taken by one run."""
        key = f"{int(self._now() * 1000):012x}{os.urandom(6).hex()}"
        with self.writing():
            attempts, until = self._failed()
            attempts = 1 if math.isinf(until) else attempts + 1
            self._all("delete from batches")
            self._all("insert into batches (key, attempts) values (?, ?)", key, attempts)
            self._all("update files set state = 'asked', batch = ? where state = 'waiting'", key)
        return self._batch(key, attempts)

    def _failed(self) -> tuple[int, float]:
        """Attempts of the last batch, which failed, and when it may be tried again."""
        rows = self._all("select attempts, not_before from batches where ended = 1")
        return (int(rows[0][0]), float(rows[0][1])) if rows else (0, 0.0)

    def _fresh(self) -> bool:
        """Whether something waits that was in no batch."""
        rows = self._all("select 1 from files where state = 'waiting' and batch = '' limit 1")
        return bool(rows)

    def asked(self) -> Batch | None:
        """The batch that a run was asked to take and whose end is not known yet."""
        rows = self._all("select key, attempts from batches where ended = 0")
        return self._batch(str(rows[0][0]), int(rows[0][1])) if rows else None

    def done(self, batch: Batch) -> None:
        """A run has taken these files."""
        with self.writing():
            self._all(
                "delete from files where batch = ? and state = 'asked' and gone = 1", batch.key
            )
            self._all(
                "update files set state = 'done', batch = '' where batch = ? and state = 'asked'",
                batch.key,
            )
            self._all("update files set batch = '' where batch = ?", batch.key)
            self._all("delete from batches")

    def failed(self, batch: Batch, pause_s: float) -> None:
        """The run ended badly: the files wait again.

        They are not tried before `pause_s` is over; where it is infinite, not before another file
        comes.
        """
        with self.writing():
            self._all(
                "update files set state = 'waiting' where batch = ? and state = 'asked'", batch.key
            )
            self._all(
                "update batches set ended = 1, not_before = ? where key = ?",
                self._now() + pause_s,
                batch.key,
            )

    def _batch(self, key: str, attempts: int) -> Batch:
        files = self._all("select count(*) from files where batch = ? and state = 'asked'", key)
        return Batch(key, int(files[0][0]), attempts)

    def _put(
        self,
        name: str,
        size_bytes: int,
        fingerprint: str,
        state: State,
        look: int,
        gone: int = 0,
        sequencer: str = "",
    ) -> None:
        self._all(
            "insert or replace into files values (?, ?, ?, ?, '', ?, ?, ?, ?)",
            name,
            size_bytes,
            fingerprint,
            state,
            self._now(),
            look,
            gone,
            sequencer,
        )

    def _all(
        self, statement: str, *values: str | int | float
    ) -> list[tuple[str | int | float, ...]]:
        with self._errors():
            return self._db.execute(statement, values).fetchall()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise PipelineError(
                f"Keeping the book of a watcher in {self._path}: {error}. Free space or mend its "
                "permissions. If it is damaged, delete it: one run over everything follows."
            ) from error
