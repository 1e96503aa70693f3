"""The selection service, followed to a real end."""

from collections.abc import Callable

from pipeline_project.adapters.selection_service.base import (
    SelectionOutcome,
    SelectionService,
    SelectionStatus,
)
from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import RemoteCancelled, RemoteFailed
from pipeline_project.resources.progress import ProgressSink


class SelectionClient:
    """Schedules one selection per call and waits for it."""

    def __init__(self, service: SelectionService, interval_s: float = 1.0) -> None:
        """Hold the service; it is polled every `interval_s` seconds."""
        self._service = service
        self._interval_s = interval_s

    def ensure_worker(self, deadline: Deadline) -> str:
        """Have a worker ready to take the selection; return a sentence on what was done."""
        return self._service.ensure_worker(timeout_s=deadline.remaining_s)

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

        The selection is cancelled when anything at all interrupts the scheduling or the wait.

        Raises:
            RemoteFailed: it failed; holds the service's reason.
            RemoteTimedOut: it did not end before the deadline.
            RemoteCancelled: somebody else cancelled it.
        """
        try:
            scheduled_id = self._service.schedule(
                request_key, timeout_s=deadline.remaining_s, label=label
            )
            status = wait_until(
                lambda: self._poll(scheduled_id, keep),
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
        except RemoteFailed:
            raise  # it has ended by itself
        except BaseException:
            # By label, not by id: an interrupt may come before the id is known.
            self._service.cancel_labelled(label)
            raise
        if status.state == "cancelled":
            raise RemoteCancelled(f"selection {scheduled_id} was cancelled: {_describe(status)}")
        return self._service.fetch(scheduled_id)

    def _poll(self, scheduled_id: str, keep: Callable[[], None]) -> SelectionStatus:
        keep()
        return self._service.poll(scheduled_id)


def _describe(status: SelectionStatus) -> str:
    return f"{status.state}: {status.message or '(no word from the service)'}"
