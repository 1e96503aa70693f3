"""Process groups: the programs that a step starts end with the process that started them."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import threading

_leads = False


def lead() -> None:
    """Make this process the head of a group of its own, which programs it starts belong to."""
    global _leads
    os.setpgid(0, 0)
    _leads = True


def follow_parent(scratch: str | None = None) -> None:
    """Prepare a process of a pool: it leads a group, and ends with the one that started it.

    Interrupts are left to that one.

    Args:
        scratch: folder that goes with it.
    """
    lead()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()


def _end_with_parent(scratch: str | None) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
        end_group(os.getpid())


def end_followers() -> None:
    """Ask what else is in this process's own group to end; elsewhere nothing happens."""
    if not _leads:
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        os.killpg(0, signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def end_group(pid: int) -> None:
    """End a process and all of its group at once, also where it does not lead one yet."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone, or (macOS) all zombies
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
