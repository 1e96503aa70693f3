"""Our worker, run as a command with a Dagster Pipes session around it.

Sends the command, follows it to its end, keeps the lease alive meanwhile, and ends the command
when anything at all interrupts the wait.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import dagster as dg

from pipeline_project.adapters.commands.base import Commands, CommandStatus
from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import RemoteCancelled, RemoteFailed, RemoteTimedOut
from pipeline_project.resources.pipes import ProgressFileReader
from pipeline_project.resources.progress import ProgressSink

TAIL_CHARS = 2_000
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
            RemoteFailed: the worker ended badly; holds the end of its stderr.
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
                context.log.info(f"The worker runs as command {command_id}.")
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
    if status.state == "succeeded":
        return
    kind = {"timed_out": RemoteTimedOut, "cancelled": RemoteCancelled}.get(
        status.state, RemoteFailed
    )
    raise kind(f"the worker, command {command_id}, did not end well: {_describe(status)}")


def _describe(status: CommandStatus) -> str:
    tail = status.stderr_tail.strip()[-TAIL_CHARS:] or "(nothing on stderr)"
    code = "" if status.exit_code is None else f" with exit code {status.exit_code}"
    return f"{status.state}{code}; its last words:\n{tail}"
