"""Where word of progress goes while something long runs."""

import logging
import time
from collections.abc import Callable
from typing import Protocol


class ProgressSink(Protocol):
    """Shows how far a stage has come; called often, from any thread."""

    def update(self, stage: str, done: int, total: int | None, unit: str, message: str) -> None:
        """Take the newest word.

        Args:
            stage: which part of the work, `probe` say.
            done: units finished.
            total: units in all; None while nobody knows.
            unit: what is counted, `files` say; empty when nothing is.
            message: a few words on what happens now; may be empty.
        """
        ...


ProgressMaker = Callable[[logging.Logger], ProgressSink]


class LoggedProgress:
    """Writes a line to the run's log, at most every few seconds per stage, and at its end."""

    def __init__(
        self,
        log: logging.Logger,
        every_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write to `log`."""
        self._log = log
        self._every_s = every_s
        self._clock = clock
        self._told_at: dict[str, float] = {}
        self._told: dict[str, tuple[int, str]] = {}

    def update(self, stage: str, done: int, total: int | None, unit: str, message: str) -> None:
        """Write the line if it is due and says something new."""
        now = self._clock()
        waited = now - self._told_at.get(stage, -self._every_s)
        if self._told.get(stage) == (done, message) or (done != total and waited < self._every_s):
            return
        self._told_at[stage], self._told[stage] = now, (done, message)
        count = f"{done:,}" if total is None else f"{done:,} of {total:,}"
        if not unit:  # a state, not a count
            count = ""
        self._log.info(" ".join(part for part in (f"{stage}:", count, unit, message) if part))
