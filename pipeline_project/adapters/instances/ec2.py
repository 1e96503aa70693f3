"""An EC2 instance: started for the runs that hold a lease on it, stopped by the last one out.

The lease comes first, then the tags that mirror it, then StartInstances; so a death at any point
leaves something that the reaper and the dead-man's switch can see. An instance that was running
before us is never stopped by a run. Stopping is marked in the lease book before it is asked for
(`leases.py`), so that no run stops an instance under another.
"""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pipeline_project.adapters.commands.ssm import SsmCommands
from pipeline_project.adapters.instances.base import InstanceStatus, ReleaseOutcome
from pipeline_project.adapters.instances.cost import Cost, Prices, shipped_prices
from pipeline_project.adapters.instances.ec2_view import Ec2View, Readiness, Seen, aws_code
from pipeline_project.adapters.instances.leases import LeaseBook, utc_now
from pipeline_project.adapters.instances.reaping import claim, reap
from pipeline_project.adapters.instances.tags import (
    LEASE,
    STARTED,
    LeaseTags,
    last_by_tags,
    lease_tag,
)
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import PermanentError, PipelineError, RemoteFailed, RemoteTimedOut

STOP_S = 240.0  # an instance can be stopped only after it has booted
CLOSING_S = STOP_S + 120.0  # beyond which whoever was to stop it counts as dead


