"""The selection service, followed to a real end."""

from collections.abc import Callable, Iterable, Iterator

from pipeline_project.adapters.selection_service.base import (
    SelectionOutcome,
    SelectionService,
    SelectionStatus,
)
from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import ConfigError, PipelineError, RemoteCancelled, TransientError
from pipeline_project.resources.progress import ProgressSink


class SelectionClient:
    """Schedules one selection per call and waits for it."""

    def __init__(self, service: SelectionService, interval_s: float = 1.0) -> None:
        """Hold the service; it is polled every `interval_s` seconds."""
        self._service = service
        self._interval_s = interval_s

    def demand_usable(self, config: CurationConfig) -> None:
        """Look at what the service needs before anything starts; only where it is asked for.

        Raises:
            ConfigError: something is missing or wrong; lists all that is.
        """
        problems = self._service.check(config) if config.service == "lightly" else []
        if problems:
            raise ConfigError(
                "checking that the selection service can be used: "
                + "; ".join(problems)
                + ". Nothing was started."
            )

    def fitting(self, config: CurationConfig, refs: Iterable[MediaRef]) -> Iterator[MediaRef]:
        """Pass a listing on, up to the first file that the service could not take.

        Raises:
            ConfigError: there is one.
        """
        yield from (self._service.fitting(config, refs) if config.service == "lightly" else refs)

    def ensure_worker(self, config: CurationConfig, deadline: Deadline, label: str) -> str:
        """Have a worker ready to take the selection; return a sentence on what was done.

        A worker that was started is stopped when anything at all interrupts the wait.
        """
        try:
            return self._service.ensure_worker(config, timeout_s=deadline.remaining_s, label=label)
        except BaseException as error:
            self._cancel(label, error)
            raise

    def run(
        self,
        *,
        request_key: str,
        label: str,
        deadline: Deadline,
        progress: ProgressSink,
        keep: Callable[[], None],
    ) -> SelectionOutcome:
        """Schedule a request, wait for its good end and fetch the outcome.

        The selection is cancelled when anything at all interrupts the scheduling or the wait;
        trouble that may pass does not, it is waited out until the deadline.

        Raises:
            RemoteFailed: it failed; holds the service's reason.
            RemoteTimedOut: it did not end before the deadline.
            RemoteCancelled: somebody else cancelled it.
        """
        last = SelectionStatus("open")

        def poll() -> SelectionStatus:
            nonlocal last
            keep()
            try:
                last = self._service.poll(scheduled_id)
            except TransientError as error:
                return SelectionStatus(last.state, f"{last.message} (asking again: {error})")
            return last

        try:
            scheduled_id = self._service.schedule(
                request_key, timeout_s=deadline.remaining_s, label=label
            )
            status = wait_until(
                poll,
                success=lambda status: status.state in ("completed", "cancelled"),
                failure=lambda status: status.state == "failed",
                deadline=deadline,
                interval_s=self._interval_s,
                what=f"selection {scheduled_id}",
                on_change=lambda status: progress.update(
                    "selection", 0, None, "", f"{status.state} {status.message}".strip()
                ),
                describe=_describe,
            )
            if status.state == "cancelled":
                raise RemoteCancelled(
                    f"selection {scheduled_id} was cancelled: {_describe(status)}"
                )
            return self._service.fetch(scheduled_id)
        except BaseException as error:
            self._cancel(label, error)
            raise

    def _cancel(self, label: str, error: BaseException) -> None:
        """End what runs under a label; by label, since an interrupt may come before any id."""
        try:
            self._service.cancel_labelled(label)
        except PipelineError as trouble:
            if isinstance(error, PipelineError):
                raise type(error)(f"{error} Ending it failed, too: {trouble}") from error
            error.add_note(f"Ending the selection failed, too: {trouble}")


def _describe(status: SelectionStatus) -> str:
    return f"{status.state}: {status.message or '(no word from the service)'}"
