"""How the worker tells people where it stands."""

import sys
import time
from typing import Protocol, TextIO

from dagster_pipes import PipesContext


class Progress(Protocol):
    """Takes what the worker has to say while it works."""

    def update(
        self, stage: str, done: int, total: int | None, unit: str, message: str = ""
    ) -> None:
        """Tell how far a stage is; called often, shown as often as is useful."""
        ...

    def info(self, message: str) -> None:
        """Say one sentence for people."""
        ...

    def warning(self, message: str) -> None:
        """Say what somebody should look at."""
        ...


class PipesProgress:
    """Sends progress to the Dagster run that started the worker.

    Args:
        context: the open Pipes context.
        interval_s: a stage's updates are sent at most this often; its end always is.
    """

    def __init__(self, context: PipesContext, interval_s: float = 0.25) -> None:
        self._context = context
        self._interval_s = interval_s
        self._sent_at: dict[str, float] = {}

    def update(
        self, stage: str, done: int, total: int | None, unit: str, message: str = ""
    ) -> None:
        """Send `{"progress": {...}}` as a custom message."""
        now = time.monotonic()
        if done != total and now - self._sent_at.get(stage, -1e9) < self._interval_s:
            return
        self._sent_at[stage] = now
        payload = {"stage": stage, "done": done, "total": total, "unit": unit, "message": message}
        self._context.report_custom_message({"progress": payload})

    def info(self, message: str) -> None:
        """Log to the run."""
        self._context.log.info(message)

    def warning(self, message: str) -> None:
        """Log a warning to the run."""
        self._context.log.warning(message)


class LineProgress:
    """Writes plain lines to a stream, for a worker that nobody's run listens to."""

    def __init__(self, stream: TextIO = sys.stderr, interval_s: float = 5.0) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._said_at: dict[str, float] = {}

    def update(
        self, stage: str, done: int, total: int | None, unit: str, message: str = ""
    ) -> None:
        """Write a line every few seconds, and one at the stage's end."""
        now = time.monotonic()
        if done != total and now - self._said_at.get(stage, -1e9) < self._interval_s:
            return
        self._said_at[stage] = now
        of = f" of {total}" if total is not None else ""
        self.info(f"{stage}: {done}{of} {unit} {message}".rstrip())

    def info(self, message: str) -> None:
        """Write a line."""
        print(message, file=self._stream, flush=True)

    def warning(self, message: str) -> None:
        """Write a line that starts with `warning:`."""
        self.info(f"warning: {message}")
