"""EC2 tags that mirror the leases, for the console and for the dead-man's switch on the instance.

The lease book is the truth: tags know no compare-and-set. Each run writes a tag of its own, so
none overwrites another's.

::

    pipeline_project:lease:<run id> = <end of the lease, UTC>
    pipeline_project:started        = <when we asked for the start, UTC>

An instance without the second is none of ours to stop.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pipeline_project.adapters.instances.ec2_view import Ec2View

LEASE = "pipeline_project:lease:"
STARTED = "pipeline_project:started"
START_SLACK = timedelta(minutes=15)  # between the mark and AWS's own word of the start
MOST_TAGS = 50  # that EC2 takes on one resource
_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def lease_tag(run_id: str) -> str:
    """Name a run's tag."""
    return f"{LEASE}{run_id}"[:128]


def last_by_tags(
    tags: Mapping[str, str], run_id: str, launched: datetime | None, now: datetime
) -> bool:
    """Whether a run is the last on an instance that runs of ours started, by its tags alone.

    That decides only where the lease book cannot be read. Who comes in that very moment finds the
    instance stopped, and starts it again.

    Args:
        tags: of the instance.
        run_id: who asks; without a tag of its own the answer is no.
        launched: when the instance was started; a mark of an earlier start counts for nothing.
        now: the time, UTC.
    """
    started = _moment(tags.get(STARTED, ""))
    if started is None or launched is None or started < launched - START_SLACK:
        return False
    others = [
        _moment(value)
        for name, value in tags.items()
        if name.startswith(LEASE) and name != lease_tag(run_id)
    ]
    return lease_tag(run_id) in tags and not any(end is None or end > now for end in others)


def _moment(text: str) -> datetime | None:
    """Read a tag's time; None where it is none."""
    try:
        return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


class LeaseTags:
    """Writes and removes the tags of one instance."""

    def __init__(self, ec2: Any, instance_id: str, view: Ec2View) -> None:
        """Hold boto3's client; requests are made through `view`."""
        self._ec2 = ec2
        self._instance_id = instance_id
        self._view = view

    def write(
        self,
        tags: Mapping[str, datetime],
        *,
        there: Collection[str] = (),
        stale: Collection[str] = (),
    ) -> None:
        """Set tags to times, and take those off that runs left which died.

        Args:
            tags: name to time.
            there: all that the instance has.
            stale: those of them that count for nothing any more.
        """
        # New before old, so that the switch on the instance never sees none; but room comes first.
        room = len(there) + len(tags) <= MOST_TAGS
        if not room:
            self.remove(stale)
        pairs = [{"Key": name, "Value": f"{time:{_FORMAT}}"} for name, time in tags.items()]
        self._view.call(
            lambda: self._ec2.create_tags(Resources=[self._instance_id], Tags=pairs),
            f"writing tags of instance {self._instance_id}",
        )
        if room:
            self.remove(stale)

    def remove(self, names: Iterable[str]) -> None:
        """Take tags off; those that are not there are no error."""
        keys = [{"Key": name} for name in names]
        if keys:
            self._view.call(
                lambda: self._ec2.delete_tags(Resources=[self._instance_id], Tags=keys),
                f"removing tags of instance {self._instance_id}",
            )

    def refused(self) -> list[str]:
        """Try both without doing them; returns what AWS would refuse."""
        what = f"tags of instance {self._instance_id}"
        request = {
            "Resources": [self._instance_id],
            "Tags": [{"Key": STARTED, "Value": ""}],
            "DryRun": True,
        }
        return [
            *self._view.refused(f"writing {what}", partial(self._ec2.create_tags, **request)),
            *self._view.refused(f"removing {what}", partial(self._ec2.delete_tags, **request)),
        ]
