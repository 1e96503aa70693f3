"""The lease book: which runs want an instance to stay up, and until when.

One JSON object per instance, `leases/<instance id>.json`, changed only by conditional write, so
that of two runs which come and go at the same moment none is lost and exactly one learns that it
was the last. Starting and stopping the instance is the business of its twin of `Instances`.

Between the moment at which the last run lets go and the moment at which its stop has been asked
for, another run may come. So letting go can leave a closing mark on the page, in the same write:
whoever comes then takes its lease, but does not count the instance as ready until the mark is
gone, and starts it again. A mark whose writer died ends by itself.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pipeline_project.adapters.instances.base import Lease
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import PermanentError, StoreConflict, StoreError, TransientError

SCHEMA_VERSION = 1
KEPT_AFTER_EXPIRY = timedelta(days=1)
_ATTEMPTS = 60

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Closing:
    """Somebody is about to stop the instance; counts until `until` (UTC)."""

    run_id: str
    until: datetime


@dataclass(slots=True)
class Page:
    """What the book's one object says."""

    leases: dict[str, Lease] = field(default_factory=dict)
    closing: Closing | None = None

    def copy(self) -> "Page":
        """Give a page that can be changed."""
        return Page(dict(self.leases), self.closing)

    def living(self, now: datetime) -> list[Lease]:
        """List the leases that have not expired."""
        return [lease for lease in self.leases.values() if lease.expires_at > now]

    def closes(self, now: datetime) -> bool:
        """Tell whether somebody is about to stop the instance."""
        return self.closing is not None and self.closing.until > now


def abandoned(page: Page, now: datetime) -> bool:
    """Tell whether an instance that we started is wanted by nobody: the reaper's question.

    So it is when no lease is live, nobody is stopping it right now, and either a run that started
    it expired without a word, or one that was to stop it died before it could.
    """
    if page.living(now) or page.closes(now):
        return False
    started = any(lease.started_instance for lease in page.leases.values())
    return started or page.closing is not None


