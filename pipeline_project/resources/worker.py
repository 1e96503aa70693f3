"""Our worker, run as a command with a Dagster Pipes session around it.

Sends the command, follows it to its end, keeps the lease alive meanwhile, and ends the command
when anything at all interrupts the wait.
"""

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import dagster as dg

from pipeline_project import errors
from pipeline_project.adapters.commands.base import Commands, CommandStatus
from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import (
    PipelineError,
    RemoteCancelled,
    RemoteFailed,
    RemoteTimedOut,
)
from pipeline_project.resources.pipes import ProgressFileReader
from pipeline_project.resources.progress import ProgressSink

TAIL_CHARS = 2_000
_ERROR_LINE = re.compile(r"^[A-Z]\w+: ", re.MULTILINE)
WorkerCommand = Callable[[str], Sequence[str]]


class WorkerClient:
    """Runs one worker command per call."""

    def __init__(
        self,
        commands: Commands,
        argv: WorkerCommand,
        env: Mapping[str, str] | None = None,
        interval_s: float = 0.2,
    ) -> None:
        """Hold the way to the machine.

        Args:
            commands: where the worker runs.
            argv: gives the worker's whole command line for a request key.
            env: variables added to the worker's environment.
            interval_s: seconds between polls.
        """
        self._commands = commands
        self._argv = argv
        self._env = dict(env or {})
        self._interval_s = interval_s

    def run(
        self,
        context: dg.OpExecutionContext,
        *,
        request_key: str,
        deadline: Deadline,
        progress: ProgressSink,
        keep: Callable[[], None],
    ) -> CommandStatus:
        """Run the worker on a request and wait for its good end.

        Args:
            context: the op that waits; the worker's log lines go to its log.
            request_key: where the request lies in the object store.
            deadline: when to give up.
            progress: where the worker's word of progress goes, as it comes.
            keep: called on every poll; renews the lease.

        Raises:
            PipelineError: the error that the worker ended with, of its own class.
            RemoteFailed: it ended badly in any other way; holds the end of its stderr.
            RemoteTimedOut: it was ended at the deadline.
            RemoteCancelled: somebody else cancelled it.
        """
        label = context.run_id
        with (
            tempfile.TemporaryDirectory(prefix="pipes-") as folder,
            dg.open_pipes_session(
                context=context,
                context_injector=dg.PipesFileContextInjector(str(Path(folder) / "context")),
                message_reader=ProgressFileReader(str(Path(folder) / "messages"), progress),
            ) as session,
        ):
            try:
                command_id = self._commands.send(
                    self._argv(request_key),
                    env={**self._env, **session.get_bootstrap_env_vars()},
                    timeout_s=deadline.remaining_s,
                    label=label,
                )
                context.log.debug(f"The worker runs as command {command_id}.")
                status = wait_until(
                    lambda: self._poll(command_id, keep),
                    success=lambda status: status.ended,
                    failure=lambda _: False,
                    deadline=deadline,
                    interval_s=self._interval_s,
                    what=f"the worker, command {command_id},",
                    describe=_describe,
                )
            except BaseException:
                # By label, not by id: an interrupt may come before the id is known.
                for running_id, running_label in self._commands.running():
                    if running_label == label:
                        self._commands.cancel(running_id)
                raise
        _demand_success(status, command_id)
        return status

    def _poll(self, command_id: str, keep: Callable[[], None]) -> CommandStatus:
        keep()
        return self._commands.poll(command_id)


def _demand_success(status: CommandStatus, command_id: str) -> None:
    what = f"the worker, command {command_id},"
    if status.state == "succeeded":
        return
    if status.state == "timed_out":
        raise RemoteTimedOut(f"{what} ran too long and was ended: {_describe(status)}")
    if status.state == "cancelled":
        raise RemoteCancelled(f"{what} was cancelled: {_describe(status)}")
    named = _named_error(status.stderr_tail)
    if named is not None:
        raise named
    raise RemoteFailed(f"{what} did not end well: {_describe(status)}")


def _named_error(stderr: str) -> PipelineError | None:
    """Take up the error that the worker ended with: its last words are `<class>: <message>`."""
    for start in reversed([match.start() for match in _ERROR_LINE.finditer(stderr)]):
        name, _, message = stderr[start:].partition(": ")
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, PipelineError):
            return kind(message.strip())
    return None


def _describe(status: CommandStatus) -> str:
    tail = status.stderr_tail.strip()[-TAIL_CHARS:] or "(nothing on stderr)"
    code = "" if status.exit_code is None else f" with exit code {status.exit_code}"
    return f"{status.state}{code}; its last words:\n{tail}"
