"""Selection by our own worker, run as a command beside the data.

The scheduled id is `<run id>/<command id>`, so that any process can follow and fetch it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pipeline_project.adapters.commands.base import Commands, CommandState, CommandStatus
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.selection_service.base import (
    SelectionOutcome,
    SelectionState,
    SelectionStatus,
)
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import PermanentError, RemoteFailed, StoreError

_STATES: dict[CommandState, SelectionState] = {
    "pending": "open",
    "running": "running",
    "succeeded": "completed",
    "failed": "failed",
    "timed_out": "failed",
    "cancelled": "cancelled",
}
_REQUEST_KEY = re.compile(r"runs/([^/]+)/request\.json")


class EmbeddedSelectionService:
    """Schedules the worker program; no account and no server."""

    def __init__(
        self,
        commands: Commands,
        store: ObjectStore,
        argv: Callable[[str], Sequence[str]],
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Send worker commands.

        Args:
            commands: where the worker runs.
            store: holds requests and results.
            argv: gives the worker's whole command line for a request key.
            env: variables added to the worker's environment.
        """
        self._commands = commands
        self._store = store
        self._argv = argv
        self._env = dict(env or {})

    def check(self, config: CurationConfig) -> list[str]:
        """Nothing is needed but what every run needs."""
        return []

    def fitting(self, config: CurationConfig, refs: Iterable[MediaRef]) -> Iterator[MediaRef]:
        """Pass a listing on: everything fits."""
        yield from refs

    def ensure_worker(self, config: CurationConfig, *, timeout_s: float, label: str) -> str:
        """Return at once: the worker is a program that starts with the selection."""
        return (
            "The embedded selection stands in for the Lightly service; its worker needs no start."
        )

    def schedule(self, request_key: str, *, timeout_s: float, label: str) -> str:
        """Start the worker on a request; see `SelectionService.schedule`.

        Raises:
            PermanentError: the key is not that of a request.
        """
        match = _REQUEST_KEY.fullmatch(request_key)
        if match is None:
            raise PermanentError(
                f"scheduling the request at {request_key!r}: requests lie at "
                "runs/<run id>/request.json"
            )
        command_id = self._commands.send(
            self._argv(request_key), env=self._env, timeout_s=timeout_s, label=label
        )
        return f"{match.group(1)}/{command_id}"

    def poll(self, scheduled_id: str) -> SelectionStatus:
        """Tell where it stands; the message is the last line that the worker wrote to stderr."""
        status = self._status(scheduled_id)
        lines = status.stderr_tail.strip().splitlines()
        message = lines[-1].strip() if lines else ""
        if status.state == "timed_out":
            message = f"The worker ran too long and was ended. {message}".strip()
        return SelectionStatus(_STATES[status.state], message)

    def fetch(self, scheduled_id: str) -> SelectionOutcome:
        """Read the outcome of a completed selection; see `SelectionService.fetch`.

        Raises:
            RemoteFailed: it did not complete, or left no result.
        """
        run_id, command_id = _split(scheduled_id)
        status = self._status(scheduled_id)
        if status.state != "succeeded":
            raise RemoteFailed(
                f"fetching the selection of run {run_id}: command {command_id} is {status.state} "
                f"(exit code {status.exit_code}). Its last words: {status.stderr_tail[-2_000:]}"
            )
        key = f"runs/{run_id}/result.json"
        try:
            facts = json.loads(self._store.get(key))
            return SelectionOutcome(
                selection_id=facts["selection_id"],
                picked=int(facts["counts"]["picked"]),
                reused=facts["reused"],
                facts=facts,
            )
        except (StoreError, ValueError, KeyError, TypeError) as error:
            raise RemoteFailed(
                f"fetching the selection of run {run_id}: the worker ended well, but its result "
                f"{key} in {self._store.root} cannot be used: {error!r}"
            ) from error

    def cancel(self, scheduled_id: str) -> None:
        """End the worker; one that has ended is left alone."""
        _, command_id = _split(scheduled_id)
        self._commands.cancel(command_id)

    def cancel_labelled(self, label: str) -> None:
        """End every running worker sent under this label."""
        for command_id, its_label in self._commands.running():
            if its_label == label:
                self._commands.cancel(command_id)

    def _status(self, scheduled_id: str) -> CommandStatus:
        _, command_id = _split(scheduled_id)
        return self._commands.poll(command_id)


def _split(scheduled_id: str) -> tuple[str, str]:
    run_id, _, command_id = scheduled_id.partition("/")
    return run_id, command_id
