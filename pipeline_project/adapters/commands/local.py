"""Commands on this machine: subprocesses whose records lie in a folder.

Each command has a folder `<root>/<command id>/`::

    command.json   what runs: process id, start time, label, arguments, who sent it
    stdout stderr  its output
    ending         why it was ended, `cancelled` or `timed_out`, written before the signal
    exit.json      how it ended; written last

so that any process can poll, list and cancel what another one started.

The child's stdin is a pipe whose write end only the sending process holds and never writes to.
When the sender dies, even by SIGKILL, the system closes the pipe and a program that reads its
stdin sees its end; the worker is started with `--end-with-stdin` and then ends itself. Nothing
is left running that nobody waits for.
"""

import contextlib
import json
import os
import secrets
import subprocess
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline_project.adapters.commands.base import CommandState, CommandStatus
from pipeline_project.adapters.commands.processes import (
    alive,
    end_session,
    session_members,
    start_mark,
)
from pipeline_project.errors import ConfigError, PermanentError

SCHEMA_VERSION = 1
TAIL_BYTES = 8_000


class LocalCommands:
    """Runs programs as subprocesses of this one, each in a session of its own."""

    def __init__(self, root: Path, *, grace_s: float = 10.0) -> None:
        """Keep records below `root`.

        Args:
            root: folder for the records; made on the first command.
            grace_s: seconds between asking a command to end and killing it; a worker needs a few
                to keep what is finished.
        """
        self._root = root
        self._grace_s = grace_s
        self._watchers: dict[str, threading.Thread] = {}

    def send(
        self, argv: Sequence[str], *, env: Mapping[str, str], timeout_s: float, label: str
    ) -> str:
        """Start a command and return its id without waiting; see `Commands.send`.

        Raises:
            ConfigError: there is no such program, or it may not be run.
        """
        command_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        folder = self._root / command_id
        folder.mkdir(parents=True)
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            try:
                process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                    env={**os.environ, **env},
                    start_new_session=True,
                )
            except OSError as error:
                raise ConfigError(
                    f"could not run {argv[0]!r}: {error.strerror}. Check that it is installed and "
                    "may be executed."
                ) from error
        record: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "command_id": command_id,
            "label": label,
            "argv": list(argv),
            "pid": process.pid,
            "started": start_mark(process.pid),
            "sender_pid": os.getpid(),
            "sender_started": start_mark(os.getpid()),
            "sent_at": datetime.now(UTC).isoformat(),
            "timeout_s": timeout_s,
        }
        try:
            _write_json(folder / "command.json", record)
            watcher = threading.Thread(
                target=self._watch, args=(process, folder, record, timeout_s), daemon=True
            )
            watcher.start()
        except BaseException:
            # Without its record nobody could ever find it again.
            end_session(process.pid, record["started"], grace_s=0)
            raise
        self._watchers[command_id] = watcher
        return command_id

    def poll(self, command_id: str) -> CommandStatus:
        """Tell where a command stands; see `Commands.poll`."""
        folder = self._folder(command_id)
        state, exit_code = self._state(command_id, folder)
        return CommandStatus(state, exit_code, _tail(folder / "stdout"), _tail(folder / "stderr"))

    def cancel(self, command_id: str) -> None:
        """End a command and every process it started; see `Commands.cancel`."""
        folder = self._folder(command_id)
        record = _read_json(folder / "command.json")
        state, _ = self._state(command_id, folder)
        if state == "running":
            _note_ending(folder, "cancelled")
        # Also when it has ended: after its sender's death children of it may still run.
        end_session(record["pid"], record["started"], grace_s=self._grace_s)
        watcher = self._watchers.get(command_id)
        if watcher is not None:
            watcher.join()

    def running(self) -> list[tuple[str, str]]:
        """List (command id, label) of what runs now; see `Commands.running`."""
        found = []
        for path in sorted(self._root.glob("*/command.json")):
            if (path.parent / "exit.json").exists():
                continue
            record = _read_json(path)
            if session_members(record["pid"], record["started"]):
                found.append((path.parent.name, record["label"]))
        return found

    def _folder(self, command_id: str) -> Path:
        folder = self._root / command_id
        if Path(command_id).name != command_id or not (folder / "command.json").is_file():
            raise PermanentError(
                f"no command {command_id!r} has a record below {self._root}; it was never sent "
                "from here, or its record was removed"
            )
        return folder

    def _state(self, command_id: str, folder: Path) -> tuple[CommandState, int | None]:
        record = _read_json(folder / "command.json")
        ended = _read_exit(folder)
        if ended is None and alive(record["pid"], record["started"]):
            return "running", None
        if ended is None:
            # Gone a moment ago: the sender is about to write down how, if it still lives.
            watcher = self._watchers.get(command_id)
            if watcher is not None:
                watcher.join()
            elif alive(record["sender_pid"], record["sender_started"]):
                return "running", None
            ended = _read_exit(folder)
        if ended is None:
            # The sender died first, so nobody could collect the exit code.
            return ("cancelled" if _ending(folder) == "cancelled" else "failed"), None
        return ended

    def _watch(
        self, process: subprocess.Popen[bytes], folder: Path, record: dict[str, Any], limit: float
    ) -> None:
        """Wait for the end, enforce the time limit, and write down how it ended."""
        try:
            try:
                process.wait(timeout=limit)
            except subprocess.TimeoutExpired:
                _note_ending(folder, "timed_out")
                end_session(process.pid, record["started"], grace_s=self._grace_s)
                process.wait()
            # Nothing that a command started outlives it.
            end_session(process.pid, record["started"], grace_s=self._grace_s)
        except PermanentError as error:  # some of them cannot be ended
            with contextlib.suppress(FileNotFoundError), (folder / "stderr").open("a") as file:
                file.write(f"\n{error}\n")
        if process.stdin is not None:
            process.stdin.close()
        code = process.poll()
        state = _ending(folder) or ("succeeded" if code == 0 else "failed")
        with contextlib.suppress(FileNotFoundError):  # the whole folder was removed meanwhile
            _write_json(folder / "exit.json", {"state": state, "exit_code": code})


def _note_ending(folder: Path, reason: str) -> None:
    """Write down why it is being ended; the first reason stands."""
    with contextlib.suppress(FileExistsError), (folder / "ending").open("x") as file:
        file.write(reason)


def _ending(folder: Path) -> CommandState | None:
    try:
        text = (folder / "ending").read_text()
    except FileNotFoundError:
        return None
    return "timed_out" if text == "timed_out" else "cancelled"


def _read_exit(folder: Path) -> tuple[CommandState, int | None] | None:
    try:
        fields = _read_json(folder / "exit.json")
    except FileNotFoundError:
        return None
    return fields["state"], fields["exit_code"]


def _read_json(path: Path) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return fields


def _write_json(path: Path, fields: Mapping[str, Any]) -> None:
    """Write whole or not at all: other processes read these files at any moment."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(fields), encoding="utf-8")
    part.replace(path)


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        return file.read().decode("utf-8", errors="replace")
