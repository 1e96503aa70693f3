"""What every way of running commands must do; each twin's tests subclass this pack."""

import sys
import time
from collections.abc import Callable

import pytest

from pipeline_project.adapters.commands.base import Commands, CommandStatus
from pipeline_project.errors import ConfigError, PermanentError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> bool:
    end = time.monotonic() + timeout_s
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return met


def ended(commands: Commands, command_id: str) -> CommandStatus:
    assert wait_for(lambda: commands.poll(command_id).ended), "the command did not end"
    return commands.poll(command_id)


class CommandsContract:
    @pytest.fixture
    def commands(self) -> Commands:
        raise NotImplementedError

    def test_a_command_that_ends_well_has_succeeded(self, commands):
        command_id = commands.send(
            python("import sys; print('out'); print('err', file=sys.stderr)"),
            env={},
            timeout_s=30,
            label="run-1",
        )
        status = ended(commands, command_id)
        assert (status.state, status.exit_code) == ("succeeded", 0)
        assert status.stdout_tail.strip() == "out"
        assert status.stderr_tail.strip() == "err"

    def test_a_command_that_ends_badly_has_failed_with_its_exit_code(self, commands):
        status = ended(
            commands, commands.send(python("raise SystemExit(3)"), env={}, timeout_s=30, label="x")
        )
        assert (status.state, status.exit_code) == ("failed", 3)

    def test_arguments_reach_the_program_unchanged(self, commands):
        odd = ["a b", "'q' \"q\"", "$HOME; echo x", "new\nline", "ü", ""]
        command_id = commands.send(
            [*python("import sys; print(ascii(sys.argv[1:]))"), *odd],
            env={},
            timeout_s=30,
            label="x",
        )
        assert ended(commands, command_id).stdout_tail.strip() == ascii(odd)

    def test_variables_are_added_to_the_environment(self, commands):
        command_id = commands.send(
            python("import os; print(os.environ['GIVEN'], bool(os.environ['PATH']))"),
            env={"GIVEN": "a 'b'"},
            timeout_s=30,
            label="x",
        )
        assert ended(commands, command_id).stdout_tail.strip() == "a 'b' True"

    def test_a_running_command_is_listed_with_its_label_and_an_ended_one_is_not(self, commands):
        command_id = commands.send(
            python("import time; time.sleep(60)"), env={}, timeout_s=60, label="run 7"
        )
        assert commands.running() == [(command_id, "run 7")]
        assert wait_for(lambda: commands.poll(command_id).state == "running")
        commands.cancel(command_id)
        assert commands.running() == []

    def test_cancelling_ends_the_command_and_what_it_started(self, commands, tmp_path):
        beat = tmp_path / "beat"
        child = f"import time\nwhile True: open({str(beat)!r}, 'a').write('.'); time.sleep(0.02)"
        parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
        command_id = commands.send(python(parent), env={}, timeout_s=60, label="x")
        assert wait_for(beat.exists)
        commands.cancel(command_id)
        assert ended(commands, command_id).state == "cancelled"
        size = beat.stat().st_size
        time.sleep(0.2)
        assert beat.stat().st_size == size

    def test_a_command_that_ignores_the_request_to_end_is_killed(self, commands, tmp_path):
        deaf = tmp_path / "deaf"
        command_id = commands.send(
            python(
                "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                f"pathlib.Path({str(deaf)!r}).touch(); time.sleep(60)"
            ),
            env={},
            timeout_s=60,
            label="x",
        )
        assert wait_for(deaf.exists)
        commands.cancel(command_id)
        assert ended(commands, command_id).state == "cancelled"

    def test_a_command_that_runs_too_long_is_ended(self, commands):
        command_id = commands.send(
            python("import time; time.sleep(60)"), env={}, timeout_s=0.3, label="x"
        )
        assert ended(commands, command_id).state == "timed_out"

    def test_cancelling_an_ended_command_changes_nothing(self, commands):
        command_id = commands.send(python("pass"), env={}, timeout_s=30, label="x")
        before = ended(commands, command_id)
        commands.cancel(command_id)
        assert commands.poll(command_id) == before

    @pytest.mark.parametrize("unknown", ["never-sent", "../elsewhere", ""])
    def test_an_unknown_id_is_a_permanent_error(self, commands, unknown):
        with pytest.raises(PermanentError):
            commands.poll(unknown)
        with pytest.raises(PermanentError):
            commands.cancel(unknown)

    def test_a_program_that_does_not_exist_is_told(self, commands):
        """At once where it can be seen at once, else as a command that failed."""
        try:
            command_id = commands.send(["no-such-program"], env={}, timeout_s=30, label="x")
        except ConfigError as error:
            assert "no-such-program" in str(error)
            return
        status = ended(commands, command_id)
        assert (status.state, status.exit_code) == ("failed", 127)
        assert "no-such-program" in status.stderr_tail
