"""What every service that selects offers: schedule, follow to a real end, fetch the names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef

SelectionState = Literal["open", "running", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class SelectionStatus:
    """Where a scheduled selection stands; `message` is the service's own last word."""

    state: SelectionState
    message: str = ""

    @property
    def ended(self) -> bool:
        """Whether no further change will come."""
        return self.state in ("completed", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class SelectionOutcome:
    """What a completed selection left in the lake.

    Attributes:
        selection_id: its id in the `selections` table.
        picked: frames picked.
        reused: an earlier selection of the very same candidates was returned.
        facts: counts and durations, as the worker reports them.
    """

    selection_id: str
    picked: int
    reused: bool
    facts: dict[str, object] = field(default_factory=dict)


class SelectionService(Protocol):
    """Schedules one selection over what a run uploaded or listed."""

    def check(self, config: CurationConfig) -> list[str]:
        """Say what would keep a run from being selected here; nothing is started. Empty is good.

        Raises:
            TransientError: the service does not answer.
        """
        ...

    def fitting(self, config: CurationConfig, refs: Iterable[MediaRef]) -> Iterator[MediaRef]:
        """Pass a listing on.

        Raises:
            ConfigError: at the first file that the service cannot take, or not with the others.
        """
        ...

    def ensure_worker(self, config: CurationConfig, *, timeout_s: float, label: str) -> str:
        """Have a worker ready to take the selection; return a sentence on what was done.

        A worker that was started for it ends with the selection of the same label.

        Raises:
            RemoteFailed: the worker that was started ended at once.
            RemoteTimedOut: no worker was ready in time.
        """
        ...

    def schedule(self, request_key: str, *, timeout_s: float, label: str) -> str:
        """Schedule the request that lies in the object store under this key; return its id."""
        ...

    def poll(self, scheduled_id: str) -> SelectionStatus:
        """Tell where it stands; trouble on the way is raised, never reported as an end."""
        ...

    def fetch(self, scheduled_id: str) -> SelectionOutcome:
        """Return the outcome of a completed selection.

        Raises:
            RemoteFailed: it did not complete; holds the service's reason.
        """
        ...

    def cancel(self, scheduled_id: str) -> None:
        """End it; one that has ended is left alone."""
        ...

    def cancel_labelled(self, label: str) -> None:
        """End every selection scheduled under this label; none is fine.

        For who was interrupted before `schedule` could return an id.
        """
        ...
