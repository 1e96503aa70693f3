"""Process groups: the programs that a step starts end with the process that started them."""

import contextlib
import os
import signal

_leads = False


def lead() -> None:
    """Make this process the head of a group of its own, which programs it starts belong to."""
    global _leads
    os.setpgid(0, 0)
    _leads = True


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
