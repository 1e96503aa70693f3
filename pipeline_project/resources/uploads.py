"""Sends files to the store while the caller keeps its lease."""

import threading
from collections.abc import Callable, Sequence

from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.core.records import MediaRef

_AT_ONCE = 2  # each large file sends several parts at once by itself
_INTERVAL_S = 0.2


def upload_files(
    refs: Sequence[MediaRef],
    upload: Callable[[MediaRef], MediaRef],
    *,
    keep: Callable[[], None],
    deadline: Deadline,
) -> dict[str, MediaRef]:
    """Upload listed files, a few at once, in threads that never outlive the process.

    Args:
        refs: files of this machine.
        upload: sends one and returns its new reference.
        keep: called several times a second, also amid a large file; renews the lease.
        deadline: when to give up. What was sent by then is not sent again.

    Returns:
        Old address -> new reference; files that cannot be read here are left out.

    Raises:
        PipelineError: the first error of an upload; no further file is begun.
        RemoteTimedOut: the deadline passed.
    """
    waiting = iter(refs)
    mutex = threading.Lock()
    stop = threading.Event()
    moved: dict[str, MediaRef] = {}
    failures: list[Exception] = []

    def work() -> None:
        while not stop.is_set():
            with mutex:
                ref = next(waiting, None)
            if ref is None:
                return
            try:
                moved[ref.uri] = upload(ref)
            except OSError:
                continue
            except Exception as error:  # noqa: BLE001  # raised again by whoever waits
                failures.append(error)
                stop.set()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(_AT_ONCE)]
    for thread in threads:
        thread.start()

    def alive() -> int:
        keep()
        return sum(thread.is_alive() for thread in threads)

    try:
        wait_until(
            alive,
            success=lambda number: number == 0,
            failure=lambda _: bool(failures),
            deadline=deadline,
            interval_s=_INTERVAL_S,
            what="the upload",
            describe=lambda _: f"{len(moved)} of {len(refs)} files sent",
        )
    finally:
        stop.set()
        if failures:
            raise failures[0]
    return moved
