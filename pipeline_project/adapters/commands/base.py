"""What every way of running a command beside the data offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

CommandState = Literal["pending", "running", "succeeded", "failed", "timed_out", "cancelled"]
END_STATES: frozenset[CommandState] = frozenset({"succeeded", "failed", "timed_out", "cancelled"})


@dataclass(frozen=True, slots=True)
class CommandStatus:
    """Where a command stands; the tails hold the last characters of its output.

    `detail` is the machine's own word for it, where it says more (`DeliveryTimedOut`, say).
    """

    state: CommandState
    exit_code: int | None = None
    stdout_tail: str = ""
    stderr_tail: str = ""
    detail: str = ""

    @property
    def ended(self) -> bool:
        """Whether no further change will come."""
        return self.state in END_STATES


class Commands(Protocol):
    """Runs programs on one instance, each in a process group of its own."""

    def send(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        timeout_s: float,
        label: str,
    ) -> str:
        """Start a command and return its id without waiting.

        Args:
            argv: program and arguments; never passed through a shell.
            env: variables added to the instance's own environment.
            timeout_s: the command is killed, with its children, when it runs longer.
            label: what people see beside it, the run id say.
        """
        ...

    def poll(self, command_id: str) -> CommandStatus:
        """Tell where a command stands.

        Raises:
            PermanentError: nobody knows this id.
        """
        ...

    def cancel(self, command_id: str) -> None:
        """End a command and every process it started; one that has ended is left alone."""
        ...

    def running(self) -> list[tuple[str, str]]:
        """List (command id, label) of what runs now, also when another process started it."""
        ...
