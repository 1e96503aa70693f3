"""Processes as the system shows them: which live in a session, and since when.

A process is named by its id together with its start time, because ids are given out again. Where
there is no `/proc` (macOS) the start time is unknown (empty) and a session is seen as a whole.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")
_STATE, _SESSION, _START = 0, 3, 19  # fields of /proc/<pid>/stat, counted after the name


def start_mark(pid: int) -> str:
    """Name the moment at which the process started; empty when it is gone or nobody can say."""
    fields = _stat(pid)
    return f"{_boot_id()}:{fields[_START]}" if fields else ""


def alive(pid: int, mark: str) -> bool:
    """Tell whether this very process still runs; a zombie does not.

    Args:
        pid: process id.
        mark: what `start_mark` gave; with an empty one the id alone decides.
    """
    if not _PROC.is_dir():
        return _exists(pid)
    fields = _stat(pid)
    return bool(fields) and fields[_STATE] not in "ZX" and mark in ("", start_mark(pid))


def session_members(session: int, leader_mark: str) -> list[int]:
    """List the live processes of a session, its leader among them while it runs.

    Empty when the leader's id now belongs to another process: the system gives an id out again
    only after the whole session has ended.
    """
    if not _PROC.is_dir():
        return [session] if _group_exists(session) else []
    leader = start_mark(session)
    if leader and leader_mark and leader != leader_mark:
        return []
    members = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields and fields[_STATE] not in "ZX" and int(fields[_SESSION]) == session:
                members.append(int(entry.name))
    return members


def end_session(
    session: int,
    leader_mark: str,
    *,
    grace_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask every process of a session to end (SIGTERM), and after the grace make it (SIGKILL)."""
    end = time.monotonic() + grace_s
    _signal_all(session, leader_mark, signal.SIGTERM)
    while session_members(session, leader_mark):
        if time.monotonic() >= end:
            # Again and again: a process may have started another since the list was made.
            _signal_all(session, leader_mark, signal.SIGKILL)
        sleep(0.02)


def _signal_all(session: int, leader_mark: str, number: signal.Signals) -> None:
    for pid in session_members(session, leader_mark):
        with contextlib.suppress(ProcessLookupError):
            if _PROC.is_dir():
                os.kill(pid, number)
            else:
                os.killpg(session, number)


def _stat(pid: int) -> list[str]:
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # gone, or no /proc
        return []
    return text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets


def _boot_id() -> str:
    """Tell one start of the system from the next: start times count from there."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers so for a group of zombies
        return False
    return True
