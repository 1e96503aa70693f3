"""What every kind of machine that runs our worker offers.

An instance is shared: each run holds a lease on it, and the last one out stops it. The lease
book (`leases.py`) is the truth about who holds what.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from pipeline_project.adapters.instances.cost import Cost

InstanceState = Literal["stopped", "pending", "running", "stopping", "terminated"]


@dataclass(frozen=True, slots=True)
class Lease:
    """One run's claim on an instance.

    Attributes:
        run_id: who holds it.
        expires_at: after this moment the claim counts for nothing (UTC).
        started_instance: whether this run found the instance stopped and started it.
    """

    run_id: str
    expires_at: datetime
    started_instance: bool


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """What an instance is doing and who wants it to.

    `cost` is what it has cost since it was last started; None where it costs nothing.
    """

    instance_id: str
    kind: str
    state: InstanceState
    leases: list[Lease] = field(default_factory=list)
    running_since: datetime | None = None
    commands: list[tuple[str, str]] = field(default_factory=list)
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class ReleaseOutcome:
    """What letting go of a lease led to, with a sentence for people.

    `cost` is what the instance has cost since its start, where it was stopped.
    """

    stopped: bool
    message: str
    cost: Cost | None = None


class Instances(Protocol):
    """One instance and its lease book."""

    @property
    def instance_id(self) -> str:
        """The instance's id; `local` for this machine."""
        ...

    def check(self) -> list[str]:
        """Return what would keep a run from starting or ending, in plain words; empty is good."""
        ...

    def status(self) -> InstanceStatus:
        """Tell state, leases, and what runs."""
        ...

    def start(self, run_id: str, *, lease_s: float) -> InstanceStatus:
        """Write the lease, ask for the start, and return without waiting. Idempotent per run."""
        ...

    def wait_ready(
        self, *, timeout_s: float, keep: Callable[[], None] = lambda: None
    ) -> InstanceStatus:
        """Wait until commands can be sent; `keep` is called on every poll and renews the lease.

        Raises:
            RemoteTimedOut: not ready in time; names the last state.
            RemoteFailed: the instance went to a state from which it never becomes ready.
        """
        ...

    def renew(self, run_id: str, *, lease_s: float) -> None:
        """Push the end of this run's lease forward.

        Raises:
            PermanentError: this run holds no lease.
            RemoteFailed: the instance was stopped or terminated meanwhile.
        """
        ...

    def affordable_s(self, max_cost_usd: float) -> float:
        """Seconds from now until the instance has cost so much since its start; inf if free."""
        ...

    def release(self, run_id: str) -> ReleaseOutcome:
        """Let go of this run's lease; stop the instance if it was the last and we started it.

        Idempotent: a run without a lease changes nothing.
        """
        ...

    def stop(self) -> ReleaseOutcome:
        """End every command and drop every lease, whoever holds them, and stop the instance."""
        ...