class Ec2Instance:
    """One EC2 instance and its lease book."""

    def __init__(
        self,
        ec2: Any,
        ssm: Any,
        store: ObjectStore,
        commands: SsmCommands,
        instance_id: str,
        *,
        ready_s: float = 600.0,
        patience_s: float = 120.0,
        interval_s: float = 5.0,
        prices: Prices | None = None,
        usd_per_hour: float | None = None,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Hold the way to the instance; nothing is asked yet.

        Args:
            ec2: boto3's client.
            ssm: boto3's client.
            store: holds the lease book; in a bucket that all who use the instance share.
            commands: runs commands on it.
            instance_id: `i-...`.
            ready_s: longest wait for the instance and its agent together.
            patience_s: how long throttling and outages are waited out in one call.
            interval_s: seconds between polls.
            prices: None is the table that comes with the program.
            usd_per_hour: what the instance costs, in place of the table's price.
            clock: tells the time by which leases end.
            sleep: waits.
        """
        self._ec2 = ec2
        self._view = Ec2View(ec2, ssm, instance_id, patience_s=patience_s, sleep=sleep)
        self._tags = LeaseTags(ec2, instance_id, self._view)
        self._was_ready = False
        self._book = LeaseBook(store, instance_id, clock)
        self._commands = commands
        self._instance_id = instance_id
        self._ready_s = ready_s
        self._interval_s = interval_s
        self._prices = prices
        self._usd_per_hour = usd_per_hour
        self._clock = clock
        self._sleep = sleep

    @property
    def instance_id(self) -> str:
        """The instance's id, `i-...`."""
        return self._instance_id

    def check(self) -> list[str]:
        """Return what would keep a run from starting or ending, one line each; empty is good.

        Nothing is started: EC2 is asked by dry run whether it would be allowed.
        """
        try:
            seen = self._view.look()
        except PipelineError as error:
            return [str(error)]
        problems = seen.clock_problems
        if seen.state == "terminated":
            problems.append(f"{self._what('using')}: it is terminated. Set another instance id.")
        if not seen.profile:
            problems.append(
                f"{self._what('using')}: it has no instance profile, so its SSM agent cannot take "
                "commands. Attach the profile that the stack in ec2/ makes."
            )
        ids = [self._instance_id]
        for verb, call in (
            ("starting", self._ec2.start_instances),
            ("stopping", self._ec2.stop_instances),
        ):
            asked = partial(call, InstanceIds=ids, DryRun=True)
            problems += self._view.refused(self._what(verb), asked)
        problems += self._tags.refused()
        problems += self._view.deleted_by_shutdown()
        problems += self._commands.check()
        try:
            self._book.page()
        except PipelineError as error:
            problems.append(f"the leases cannot be read: {error}")
        return problems

    def status(self) -> InstanceStatus:
        """Tell state, leases, commands and cost so far; see `Instances.status`."""
        seen = self._view.look()
        return InstanceStatus(
            instance_id=self._instance_id,
            kind=seen.kind,
            state=seen.state,
            leases=self._book.live(),
            running_since=seen.launched if seen.up else None,
            commands=self._commands.running() if seen.state == "running" else [],
            cost=self._cost(seen) if seen.up else None,
        )

    def start(self, run_id: str, *, lease_s: float) -> InstanceStatus:
        """Write the lease, ask for the start, return without waiting; see `Instances.start`.

        Raises:
            PermanentError: there is no such instance any more.
        """
        seen = self._view.look()
        if seen.state == "terminated":
            raise PermanentError(
                f"{self._what('starting')}: it is terminated and never comes back. Make another "
                "one and set its id."
            )
        # A box on its way down was not running for somebody else: we are who brings it up again.
        ours = seen.state in ("stopped", "stopping")
        self._was_ready = False
        self._book.acquire(run_id, lease_s=lease_s, started_instance=ours)
        now = self._clock()
        tags = {lease_tag(run_id): now + timedelta(seconds=lease_s)}
        # The page is read after the tags were: whoever has a tag had a lease before.
        kept = {lease_tag(each.run_id) for each in self._book.live()}
        self._tags.write(
            {**tags, STARTED: now} if ours else tags,
            there=seen.tags,
            stale=[each for each in seen.tags if each.startswith(LEASE) and each not in kept],
        )
        if ours:
            self._ask_to_start()
        return self.status()

    def wait_ready(
        self, *, timeout_s: float, keep: Callable[[], None] = lambda: None
    ) -> InstanceStatus:
        """Wait for running, the SSM agent online, and nobody stopping it; see `Instances`.

        A box that is still on its way down from an earlier run is started once it is there.
        """

        def poll() -> Readiness:
            keep()
            readiness = self._readiness()
            if readiness.state == "stopped" and readiness.wanted and not readiness.closing:
                self._tags.write({STARTED: self._clock()})
                self._ask_to_start()
            return readiness

        wait_until(
            poll,
            success=lambda readiness: readiness.ready,
            failure=lambda readiness: readiness.hopeless,
            deadline=Deadline(min(timeout_s, self._ready_s)),
            interval_s=self._interval_s,
            what=f"instance {self._instance_id} becoming ready",
            sleep=self._sleep,
        )
        self._was_ready = True
        return self.status()

    def renew(self, run_id: str, *, lease_s: float) -> None:
        """Push the end of this run's lease forward; see `Instances.renew`."""
        self._book.renew(run_id, lease_s=lease_s)
        self._tags.write({lease_tag(run_id): self._clock() + timedelta(seconds=lease_s)})
        if not self._was_ready:
            return  # it may still be on its way down from an earlier run
        state = self._view.look().state
        if state not in ("running", "pending"):
            raise RemoteFailed(
                f"instance {self._instance_id} is {state}: somebody, or AWS, has stopped it under "
                "the run. What is done is kept; start the run again."
            )

    def affordable_s(self, max_cost_usd: float) -> float:
        """Seconds from now until the instance has cost so much since its start."""
        cost = self._cost(seen := self._view.look())
        if cost.usd is None or not cost.usd_per_hour:
            return math.inf
        spent = cost.usd if seen.up else 0.0
        return max(0.0, max_cost_usd - spent) / cost.usd_per_hour * 3600.0

    def expected_cost(self, running_s: float) -> Cost:
        """What it would cost to run so long from a start; nothing is started."""
        return self._priced(self._view.look(), running_s)

    def release(self, run_id: str) -> ReleaseOutcome:
        """Let go of this run's lease; stop the instance if it was the last and we started it.

        Where the lease book cannot be read or written, its mirror in the tags decides.
        """
        try:
            departure = self._book.release(run_id, closing_s=CLOSING_S)
        except PipelineError as error:
            seen = self._view.look()
            if not seen.up or not last_by_tags(seen.tags, run_id, seen.launched, self._clock()):
                raise
            outcome = self._stop_now(run_id, whatever=True)
            return replace(outcome, message=f"{outcome.message} By its tags, as: {error}")
        what = f"instance {self._instance_id}"
        if not departure.held:
            return ReleaseOutcome(False, f"No lease was held on {what}; nothing to release.")
        if not departure.was_last:
            self._tags.remove([lease_tag(run_id)])
            return ReleaseOutcome(False, f"Released the lease on {what}; another run holds one.")
        if not departure.started_instance:
            self._tags.remove([lease_tag(run_id)])
            return ReleaseOutcome(
                False,
                f"Released the lease on {what}. It was running before any run of ours and is left "
                "running: it costs money until somebody stops it.",
            )
        return self._stop_now(run_id)

    def stop(self) -> ReleaseOutcome:
        """End every command and drop every lease, whoever holds them, and stop the instance.

        Also where the leases cannot be read or written: whoever asks for this wants it off.
        """
        by = "pipeline instance stop"
        trouble = []
        try:
            dropped = self._book.close(by, closing_s=CLOSING_S, only_abandoned=False) or []
        except PipelineError as error:
            dropped = []
            trouble.append(f"The leases were not dropped: {error}")
        ended, more = self._end_commands()
        outcome = self._stop_now(by, whatever=True)
        words = f"Commands ended: {ended}; leases dropped: {len(dropped)}. {outcome.message}"
        return replace(outcome, message=" ".join([words, *more, *trouble]))

    def reap(self, reaper: str) -> ReleaseOutcome:
        """Stop the instance if it is one that we started and nobody wants; else leave it."""
        reason = reap(self._book.page(), self._clock())
        if not reason or not claim(self._book, reaper, closing_s=CLOSING_S):
            return ReleaseOutcome(False, f"Instance {self._instance_id} is left as it is.")
        outcome = self._stop_now(reaper)
        return replace(outcome, message=f"{outcome.message} The reason: {reason}.")

    def _stop_now(self, by: str, *, whatever: bool = False) -> ReleaseOutcome:
        """Ask for the stop until AWS agrees, then take our marks away; says what was done.

        `by` put the closing mark into the book. `whatever` stops it although the book cannot be
        written, or somebody came meanwhile.
        """
        seen = self._stopping(by, whatever)
        what = f"Instance {self._instance_id}"
        if seen is None:
            return ReleaseOutcome(
                False, f"{what} could not be stopped in time, and a run that came since uses it."
            )
        cost = self._cost(seen) if seen.up else None
        done = f"{what} is {seen.state} already."
        if cost is not None:
            done = f"{what} is asked to stop; it has cost {cost} since its start."
        try:
            self._book.closed(by)
            came = {lease_tag(each.run_id) for each in self._book.live()}
            ours = [each for each in seen.tags if each == STARTED or each.startswith(LEASE)]
            self._tags.remove(each for each in ours if each not in came)
        except PipelineError as error:  # it is stopped, which matters; stale marks end themselves
            done += f" Its tags were not removed: {error}"
        return ReleaseOutcome(True, done, cost)

    def _taken_over(self, by: str) -> bool:
        """Whether the closing mark ended and a run came: a late stop would be under that run."""
        try:
            page = self._book.page()
        except PipelineError:
            return False  # without the book, better stopped than left running
        mine = page.closing is not None and page.closing.run_id == by
        return not mine and bool(page.living(self._clock()))

    def _stopping(self, by: str, whatever: bool) -> Seen | None:
        """Have the instance stopped or stopping; one that boots can be stopped only afterwards.

        Returns:
            What it was at the first look; None when a run took it over and it was left on.
        """
        first: list[Seen] = []
        left: list[bool] = []

        def poll() -> Seen:
            seen = self._view.look()
            first[:] = first or [seen]
            if seen.up and not whatever and self._taken_over(by):
                left.append(True)
            elif seen.up:
                try:
                    self._view.call(
                        lambda: self._ec2.stop_instances(InstanceIds=[self._instance_id]),
                        self._what("stopping"),
                    )
                except PermanentError as error:
                    if aws_code(error) != "IncorrectInstanceState":
                        raise
                return self._view.look()
            return seen

        last = wait_until(
            poll,
            success=lambda seen: bool(left) or seen.state in ("stopping", "stopped", "terminated"),
            failure=lambda _: False,
            deadline=Deadline(STOP_S),
            interval_s=self._interval_s,
            what=f"stopping instance {self._instance_id}",
            sleep=self._sleep,
        )
        if left:
            return None
        return last if last.state == "terminated" else first[0]

    def _end_commands(self) -> tuple[int, list[str]]:
        """End what runs, as far as it can be reached; stopping the instance ends the rest."""
        ended = 0
        try:
            for command_id, _ in self._commands.running():
                self._commands.cancel(command_id)
                ended += 1
        except (PermanentError, RemoteTimedOut) as error:
            return ended, [f"The rest ends with the instance ({error})."]
        return ended, []

    def _readiness(self) -> Readiness:
        seen = self._view.look()
        page, now = self._book.page(), self._clock()
        return Readiness(
            state=seen.state,
            online=seen.state == "running" and self._view.agent_online(seen.launched),
            closing=page.closes(now),
            wanted=bool(page.living(now)),
        )

    def _ask_to_start(self) -> None:
        """Ask for the start; an instance on its way down is asked again later."""
        try:
            self._view.call(
                lambda: self._ec2.start_instances(InstanceIds=[self._instance_id]),
                self._what("starting"),
            )
        except PermanentError as error:
            if aws_code(error) != "IncorrectInstanceState":
                raise

    def _cost(self, seen: Seen) -> Cost:
        """Add up what it has cost; what cannot be looked up is left out, and said."""
        running_s = 0.0
        if seen.launched is not None and seen.up:
            running_s = max(0.0, (utc_now() - seen.launched).total_seconds())
        return self._priced(seen, running_s)

    def _priced(self, seen: Seen, running_s: float) -> Cost:
        try:
            disk_gb, missing = self._view.disk_gb(), ""
        except PipelineError:  # nobody's run ends for a price
            disk_gb, missing = 0.0, ", without its disk, which cannot be looked up"
        cost = (self._prices or shipped_prices()).cost(
            region=self._view.region,
            instance_type=seen.kind,
            running_s=running_s,
            disk_gb=disk_gb,
            usd_per_hour=self._usd_per_hour,
        )
        return replace(cost, note=cost.note + missing)

    def _what(self, verb: str) -> str:
        return f"{verb} instance {self._instance_id}"
