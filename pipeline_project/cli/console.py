"""What commands show: JSON on stdout, words and progress on stderr.

Only how things are shown lives here; what is shown is each command's own business.
"""

import errno
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from pipeline_project.errors import PipelineError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from pipeline_project.resources.progress import ProgressSink


def say(line: str) -> None:
    """Write a line for people to stderr."""
    print(printable(line), file=sys.stderr, flush=True)


def write_line(line: str) -> None:
    """Write one line of the result to stdout, at once, so that a reader can stop early.

    Raises:
        BrokenPipeError: nobody reads any more.
        PipelineError: it cannot be written, a full disk say.
    """
    try:
        print(line, flush=True)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        raise PipelineError(
            f"Writing the result to standard output: {error.strerror}. "
            "Send it somewhere else, and run again."
        ) from error


def print_json(facts: dict[str, Any]) -> None:
    """Write one JSON object as one line of ASCII to stdout, whatever odd names it holds."""
    write_line(json.dumps(facts, allow_nan=False))


def printable(text: str, keep: str = "\n") -> str:
    """Escape what would move a terminal's cursor or cannot be encoded; keep the rest."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else _escaped(each) for each in text)


def shown(path: Path) -> str:
    """Give a path as one line of text, odd bytes and newlines escaped."""
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"), keep="")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class TerminalProgress:
    """One progress bar per stage on a terminal; elsewhere a plain line now and then.

    Used as a context manager: leaving it gives the terminal back. Safe to call from any thread.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        every_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show nothing yet.

        Args:
            stream: where to; None means stderr.
            every_s: least seconds between two plain lines of one stage; its end always shows.
            clock: tells seconds.
        """
        self._stream = stream if stream is not None else sys.stderr
        self._lock = threading.Lock()
        self._bars: _Bars | None = None
        self._sink: ProgressSink
        if _is_terminal(self._stream):
            self._sink = self._bars = _Bars(self._stream)
        else:
            self._sink = _plain_lines(self._stream, every_s, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the bars as they are and give the terminal back. Idempotent."""
        if self._bars is not None:
            self._bars.stop()

    def update(self, stage: str, done: int, total: int | None, unit: str, message: str) -> None:
        """Take the newest word.

        Args:
            stage: which part of the work, `frames` say.
            done: units finished.
            total: units in all; None while nobody knows.
            unit: what is counted, `files` say; empty when nothing is.
            message: a few words on what happens now; may be empty.
        """
        with self._lock:
            self._sink.update(stage, done, total, unit, printable(message, keep=""))

    def say(self, line: str) -> None:
        """Write a line for people, above the bars where there are some."""
        with self._lock:
            if self._bars is not None:
                self._bars.say(printable(line))
            else:
                print(printable(line), file=self._stream, flush=True)


class _Bars:
    """Bars of `rich`, started with the first of them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def update(self, stage: str, done: int, total: int | None, unit: str, message: str) -> None:
        if self._progress is None:
            self._progress = self._started()
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total, count="", message="")
        count = f"{done:,}" if total is None else f"{done:,} of {total:,}"
        self._progress.update(
            self._tasks[stage],
            completed=done,
            total=total,
            count=f"{count} {unit}" if unit else "",
            message=message,
        )

    def say(self, line: str) -> None:
        if self._progress is None:
            print(line, file=self._stream, flush=True)
        else:
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._tasks.clear()

    def _started(self) -> "Progress":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[message]}", markup=False),
            console=Console(file=self._stream),
            redirect_stdout=False,
            redirect_stderr=False,
        )
        progress.start()
        return progress


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def _plain_lines(stream: TextIO, every_s: float, clock: Callable[[], float]) -> "ProgressSink":
    from pipeline_project.resources.progress import LoggedProgress

    log = logging.Logger("progress", logging.INFO)
    log.addHandler(logging.StreamHandler(stream))
    return LoggedProgress(log, every_s, clock)
