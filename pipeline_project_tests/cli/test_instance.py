import sys

import pytest

from pipeline_project.build import local_commands, local_instance
from pipeline_project.settings import load_settings


@pytest.fixture
def busy(tmp_path):
    """A home whose machine one run holds, with a command that runs."""
    settings = load_settings(flags={"home": tmp_path / "home"})
    local_instance(settings).start("run-1", lease_s=600)
    commands = local_commands(settings)
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    command_id = commands.send(argv, env={}, timeout_s=60, label="run-1")
    yield tmp_path / "home", commands, command_id
    commands.cancel(command_id)


def test_an_idle_machine_says_so_and_nothing_is_written(pipeline, tmp_path):
    answer = pipeline("instance", "status", "--json")
    assert answer.code == 0
    (status,) = answer.rows
    assert (status["instance_id"], status["leases"], status["commands"]) == ("local", [], [])
    assert "no run holds a lease" in pipeline("instance", "status").out
    assert list(tmp_path.iterdir()) == []


def test_status_names_leases_and_commands_with_their_runs(pipeline, busy):
    home, _, command_id = busy
    (status,) = pipeline("instance", "status", "--json", "--home", home).rows
    assert [lease["run_id"] for lease in status["leases"]] == ["run-1"]
    assert status["commands"] == [{"command_id": command_id, "run_id": "run-1"}]
    words = pipeline("instance", "status", "--home", home).out
    assert "lease    run run-1" in words and f"command  {command_id}" in words


def test_stop_ends_commands_and_drops_leases(pipeline, busy):
    home, commands, command_id = busy
    answer = pipeline("instance", "stop", "--home", home)
    assert (answer.code, answer.out) == (0, "")
    assert "Commands ended: 1; leases dropped: 1" in answer.err
    assert commands.poll(command_id).state == "cancelled"
    (status,) = pipeline("instance", "status", "--json", "--home", home).rows
    assert (status["leases"], status["commands"]) == ([], [])


def test_a_damaged_lease_book_is_exit_1_and_named(pipeline, busy):
    home = busy[0]
    (home / "store" / "leases" / "local.json").write_text("{")
    answer = pipeline("instance", "status", "--home", home)
    assert (answer.code, answer.out) == (1, "")
    assert "leases/local.json" in answer.err
