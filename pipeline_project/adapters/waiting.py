"""The only wait loop: poll until success, failure or the deadline.

What is polled and what its states mean belongs to the caller. Clock and sleep are arguments, so
that tests wait for nothing.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from pipeline_project.errors import RemoteFailed, RemoteTimedOut

Status = TypeVar("Status")


class Deadline:
    """A moment on a monotonic clock, shared by all phases of one piece of work.

    Handing the same deadline to each phase bounds their sum; a timeout handed to each phase
    would be spent several times.
    """

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        reason: str = "",
    ) -> None:
        """Set the deadline `seconds` from now; `reason` says why, for who reaches it."""
        self.seconds = seconds
        self.reason = reason
        self._clock = clock
        self._end = clock() + seconds

    @property
    def remaining_s(self) -> float:
        """Seconds left; 0.0 once it has passed, never negative."""
        return max(0.0, self._end - self._clock())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining_s <= 0.0


def wait_until(
    poll: Callable[[], Status],
    *,
    success: Callable[[Status], bool],
    failure: Callable[[Status], bool],
    deadline: Deadline,
    interval_s: float,
    what: str,
    sleep: Callable[[float], None] = time.sleep,
    on_change: Callable[[Status], None] | None = None,
    describe: Callable[[Status], str] = str,
) -> Status:
    """Poll until the status is a success and return it.

    The status is polled at least once, also when the deadline has already passed, and once more
    after the last sleep, so that a success in the last moment counts.

    Args:
        poll: asks for the status now; what it raises ends the wait.
        success: whether this status is the wanted end.
        failure: whether this status can never become a success.
        deadline: when to give up.
        interval_s: seconds between polls; the last one is shortened to the deadline.
        what: the thing waited for, as the subject of a sentence.
        sleep: waits for some seconds.
        on_change: called with the first status and with each that differs from the one before.
        describe: turns a status into the words of the error.

    Raises:
        RemoteFailed: a failure state was seen; the message holds it.
        RemoteTimedOut: the deadline passed; the message holds the last status.
    """
    last: Status | None = None
    while True:
        timed_out = deadline.passed
        status = poll()
        if on_change is not None and status != last:
            on_change(status)
        last = status
        if success(status):
            return status
        if failure(status):
            raise RemoteFailed(f"{what} failed: {describe(status)}")
        if timed_out:
            why = f" ({deadline.reason})" if deadline.reason else ""
            raise RemoteTimedOut(
                f"{what} did not end within {deadline.seconds:g} s{why}; "
                f"last status: {describe(status)}"
            )
        sleep(min(interval_s, deadline.remaining_s))
