"""Live progress over Dagster Pipes: custom messages with a `progress` field reach a sink at once.

Without this they would be collected and handed over when the session has ended. All other
messages take their usual way.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import dagster as dg
from dagster._core.pipes.context import PipesMessageHandler
from dagster_pipes import PipesMessage, PipesParams

from pipeline_project.resources.progress import ProgressSink


class ProgressFileReader(dg.PipesFileMessageReader):
    """Reads messages from a file and sends progress to a sink."""

    def __init__(self, path: str, sink: ProgressSink) -> None:
        """Tail `path`, which is made on entering and removed on leaving."""
        super().__init__(path)
        self._sink = sink

    @property
    def expected_writer_count(self) -> int:
        """One worker writes."""
        return 1

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Iterator[PipesParams]:
        """Read until the session is left."""
        splitter = cast("PipesMessageHandler", Splitter(handler, self._sink))
        with super().read_messages(splitter) as params:
            yield params


class Splitter:
    """Stands before a message handler and takes the progress out.

    Args:
        handler: takes all other messages.
        sink: takes progress; None leaves it to the handler.
        over: tells that no message comes any more, also without a word of closing.
    """

    def __init__(
        self,
        handler: PipesMessageHandler,
        sink: ProgressSink | None,
        over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._handler = handler
        self._sink = sink
        self._over = over

    @property
    def received_closed_message(self) -> bool:
        """Whether no message comes any more."""
        return self._over() or self._handler.received_closed_message

    def handle_message(self, message: PipesMessage) -> None:
        """Take one message."""
        progress = None if self._sink is None else _progress(message)
        if self._sink is None or progress is None:
            self._handler.handle_message(message)
        else:
            self._sink.update(**progress)

    def report_pipes_framework_exception(self, origin: str, exc_info: Any) -> None:
        """Pass trouble in reading on."""
        self._handler.report_pipes_framework_exception(origin, exc_info)


def _progress(message: PipesMessage) -> dict[str, Any] | None:
    """Take the progress out of a message; None when it holds none."""
    payload = (message.get("params") or {}).get("payload")
    if message.get("method") != "report_custom_message" or not isinstance(payload, dict):
        return None
    fields = payload.get("progress")
    if not isinstance(fields, dict) or not isinstance(fields.get("stage"), str):
        return None
    total = fields.get("total")
    return {
        "stage": fields["stage"],
        "done": int(fields.get("done") or 0),
        "total": None if total is None else int(total),
        "unit": str(fields.get("unit") or ""),
        "message": str(fields.get("message") or ""),
    }
