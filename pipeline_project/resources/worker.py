"""Our worker, run as a command with a Dagster Pipes session around it."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.pipes.context import PipesSession

from pipeline_project.adapters.commands.base import Commands, CommandStatus
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.resources.pipes import ProgressFileReader
from pipeline_project.resources.progress import ProgressSink
from pipeline_project.resources.remote_command import run_to_end

WorkerCommand = Callable[[str], Sequence[str]]
OpenSession = Callable[[dg.OpExecutionContext, ProgressSink], AbstractContextManager[PipesSession]]


@contextmanager
def file_session(context: dg.OpExecutionContext, progress: ProgressSink) -> Iterator[PipesSession]:
    """Open a Pipes session over files, for a worker on this machine."""
    with (
        tempfile.TemporaryDirectory(prefix="pipes-") as folder,
        dg.open_pipes_session(
            context=context,
            context_injector=dg.PipesFileContextInjector(str(Path(folder) / "context")),
            message_reader=ProgressFileReader(str(Path(folder) / "messages"), progress),
        ) as session,
    ):
        yield session


class WorkerClient:
    """Runs one worker command per call."""

    def __init__(
        self,
        commands: Commands,
        argv: WorkerCommand,
        env: Mapping[str, str] | None = None,
        interval_s: float = 0.2,
        open_session: OpenSession = file_session,
    ) -> None:
        """Hold the way to the machine.

        Args:
            commands: where the worker runs.
            argv: gives the worker's whole command line for a request key.
            env: variables added to the worker's environment.
            interval_s: seconds between polls.
            open_session: how the worker's messages come here.
        """
        self._commands = commands
        self._argv = argv
        self._env = dict(env or {})
        self._interval_s = interval_s
        self._open_session = open_session

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

        The command is ended when anything at all interrupts the wait.

        Args:
            context: the op that waits; the worker's log lines go to its log.
            request_key: where the request lies in the object store.
            deadline: when to give up.
            progress: where the worker's word of progress goes, as it comes.
            keep: called on every poll; renews the lease.

        Raises:
            PipelineError: see `remote_command.run_to_end`.
        """
        argv = self._argv(request_key)
        with self._open_session(context, progress) as session:
            _, status = run_to_end(
                self._commands,
                argv,
                env={**self._env, **session.get_bootstrap_env_vars()},
                label=context.run_id,
                deadline=deadline,
                interval_s=self._interval_s,
                keep=keep,
                warn=context.log.warning,
                what="the worker",
                sent=lambda command_id: context.log.debug(
                    f"The worker runs as command {command_id}."
                ),
            )
        return status
