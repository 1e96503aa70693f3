"""What AWS says of one EC2 instance: state, agent, disks, and what it would refuse to do."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pipeline_project.adapters.aws_errors import aws_errors, error_code, patiently
from pipeline_project.adapters.instances.base import InstanceState
from pipeline_project.errors import PermanentError, PipelineError

MOST_AHEAD_S = 120.0  # a third of a lease's shortest rest, and more than clocks drift with NTP
_STATES: dict[str, InstanceState] = {
    "pending": "pending",
    "running": "running",
    "stopping": "stopping",
    "stopped": "stopped",
    "shutting-down": "terminated",
    "terminated": "terminated",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the instance."""

    state: InstanceState
    kind: str
    launched: datetime | None
    tags: Mapping[str, str]
    profile: str
    ahead_s: float = 0.0

    @property
    def clock_problems(self) -> list[str]:
        """Say so where this machine's clock is far from AWS's: leases end by the clock."""
        if abs(self.ahead_s) <= MOST_AHEAD_S:
            return []
        way = "ahead of" if self.ahead_s > 0 else "behind"
        return [
            f"this machine's clock is {abs(self.ahead_s):.0f} s {way} AWS's, and leases end by the "
            "clock: a run here could stop the instance under another. Set the clock right (NTP)."
        ]

    @property
    def up(self) -> bool:
        """Whether it runs, or is about to: it costs money."""
        return self.state in ("pending", "running")


@dataclass(frozen=True, slots=True)
class Readiness:
    """How near the instance is to taking commands."""

    state: InstanceState
    online: bool
    closing: bool
    wanted: bool

    @property
    def ready(self) -> bool:
        """Whether commands are taken."""
        return self.state == "running" and self.online and not self.closing

    @property
    def hopeless(self) -> bool:
        """Whether waiting on is of no use."""
        return self.state == "terminated" or not self.wanted

    def __str__(self) -> str:
        """Say it for people."""
        words = [f"instance {self.state}", f"SSM agent {'' if self.online else 'not '}online"]
        words += ["another run is just stopping it"] if self.closing else []
        words += [] if self.wanted else ["no run holds a lease on it any more"]
        return ", ".join(words)


class Ec2View:
    """Asks AWS about one instance, and waits out what may pass."""

    def __init__(
        self,
        ec2: Any,
        ssm: Any,
        instance_id: str,
        *,
        patience_s: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Hold boto3's clients; nothing is asked yet."""
        self._ec2 = ec2
        self._ssm = ssm
        self._instance_id = instance_id
        self._patience_s = patience_s
        self._sleep = sleep

    @property
    def region(self) -> str:
        """Where the instance is."""
        return str(self._ec2.meta.region_name)

    def call(self, call: Callable[[], Any], what: str) -> Any:
        """Call AWS, waiting out throttling and outages; the call must be safe to repeat."""

        def once() -> Any:
            with aws_errors(what):
                return call()

        return patiently(once, what=what, patience_s=self._patience_s, sleep=self._sleep)

    def look(self) -> Seen:
        """Describe the instance.

        Raises:
            PermanentError: there is none of this id.
        """
        what = f"looking at instance {self._instance_id}"
        none = (
            f"{what}: there is none of this id in this region and account. Check the id, the "
            "region and the profile; an instance terminated an hour ago is gone."
        )
        try:
            answer = self.call(
                lambda: self._ec2.describe_instances(InstanceIds=[self._instance_id]), what
            )
        except PermanentError as error:
            if not aws_code(error).startswith("InvalidInstanceID"):
                raise
            raise PermanentError(none) from error
        found = [each for group in answer["Reservations"] for each in group["Instances"]]
        if not found:
            raise PermanentError(none)
        facts = found[0]
        return Seen(
            state=_STATES.get(facts["State"]["Name"], "pending"),
            kind=facts["InstanceType"],
            launched=facts.get("LaunchTime"),
            tags={each["Key"]: each["Value"] for each in facts.get("Tags", [])},
            profile=facts.get("IamInstanceProfile", {}).get("Arn", ""),
            ahead_s=ahead_s(answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")),
        )

    def agent_online(self, launched: datetime | None) -> bool:
        """Tell whether the SSM agent has answered since this start; its earlier word is stale."""
        rule = {"Key": "InstanceIds", "Values": [self._instance_id]}
        answer = self.call(
            lambda: self._ssm.describe_instance_information(Filters=[rule]),
            f"asking for the SSM agent of instance {self._instance_id}",
        )
        for each in answer["InstanceInformationList"]:
            last = each.get("LastPingDateTime")
            fresh = last is None or launched is None or last >= launched
            return bool(each["PingStatus"] == "Online" and fresh)
        return False

    def disk_gb(self) -> float:
        """Add up the sizes of its disks."""
        rule = {"Name": "attachment.instance-id", "Values": [self._instance_id]}
        answer = self.call(
            lambda: self._ec2.describe_volumes(Filters=[rule]),
            f"looking at the disks of instance {self._instance_id}",
        )
        return float(sum(each["Size"] for each in answer["Volumes"]))

    def refused(self, what: str, call: Callable[[], Any]) -> list[str]:
        """Make a call with DryRun; returns AWS's refusal in words, nothing when it is allowed."""
        try:
            self.call(call, what)
        except PipelineError as error:
            return [] if aws_code(error) == "DryRunOperation" else [str(error)]
        return []

    def deleted_by_shutdown(self) -> list[str]:
        """Say so if the instance would be deleted when it shuts itself down."""
        attribute = "instanceInitiatedShutdownBehavior"
        what = f"reading {attribute} of instance {self._instance_id}"
        try:
            answer = self.call(
                lambda: self._ec2.describe_instance_attribute(
                    InstanceId=self._instance_id, Attribute=attribute
                ),
                what,
            )
        except PipelineError as error:
            return [str(error)]
        value = answer.get("InstanceInitiatedShutdownBehavior", {}).get("Value", "stop")
        if value == "stop":
            return []
        return [
            f"{what}: it is {value}, so the dead-man's switch would delete the instance. Set it "
            "to stop."
        ]


def ahead_s(date: str) -> float:
    """How far this machine's clock is ahead of a server's, by the date of its answer just now."""
    try:
        return (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return 0.0  # it tells none, or none with a zone


def aws_code(error: PipelineError) -> str:
    """AWS's name for what an error of ours stands for; empty when AWS did not answer."""
    return error_code(error.__cause__ or error)
