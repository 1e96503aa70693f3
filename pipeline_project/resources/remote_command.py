"""One command on an instance, followed to its end; nothing is left running, whatever happens."""

import re
from collections.abc import Callable, Mapping, Sequence

from pipeline_project import errors
from pipeline_project.adapters.commands.base import Commands, CommandStatus
from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import (
    PipelineError,
    RemoteCancelled,
    RemoteFailed,
    RemoteTimedOut,
)

TAIL_CHARS = 2_000
_ERROR_LINE = re.compile(r"^[A-Z]\w+: ", re.MULTILINE)


def run_to_end(
    commands: Commands,
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    label: str,
    deadline: Deadline,
    interval_s: float,
    keep: Callable[[], None],
    warn: Callable[[str], None],
    what: str,
    sent: Callable[[str], None] = lambda _: None,
) -> tuple[str, CommandStatus]:
    """Send a command and wait for its good end; returns its id and last status.

    Args:
        commands: where it runs.
        argv: program and arguments.
        env: variables added to the instance's own.
        label: by which it is found again, the run id.
        deadline: when to give up.
        interval_s: seconds between polls.
        keep: called on every poll; renews the lease.
        warn: takes trouble in ending what was interrupted; the interruption itself goes on.
        what: the program, as the subject of a sentence.
        sent: told the command's id.

    Raises:
        PipelineError: the error that the program ended with, of its own class.
        RemoteFailed: it ended badly in any other way; holds the end of its stderr.
        RemoteTimedOut: it was ended at the deadline.
        RemoteCancelled: somebody else cancelled it.
    """

    def poll(command_id: str) -> CommandStatus:
        keep()
        return commands.poll(command_id)

    try:
        command_id = commands.send(argv, env=env, timeout_s=deadline.remaining_s, label=label)
        sent(command_id)
        status = wait_until(
            lambda: poll(command_id),
            success=lambda status: status.ended,
            failure=lambda _: False,
            deadline=deadline,
            interval_s=interval_s,
            what=f"{what}, command {command_id},",
            describe=describe,
        )
    except BaseException:
        _end_labelled(commands, label, warn)
        raise
    _demand_success(status, f"{what}, command {command_id},", deadline)
    return command_id, status


def describe(status: CommandStatus) -> str:
    """Say where a command stands, with its last words."""
    tail = status.stderr_tail.strip()[-TAIL_CHARS:] or "(nothing on stderr)"
    code = "" if status.exit_code is None else f" with exit code {status.exit_code}"
    detail = f" ({status.detail})" if status.detail else ""
    return f"{status.state}{detail}{code}; its last words:\n{tail}"


def _end_labelled(commands: Commands, label: str, warn: Callable[[str], None]) -> None:
    """End what runs under a label; by label, as an interrupt may come before an id is known."""
    try:
        for running_id, running_label in commands.running():
            if running_label == label:
                commands.cancel(running_id)
    except PipelineError as error:
        # The reason why we are here must not be lost to this one; letting go of the instance
        # and the program's own end on a closed stdin are the nets below.
        warn(f"What runs for {label} may not have been ended: {error}")


def _demand_success(status: CommandStatus, what: str, deadline: Deadline) -> None:
    if status.state == "succeeded":
        return
    if status.state == "timed_out":
        why = f" ({deadline.reason})" if deadline.reason else ""
        raise RemoteTimedOut(f"{what} ran too long{why} and was ended: {describe(status)}")
    if status.state == "cancelled":
        raise RemoteCancelled(f"{what} was cancelled: {describe(status)}")
    named = _named_error(status.stderr_tail)
    if named is not None:
        raise named
    raise RemoteFailed(f"{what} did not end well: {describe(status)}")


def _named_error(stderr: str) -> PipelineError | None:
    """Take up the error that the worker ended with: its last words are `<class>: <message>`."""
    for start in reversed([match.start() for match in _ERROR_LINE.finditer(stderr)]):
        name, _, message = stderr[start:].partition(": ")
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, PipelineError):
            return kind(message.strip())
    return None
