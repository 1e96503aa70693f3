"""This machine as an instance: always running, never stopped, with real leases.

Leases matter here too: they say which run works on this machine, and the same code paths run as
on a rented one.
"""

import math
from collections.abc import Callable
from datetime import datetime

from pipeline_project.adapters.commands.base import Commands
from pipeline_project.adapters.instances.base import InstanceStatus, ReleaseOutcome
from pipeline_project.adapters.instances.leases import LeaseBook, utc_now
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import PipelineError

INSTANCE_ID = "local"


class LocalInstance:
    """The machine that this program runs on."""

    def __init__(
        self,
        store: ObjectStore,
        commands: Commands,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Keep leases in `store`; `commands` is what `stop` ends."""
        self._book = LeaseBook(store, INSTANCE_ID, clock)
        self._commands = commands

    @property
    def instance_id(self) -> str:
        """Always `local`."""
        return INSTANCE_ID

    def check(self) -> list[str]:
        """Return what would keep a run from starting: leases or commands that cannot be read."""
        problems = []
        for what, look in (("leases", self._book.live), ("commands", self._commands.running)):
            try:
                look()
            except (PipelineError, OSError, ValueError) as error:
                problems.append(f"the {what} of this machine cannot be read: {error}")
        return problems

    def status(self) -> InstanceStatus:
        """Tell the leases and what runs."""
        return InstanceStatus(
            instance_id=INSTANCE_ID,
            kind="local",
            state="running",
            leases=self._book.live(),
            commands=self._commands.running(),
        )

    def start(self, run_id: str, *, lease_s: float) -> InstanceStatus:
        """Write the lease; there is nothing to start."""
        self._book.acquire(run_id, lease_s=lease_s, started_instance=False)
        return self.status()

    def affordable_s(self, max_cost_usd: float) -> float:
        """Infinity: this machine costs nothing."""
        return math.inf

    def wait_ready(
        self, *, timeout_s: float, keep: Callable[[], None] = lambda: None
    ) -> InstanceStatus:
        """Return at once: this machine is ready."""
        return self.status()

    def renew(self, run_id: str, *, lease_s: float) -> None:
        """Push the end of this run's lease forward; see `Instances.renew`."""
        self._book.renew(run_id, lease_s=lease_s)

    def release(self, run_id: str) -> ReleaseOutcome:
        """Let go of this run's lease; this machine stays on."""
        departure = self._book.release(run_id)
        if not departure.held:
            return ReleaseOutcome(False, "No lease was held on this machine; nothing to release.")
        others = "no other run holds one" if departure.was_last else "another run still holds one"
        return ReleaseOutcome(False, f"Released the lease on this machine; {others}. It stays on.")

    def stop(self) -> ReleaseOutcome:
        """End every command and drop every lease; this machine itself stays on."""
        commands = self._commands.running()
        for command_id, _ in commands:
            self._commands.cancel(command_id)
        leases = self._book.drop_all()
        return ReleaseOutcome(
            False,
            f"Commands ended: {len(commands)}; leases dropped: {len(leases)}. "
            "This machine itself stays on.",
        )