def utc_now() -> datetime:
    """Tell the time, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Departure:
    """What was found when a run let go.

    Attributes:
        held: whether the run held a lease.
        was_last: whether nobody else holds a live one now.
        started_instance: whether it, or one whose claim it inherited, started the instance.
    """

    held: bool
    was_last: bool
    started_instance: bool


class LeaseBook:
    """The leases on one instance.

    A lease past its end counts for nothing. It stays on the page for a day, so that a run whose
    machine slept can renew it, and so that its mark of having started the instance is inherited.
    """

    def __init__(
        self,
        store: ObjectStore,
        instance_id: str,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open the book of `instance_id`; nothing is read or written yet."""
        self.key = f"leases/{instance_id}.json"
        self._store = store
        self._instance_id = instance_id
        self._clock = clock
        self._sleep = sleep

    def page(self) -> Page:
        """Read what the book says now."""
        return self._read()[0]

    def live(self) -> list[Lease]:
        """List the leases that have not expired, the earliest end first."""
        living = self.page().living(self._clock())
        return sorted(living, key=lambda lease: (lease.expires_at, lease.run_id))

    def acquire(self, run_id: str, *, lease_s: float, started_instance: bool) -> None:
        """Write or extend a run's lease; what the run started before stays marked as started.

        A run that comes while the instance is being stopped, or after one that was to stop it
        died, takes over the duty to stop it.
        """

        def change(page: Page) -> None:
            before = page.leases.get(run_id)
            started = started_instance or (before is not None and before.started_instance)
            started = started or page.closing is not None
            if not page.closes(self._clock()):
                page.closing = None
            page.leases[run_id] = Lease(run_id, self._end(lease_s), started)

        self._change(change)

    def renew(self, run_id: str, *, lease_s: float) -> None:
        """Push the end of a run's lease forward.

        Raises:
            PermanentError: the run holds no lease, or had let it expire and the instance is being
                stopped now.
        """

        def change(page: Page) -> None:
            before = page.leases.get(run_id)
            what = f"renewing the lease of run {run_id} on instance {self._instance_id}"
            if before is None:
                raise PermanentError(
                    f"{what}: it holds none. Somebody stopped the instance or released it; start "
                    "the run again."
                )
            now = self._clock()
            if before.expires_at <= now and page.closes(now):
                raise PermanentError(
                    f"{what}: it had expired, and the instance is being stopped. Start the run "
                    "again; what is done is kept."
                )
            page.leases[run_id] = Lease(run_id, self._end(lease_s), before.started_instance)

        self._change(change)

    def release(self, run_id: str, *, closing_s: float = 0.0) -> Departure:
        """Take a run's lease off; idempotent.

        A run that started the instance and leaves while others stay hands the duty to stop it to
        them; the last one inherits it also from those who expired without a word.

        Args:
            run_id: who leaves.
            closing_s: if it is the last and the instance was started by us, leave a closing mark
                for so long; until `closed`, releasing again gives the same answer.
        """

        def change(page: Page) -> Departure:
            now = self._clock()
            mine = page.leases.pop(run_id, None)
            living = {lease.run_id for lease in page.living(now)}
            if mine is None:
                if page.closing is None or page.closing.run_id != run_id:
                    return Departure(False, not living, False)
                # Its earlier release got no further than the mark; whoever came since took over.
                page.closing = None if living else Closing(run_id, now + timedelta(0, closing_s))
                return Departure(not living, not living, not living)
            started = mine.started_instance or any(
                lease.started_instance for name, lease in page.leases.items() if name not in living
            )
            for name in living if started else ():
                page.leases[name] = Lease(name, page.leases[name].expires_at, True)
            if started and not living and closing_s > 0:
                page.closing = Closing(run_id, now + timedelta(seconds=closing_s))
                page.leases.clear()
            return Departure(True, not living, started)

        return self._change(change)

    def close(self, run_id: str, *, closing_s: float, only_abandoned: bool) -> list[Lease] | None:
        """Take every lease off and leave a closing mark; returns the leases that were live.

        Args:
            run_id: who closes, for people.
            closing_s: how long the mark counts.
            only_abandoned: do so only if `abandoned`; otherwise change nothing and return None.
        """

        def change(page: Page) -> list[Lease] | None:
            now = self._clock()
            if only_abandoned and not abandoned(page, now):
                return None
            dropped = page.living(now)
            page.leases.clear()
            page.closing = Closing(run_id, now + timedelta(seconds=closing_s))
            return dropped

        return self._change(change)

    def closed(self, run_id: str) -> None:
        """Take the closing mark off that this run left; the stop has been asked for."""

        def change(page: Page) -> None:
            if page.closing is not None and page.closing.run_id == run_id:
                page.closing = None

        self._change(change)

    def drop_all(self) -> list[Lease]:
        """Take every lease off, whoever holds it, and return those that were live."""

        def change(page: Page) -> list[Lease]:
            dropped = page.living(self._clock())
            page.leases.clear()
            return dropped

        return self._change(change)

    def _end(self, lease_s: float) -> datetime:
        return self._clock() + timedelta(seconds=lease_s)

    def _change(self, change: Callable[[Page], Answer]) -> Answer:
        """Read, change and write back as one step; `change` may be called several times."""
        for attempt in range(_ATTEMPTS):
            before, etag = self._read()
            page = before.copy()
            answer = change(page)
            oldest = self._clock() - KEPT_AFTER_EXPIRY
            page.leases = {n: le for n, le in page.leases.items() if le.expires_at > oldest}
            if page == before:
                return answer
            try:
                if etag is None:
                    self._store.put_new(self.key, self._dump(page))
                else:
                    self._store.put_if(self.key, self._dump(page), etag)
            except StoreConflict:
                # Random, so that those who met once do not meet again.
                self._sleep(random.uniform(0, min(0.5, 0.005 * 2 ** min(attempt, 8))))
                continue
            return answer
        raise TransientError(
            f"changing the leases on instance {self._instance_id}: others changed {self.key} in "
            f"{self._store.root} first, {_ATTEMPTS} times. Try again."
        )

    def _read(self) -> tuple[Page, str | None]:
        if not self._store.exists(self.key):
            return Page(), None
        data, etag = self._store.get_with_etag(self.key)
        try:
            said = json.loads(data)
            version = said["schema_version"]
            if version != SCHEMA_VERSION:
                raise ValueError(f"schema_version is {version!r}, expected {SCHEMA_VERSION}")
            leases = [
                Lease(
                    run_id=entry["run_id"],
                    expires_at=_moment(entry["expires_at"]),
                    started_instance=entry["started_instance"],
                )
                for entry in said["leases"]
            ]
            mark = said.get("closing")
            closing = mark and Closing(mark["run_id"], _moment(mark["until"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"reading the leases on instance {self._instance_id} from {self.key} in "
                f"{self._store.root}: {error!r}. Made by another version, or damaged: if no run "
                "is under way, delete it."
            ) from error
        return Page({lease.run_id: lease for lease in leases}, closing), etag

    def _dump(self, page: Page) -> bytes:
        mark = page.closing
        said = {
            "schema_version": SCHEMA_VERSION,
            "instance_id": self._instance_id,
            "leases": [
                {
                    "run_id": lease.run_id,
                    "expires_at": lease.expires_at.isoformat(),
                    "started_instance": lease.started_instance,
                }
                for lease in page.leases.values()
            ],
            "closing": mark and {"run_id": mark.run_id, "until": mark.until.isoformat()},
        }
        return json.dumps(said, indent=1).encode()


def _moment(text: str) -> datetime:
    """Read a time with its zone; ValueError where it has none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} tells no time zone")
    return moment
