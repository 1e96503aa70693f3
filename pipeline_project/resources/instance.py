"""The instance as one run holds it: a lease that is let go of whatever happens.

Dagster enters and leaves this resource more than once per run. So entering starts nothing, and
leaving releases only what this entry took.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator

import dagster as dg

from pipeline_project.adapters.instances.base import Instances, InstanceStatus, ReleaseOutcome
from pipeline_project.adapters.instances.cost import Cost
from pipeline_project.adapters.instances.local import INSTANCE_ID as LOCAL
from pipeline_project.adapters.interrupts import interrupts_kept
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import RemoteTimedOut, TransientError

COST_TAG = "pipeline_project/instance_cost"


class RunInstance:
    """One run's hold on the instance, and its one deadline."""

    def __init__(
        self,
        instances: Instances,
        run_id: str,
        lease_s: float,
        log: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
        max_cost_usd: float | None = None,
        note: Callable[[Cost], None] = lambda _: None,
    ) -> None:
        """Hold nothing yet; `note` is told what the instance has cost when it is stopped."""
        self._note = note
        self._max_cost_usd = max_cost_usd
        self._instances = instances
        self._run_id = run_id
        self._lease_s = lease_s
        self._log = log
        self._clock = clock
        self._held = False
        self._renewed_at = 0.0
        self._deadline: Deadline | None = None

    @property
    def instance_id(self) -> str:
        """The instance's id; `local` for this machine."""
        return self._instances.instance_id

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, which nobody pays for and nobody stops."""
        return self.instance_id == LOCAL

    def deadline(self, seconds: float) -> Deadline:
        """Give the run's deadline, the same to every op; it counts from the first call.

        It is `seconds` from then, or when the instance has cost what it may, if that is earlier.
        """
        if self._deadline is None:
            reason = "limits.max_runtime_s; what is done is kept, run again to go on"
            if self._max_cost_usd is not None:
                affordable_s = self._instances.affordable_s(self._max_cost_usd)
                if affordable_s < seconds:
                    seconds = affordable_s
                    reason = (
                        f"the instance has then cost aws.max_cost_usd, ${self._max_cost_usd:g}; "
                        "what is done is kept, run again to go on"
                    )
            self._deadline = Deadline(seconds, self._clock, reason)
        return self._deadline

    def cost(self) -> Cost | None:
        """What the instance has cost since its start; None where it costs nothing or is off."""
        return self._instances.status().cost

    def check(self) -> list[str]:
        """Return what would keep a run from starting or ending; empty is good."""
        problems = self._instances.check()
        limit = self._max_cost_usd
        if not problems and limit is not None and not self.is_local:
            if math.isinf(self._instances.affordable_s(limit)):
                problems.append(
                    f"ending the run when the instance has cost aws.max_cost_usd, ${limit:g}: the "
                    "price of this type in this region is not known here. Set aws.usd_per_hour."
                )
        return problems

    def start(self) -> InstanceStatus:
        """Take the lease and ask for the start, without waiting. Idempotent."""
        # Noted first: an interrupt within the call must not leave a lease behind.
        self._held = True
        self._renewed_at = self._clock()
        return self._instances.start(self._run_id, lease_s=self._lease_s)

    def wait_ready(self, deadline: Deadline) -> InstanceStatus:
        """Wait until commands can be sent; whoever reaches the deadline is told why it is there."""
        try:
            return self._instances.wait_ready(timeout_s=deadline.remaining_s, keep=self.keep)
        except RemoteTimedOut as error:
            if not (deadline.passed and deadline.reason):
                raise
            raise RemoteTimedOut(f"{error} ({deadline.reason})") from error

    def keep(self) -> None:
        """Renew the lease once a third of it has passed; called on every poll of a wait.

        Trouble that may pass is logged and tried again, as long as the lease lasts.

        Raises:
            PermanentError: the lease is gone; somebody stopped the instance.
            TransientError: it could not be renewed before it ended.
        """
        age_s = self._clock() - self._renewed_at
        if age_s < self._lease_s / 3:
            return
        try:
            self._instances.renew(self._run_id, lease_s=self._lease_s)
        except TransientError as error:
            if age_s >= self._lease_s:
                raise
            self._log.warning(f"the lease was not renewed, trying again: {error}")
            return
        self._renewed_at = self._clock()

    def release(self) -> ReleaseOutcome:
        """Let go of the lease, and of the instance if it was the last. Idempotent."""
        outcome = self._instances.release(self._run_id)
        self._held = False
        if outcome.cost is not None:
            self._note(outcome.cost)
        return outcome

    def let_go(self) -> None:
        """Release what is still held; what the run's end calls, however it ended."""
        if self._held:
            say = self._log.info if self.is_local else self._log.warning
            say(f"The run ended early. {self.release().message}")


def instance_resource(
    instances: Instances, lease_s: float = 600.0, max_cost_usd: float | None = None
) -> dg.ResourceDefinition:
    """Make the resource that gives each run its `RunInstance` and takes it back at the end.

    Args:
        instances: the instance and its lease book.
        lease_s: how long a lease lasts without word from its run.
        max_cost_usd: a run ends, keeping what is done, when the instance has cost so much.
    """

    @dg.resource(description="The machine that the worker runs on, held by a lease per run.")
    def instance(context: dg.InitResourceContext) -> Iterator[RunInstance]:
        log = context.log or logging.getLogger(__name__)
        run_id = context.run.run_id if context.run else "no-run"

        def note(cost: Cost) -> None:
            """Put it on the run's page, also of a run that failed before its last step."""
            if context.instance is not None and context.run is not None:
                context.instance.add_run_tags(run_id, {COST_TAG: str(cost)})

        held = RunInstance(instances, run_id, lease_s, log, max_cost_usd=max_cost_usd, note=note)
        try:
            with interrupts_kept(dg.DagsterExecutionInterruptedError):
                yield held
        finally:
            held.let_go()

    return instance
