"""The lease book: which runs want an instance to stay up, and until when.

One JSON object per instance, `leases/<instance id>.json`, changed only by conditional write, so
that of two runs which come and go at the same moment none is lost and exactly one learns that it
was the last. Starting and stopping the instance is the business of its twin of `Instances`.
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pipeline_project.adapters.instances.base import Lease
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import PermanentError, StoreConflict, StoreError, TransientError

SCHEMA_VERSION = 1
KEPT_AFTER_EXPIRY = timedelta(days=1)
_ATTEMPTS = 60

Answer = TypeVar("Answer")
Book = dict[str, Lease]


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

    def live(self) -> list[Lease]:
        """List the leases that have not expired, the earliest end first."""
        book, _ = self._read()
        return sorted(self._living(book), key=lambda lease: (lease.expires_at, lease.run_id))

    def acquire(self, run_id: str, *, lease_s: float, started_instance: bool) -> None:
        """Write or extend a run's lease; what the run started before stays marked as started."""

        def change(book: Book) -> None:
            before = book.get(run_id)
            started = started_instance or (before is not None and before.started_instance)
            book[run_id] = Lease(run_id, self._end(lease_s), started)

        self._change(change)

    def renew(self, run_id: str, *, lease_s: float) -> None:
        """Push the end of a run's lease forward.

        Raises:
            PermanentError: the run holds no lease; somebody released or dropped it.
        """

        def change(book: Book) -> None:
            if run_id not in book:
                raise PermanentError(
                    f"renewing the lease of run {run_id} on instance {self._instance_id}: it holds "
                    "none. Somebody stopped the instance or released it; start the run again."
                )
            book[run_id] = Lease(run_id, self._end(lease_s), book[run_id].started_instance)

        self._change(change)

    def release(self, run_id: str) -> Departure:
        """Take a run's lease off; idempotent.

        A run that started the instance and leaves while others stay hands the duty to stop it to
        them; the last one inherits it also from those who expired without a word.
        """

        def change(book: Book) -> Departure:
            mine = book.pop(run_id, None)
            if mine is None:
                return Departure(False, not self._living(book), False)
            living = {lease.run_id for lease in self._living(book)}
            started = mine.started_instance or any(
                lease.started_instance for name, lease in book.items() if name not in living
            )
            for name in living if started else ():
                book[name] = Lease(name, book[name].expires_at, True)
            return Departure(True, not living, started)

        return self._change(change)

    def drop_all(self) -> list[Lease]:
        """Take every lease off, whoever holds it, and return those that were live."""

        def change(book: Book) -> list[Lease]:
            dropped = self._living(book)
            book.clear()
            return dropped

        return self._change(change)

    def _end(self, lease_s: float) -> datetime:
        return self._clock() + timedelta(seconds=lease_s)

    def _living(self, book: Book) -> list[Lease]:
        now = self._clock()
        return [lease for lease in book.values() if lease.expires_at > now]

    def _change(self, change: Callable[[Book], Answer]) -> Answer:
        """Read, change and write back as one step; `change` may be called several times."""
        for attempt in range(_ATTEMPTS):
            book, etag = self._read()
            before = dict(book)
            answer = change(book)
            now = self._clock()
            book = {n: le for n, le in book.items() if le.expires_at > now - KEPT_AFTER_EXPIRY}
            if book == before:
                return answer
            try:
                if etag is None:
                    self._store.put_new(self.key, self._dump(book))
                else:
                    self._store.put_if(self.key, self._dump(book), etag)
            except StoreConflict:
                # Random, so that those who met once do not meet again.
                self._sleep(random.uniform(0, min(0.5, 0.005 * 2 ** min(attempt, 8))))
                continue
            return answer
        raise TransientError(
            f"changing the leases on instance {self._instance_id}: others changed {self.key} in "
            f"{self._store.root} first, {_ATTEMPTS} times. Try again."
        )

    def _read(self) -> tuple[Book, str | None]:
        if not self._store.exists(self.key):
            return {}, None
        data, etag = self._store.get_with_etag(self.key)
        try:
            page = json.loads(data)
            version = page["schema_version"]
            if version != SCHEMA_VERSION:
                raise ValueError(f"schema_version is {version!r}, expected {SCHEMA_VERSION}")
            leases = [
                Lease(
                    run_id=entry["run_id"],
                    expires_at=datetime.fromisoformat(entry["expires_at"]),
                    started_instance=entry["started_instance"],
                )
                for entry in page["leases"]
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"reading the leases on instance {self._instance_id} from {self.key} in "
                f"{self._store.root}: {error!r}. Made by another version, or damaged: if no run "
                "is under way, delete it."
            ) from error
        return {lease.run_id: lease for lease in leases}, etag

    def _dump(self, book: Book) -> bytes:
        page = {
            "schema_version": SCHEMA_VERSION,
            "instance_id": self._instance_id,
            "leases": [
                {
                    "run_id": lease.run_id,
                    "expires_at": lease.expires_at.isoformat(),
                    "started_instance": lease.started_instance,
                }
                for lease in book.values()
            ],
        }
        return json.dumps(page, indent=1).encode()
