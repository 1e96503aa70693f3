"""The Lightly Worker: found where one is idle, else started on the run's box."""

from collections.abc import Callable

from pipeline_project.adapters.commands.base import Commands
from pipeline_project.adapters.selection_service.lightly_api import LightlyApi, Worker
from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.core.config import LightlyConfig
from pipeline_project.errors import RemoteFailed, TransientError

_LOOK_S = 5.0


class LightlyWorkers:
    """Finds, starts and stops workers of one account."""

    def __init__(
        self, api: LightlyApi, commands: Commands | None, *, sleep: Callable[[float], None]
    ) -> None:
        """Hold the account and, where workers may be started, the box to start them on."""
        self._api = api
        self._commands = commands
        self._sleep = sleep
        self._started: dict[str, str] = {}

    def ensure(self, config: LightlyConfig, *, timeout_s: float, label: str) -> str:
        """Have an idle worker that may take the run; return a sentence on what was done.

        Raises:
            RemoteFailed: the worker that was started ended.
            RemoteTimedOut: none was idle in time.
        """
        deadline = Deadline(timeout_s)
        idle = self._idle(config, None)
        if idle is not None:
            return f"Lightly Worker {idle.name!r} is idle."
        if self._commands is None:
            own: str | None = None
            what = (
                "waiting for an idle Lightly Worker (none is started by a run on this machine: "
                "start one as https://docs.lightly.ai says)"
            )
        else:
            own = self._start(config, deadline.remaining_s, label)
            what = f"waiting for Lightly Worker {config.worker_name!r} to be idle"
        found = wait_until(
            lambda: self._look(config, own, label),
            success=lambda seen: isinstance(seen, Worker),
            failure=lambda seen: False,
            deadline=deadline,
            interval_s=_LOOK_S,
            what=what,
            sleep=self._sleep,
        )
        name = found.name if isinstance(found, Worker) else config.worker_name
        return f"Lightly Worker {name!r} was {'started' if own else 'found'} and is idle."

    def started(self, label: str) -> bool:
        """Whether a worker was started under this label, here or by another process."""
        return label in self._started or any(self._commands_of(label))

    def stop(self, label: str) -> None:
        """Stop the worker that was started under this label; none is fine."""
        for command_id in self._commands_of(label):
            if self._commands is not None:
                self._commands.cancel(command_id)
        self._started.pop(label, None)

    def _commands_of(self, label: str) -> list[str]:
        if self._commands is None:
            return []
        return [each for each, its in self._commands.running() if its == _command_label(label)]

    def _start(self, config: LightlyConfig, timeout_s: float, label: str) -> str:
        """Register the worker and start its container; returns the worker's id."""
        worker_id = self._api.register_worker(config.worker_name, config.runs_on)
        if self._commands is not None and not self._commands_of(label):
            self._started[label] = self._commands.send(
                [config.launcher],
                # The token is not among them: the box reads it from its parameter store.
                env={
                    "LIGHTLY_WORKER_ID": worker_id,
                    "LIGHTLY_TOKEN_PARAMETER": config.token_parameter,
                    "LIGHTLY_WORKER_IMAGE": config.worker_image,
                    "LIGHTLY_SHM_SIZE": config.shm_size,
                    "LIGHTLY_GPUS": config.gpus,
                },
                timeout_s=timeout_s,
                label=_command_label(label),
            )
        return worker_id

    def _look(self, config: LightlyConfig, own: str | None, label: str) -> Worker | str:
        """The idle worker, or what is seen instead."""
        try:
            idle = self._idle(config, own)
        except TransientError as error:
            return str(error)
        if idle is not None:
            return idle
        command_id = self._started.get(label)
        if command_id is not None and self._commands is not None:
            status = self._commands.poll(command_id)
            if status.ended:
                raise RemoteFailed(
                    f"starting Lightly Worker {config.worker_name!r}: {config.launcher} ended "
                    f"before the worker was idle: {status.state}, exit code {status.exit_code}. "
                    f"Its last words: {status.stderr_tail.strip()[-2_000:] or '(none)'}"
                )
            return f"{config.launcher} is {status.state}; the worker is not idle yet"
        return "no worker is idle"

    def _idle(self, config: LightlyConfig, own: str | None) -> Worker | None:
        """An idle worker: this one, or any that has the labels that the run asks for."""
        wanted = set(config.runs_on)
        for each in self._api.workers():
            fits = each.worker_id == own if own else wanted <= set(each.labels)
            if fits and each.state == "IDLE":
                return each
        return None


def _command_label(label: str) -> str:
    """Not the run's own label: under that our own worker runs."""
    return f"{label}-lightly-worker"
