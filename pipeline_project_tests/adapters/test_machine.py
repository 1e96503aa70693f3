"""A machine's name for others is its own, lasting, and the same for all its processes."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_project.adapters.machine import addresses_of, machine_name
from pipeline_project.errors import ConfigError

PROGRAM = "import sys; from pathlib import Path; from pipeline_project.adapters.machine import *; "


def test_a_name_is_made_once_and_lasts(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "Ann's MacBook.local")
    name = machine_name(tmp_path / "home")
    assert name.startswith("ann-s-macbook-")
    monkeypatch.setattr(socket, "gethostname", lambda: "other")
    assert machine_name(tmp_path / "home") == name
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["machine"]


def test_machines_of_one_name_are_told_apart(tmp_path):
    assert machine_name(tmp_path / "a") != machine_name(tmp_path / "b")


@pytest.mark.parametrize("host", ["", "..", "é", "x" * 300])
def test_any_host_name_gives_a_name(tmp_path, monkeypatch, host):
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert machine_name(tmp_path) == machine_name(tmp_path)


def test_processes_that_ask_at_once_get_one_name(tmp_path):
    program = PROGRAM + f"print(machine_name(Path({str(tmp_path)!r})))"
    runs = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({run.communicate()[0] for run in runs}) == 1


@pytest.mark.parametrize("held", ["", "a b", "../x", "A"])
def test_a_damaged_name_is_told(tmp_path, held):
    (tmp_path / "machine").write_text(held)
    with pytest.raises(ConfigError, match="Delete the file"):
        machine_name(tmp_path)


def test_a_file_is_known_by_its_path_and_where_uploads_were_by_the_machine_too(tmp_path):
    path = Path("/a b/c.mp4")
    assert addresses_of(path, tmp_path) == {"file:///a%20b/c.mp4"}
    assert not (tmp_path / "machine").exists()
    name = machine_name(tmp_path)
    assert addresses_of(path, tmp_path) == {"file:///a%20b/c.mp4", f"file://{name}/a%20b/c.mp4"}
