"""Processes as the system shows them: which live in a session, and since when.

A process is named by its id together with its start time, because ids are given out again. Where
there is no `/proc` (macOS) the start time is unknown (empty) and a session is seen as a whole.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from pipeline_project.errors import PermanentError

KILL_S = 10.0  # a killed process that swaps or writes a core file needs seconds to go
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
    kill_s: float = KILL_S,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask every process of a session to end (SIGTERM), and after the grace make it (SIGKILL).

    Args:
        session: its id.
        leader_mark: what `start_mark` gave for its leader.
        grace_s: seconds between asking and killing.
        kill_s: seconds that killed processes may take to go.
        sleep: waits.

    Raises:
        PermanentError: processes are still there `kill_s` after they were killed: they hang in
            the system (a dead network disk, say), or belong to another user.
    """
    end = time.monotonic() + grace_s
    refused = _signal_all(session, leader_mark, signal.SIGTERM)
    while members := session_members(session, leader_mark):
        now = time.monotonic()
        if now >= end + kill_s:
            why = "not allowed to end them" if refused else "they do not go when killed"
            raise PermanentError(
                f"Ending processes {', '.join(map(str, members))} of session {session}: {why}. "
                "Look at them with `ps`; end them as their owner, or mend the disk they wait for."
            )
        if now >= end:
            # Again and again: a process may have started another since the list was made.
            refused = _signal_all(session, leader_mark, signal.SIGKILL)
        sleep(0.02)


def _signal_all(session: int, leader_mark: str, number: signal.Signals) -> bool:
    """Send a signal to all processes of a session; True when the system refused one."""
    refused = False
    for pid in session_members(session, leader_mark):
        try:
            if _PROC.is_dir():
                os.kill(pid, number)
            else:
                os.killpg(session, number)
        except ProcessLookupError:
            continue  # gone since the list was made
        except PermissionError:
            refused = True
    return refused


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
