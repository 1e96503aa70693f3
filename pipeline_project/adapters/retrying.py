"""Tries a call again while its trouble may pass, with growing waits and one deadline.

The loop itself is `waiting.wait_until`; here is only how long to wait between two tries.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import RemoteTimedOut, TransientError

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Again:
    """A try that failed in a way that may pass; `wait_s` is what the server asked for, if so."""

    error: TransientError
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Try(Generic[Value]):
    number: int
    value: Value | None = None
    again: Again | None = None


def retried(
    attempt: Callable[[], Value | Again],
    *,
    deadline: Deadline,
    tries: int = 5,
    first_wait_s: float = 1.0,
    max_wait_s: float = 60.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Value:
    """Call until it gives a value.

    Args:
        attempt: gives a value, or `Again`; what it raises ends the tries.
        deadline: no try begins after it.
        tries: at most this many.
        first_wait_s: seconds before the second try, at most; doubled each time, and shortened at
            random so that many callers do not come back at once.
        max_wait_s: a server that asks for more is not waited for.
        sleep: waits for some seconds.

    Raises:
        TransientError: the last try's error; the tries or the time are used up.
    """
    made = 0
    wait_s = 0.0

    def poll() -> _Try[Value]:
        nonlocal made, wait_s
        made += 1
        answer = attempt()
        if not isinstance(answer, Again):
            return _Try(made, value=answer)
        wait_s = first_wait_s * 2 ** (made - 1) * random.uniform(0.5, 1.0)
        if answer.wait_s is not None:
            wait_s = answer.wait_s
        if made >= tries or wait_s > min(max_wait_s, deadline.remaining_s):
            raise answer.error
        return _Try(made, again=answer)

    try:
        last = wait_until(
            poll,
            success=lambda each: each.again is None,
            failure=lambda each: False,
            deadline=deadline,
            interval_s=float("inf"),
            what="trying again",
            sleep=lambda most_s: sleep(min(most_s, wait_s)),
        )
    except RemoteTimedOut as error:
        raise TransientError(str(error)) from error
    return last.value  # type: ignore[return-value]  # a value is there: it is a success
