"""Local commands: the contract, and what another process or a later one can do."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from pipeline_project.adapters.commands import local
from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.commands.processes import alive, session_members, start_mark
from pipeline_project.errors import PermanentError
from pipeline_project_tests.contracts.commands import CommandsContract, ended, python, wait_for


class TestLocalCommands(CommandsContract):
    @pytest.fixture
    def commands(self, tmp_path):
        return LocalCommands(tmp_path / "commands", grace_s=0.5)


def sender(root, code, then="time.sleep(60)"):
    """Start a process that sends `code` as a command and then does something else."""
    script = f"""
    import os, sys, time
    from pathlib import Path
    from pipeline_project.adapters.commands.local import LocalCommands
    commands = LocalCommands(Path({str(root)!r}), grace_s=0.5)
    command_id = commands.send(
        [sys.executable, "-c", {code!r}], env={{}}, timeout_s=60, label="from afar"
    )
    print(command_id, flush=True)
    {then}
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


SLEEP = "import time; time.sleep(60)"
END_WITH_STDIN = "import sys; sys.stdin.read(); sys.exit(9)"


def test_another_process_lists_and_cancels_the_command(tmp_path):
    process, command_id = sender(tmp_path, SLEEP)
    commands = LocalCommands(tmp_path, grace_s=0.5)
    try:
        assert commands.running() == [(command_id, "from afar")]
        commands.cancel(command_id)
        assert commands.running() == []
        assert ended(commands, command_id).state == "cancelled"
    finally:
        process.kill()
        process.wait()


def test_a_later_process_reads_the_exit_code(tmp_path):
    process, command_id = sender(
        tmp_path, "raise SystemExit(4)", "commands._watchers[command_id].join()"
    )
    assert process.wait() == 0
    status = LocalCommands(tmp_path).poll(command_id)
    assert (status.state, status.exit_code) == ("failed", 4)


def test_a_program_that_reads_stdin_ends_when_its_sender_is_killed(tmp_path):
    process, command_id = sender(tmp_path, END_WITH_STDIN)
    commands = LocalCommands(tmp_path)
    assert commands.poll(command_id).state == "running"
    process.kill()
    process.wait()
    assert wait_for(lambda: commands.running() == [])
    assert commands.poll(command_id).state == "failed"


def test_what_a_killed_sender_left_behind_can_be_cancelled(tmp_path):
    process, command_id = sender(tmp_path, SLEEP)
    process.kill()
    process.wait()
    commands = LocalCommands(tmp_path, grace_s=0.5)
    assert commands.running() == [(command_id, "from afar")]
    commands.cancel(command_id)
    assert commands.running() == []
    assert commands.poll(command_id).state == "cancelled"


def test_nothing_that_a_command_started_outlives_it(tmp_path):
    pid_file = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))"
    )
    commands = LocalCommands(tmp_path / "commands", grace_s=0.5)
    assert (
        ended(commands, commands.send(python(code), env={}, timeout_s=60, label="x")).state
        == "succeeded"
    )
    child = int(pid_file.read_text())
    assert not alive(child, "")


def test_a_reused_process_id_is_not_taken_for_the_command(tmp_path):
    commands = LocalCommands(tmp_path, grace_s=0.5)
    command_id = commands.send(python("pass"), env={}, timeout_s=60, label="x")
    ended(commands, command_id)
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    try:
        record_path = tmp_path / command_id / "command.json"
        record = json.loads(record_path.read_text())
        record["pid"] = stranger.pid
        record_path.write_text(json.dumps(record))
        (tmp_path / command_id / "exit.json").unlink()
        other = LocalCommands(tmp_path, grace_s=0.1)
        assert other.running() == []
        other.cancel(command_id)
        assert stranger.poll() is None
        assert session_members(stranger.pid, start_mark(stranger.pid)) == [stranger.pid]
    finally:
        os.killpg(stranger.pid, signal.SIGKILL)
        stranger.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_processes_that_can_not_be_ended_are_named_in_the_end():
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    script = f"""
    import os
    from pipeline_project.adapters.commands.processes import end_session, start_mark
    from pipeline_project.errors import PermanentError
    os.setuid(65534)
    try:
        end_session({stranger.pid}, start_mark({stranger.pid}), grace_s=0.1, kill_s=0.1)
    except PermanentError as error:
        print(error)
    """
    try:
        told = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert f"Ending processes {stranger.pid} of session" in told.stdout
        assert "not allowed" in told.stdout
        assert stranger.poll() is None
    finally:
        os.killpg(stranger.pid, signal.SIGKILL)
        stranger.wait()


def test_a_command_whose_processes_cannot_be_ended_still_gets_its_end_written(
    tmp_path, monkeypatch
):
    def refuse(session, mark, *, grace_s):
        raise PermanentError("Ending processes 7 of session 7: not allowed")

    monkeypatch.setattr(local, "end_session", refuse)
    commands = LocalCommands(tmp_path)
    status = ended(commands, commands.send(python("pass"), env={}, timeout_s=60, label="x"))
    assert (status.state, status.exit_code) == ("succeeded", 0)
    assert "not allowed" in status.stderr_tail


def test_variables_are_not_written_down(tmp_path):
    commands = LocalCommands(tmp_path)
    command_id = commands.send(python("pass"), env={"KEY": "s3cret"}, timeout_s=60, label="x")
    ended(commands, command_id)
    for path in (tmp_path / command_id).iterdir():
        assert "s3cret" not in path.read_text()


def test_only_the_last_part_of_long_output_is_kept_in_the_status(tmp_path):
    commands = LocalCommands(tmp_path)
    command_id = commands.send(
        python("print('x' * 100_000 + 'end')"), env={}, timeout_s=60, label="x"
    )
    tail = ended(commands, command_id).stdout_tail
    assert len(tail) <= 8_000
    assert tail.endswith("end\n")
