"""A machine's name for others is its own, lasting, and the same for all its processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_project.adapters.machine import addresses_of, known_name, machine_name
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


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path)])
def test_a_name_that_cannot_be_read_is_told(tmp_path, make):
    make(tmp_path / "machine")
    with pytest.raises(ConfigError, match="let it be read"):
        machine_name(tmp_path)


def test_a_home_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ConfigError, match="its folder be written"):
        machine_name(tmp_path / "home")


def test_a_name_is_made_where_there_are_no_hard_links(tmp_path, monkeypatch):
    def link(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert machine_name(tmp_path) == machine_name(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["machine"]


def test_asking_for_a_name_that_there_may_be_makes_none(tmp_path):
    assert known_name(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    assert machine_name(tmp_path) == known_name(tmp_path)


def test_a_file_is_known_by_its_path_and_where_uploads_were_by_the_machine_too(tmp_path):
    path = "/a b/c.mp4"
    assert addresses_of(path, tmp_path) == {"file:///a%20b/c.mp4"}
    assert not (tmp_path / "machine").exists()
    name = machine_name(tmp_path)
    assert addresses_of(path, tmp_path) == {"file:///a%20b/c.mp4", f"file://{name}/a%20b/c.mp4"}
    assert addresses_of("file:///a%20b/c.mp4", tmp_path) == addresses_of(path, tmp_path)


@pytest.mark.parametrize("written", ["s3://bucket/c.mp4", "file://other-1f00c2aa/c.mp4", "a\0b"])
def test_what_is_no_file_of_this_machine_has_no_address_here(tmp_path, written):
    machine_name(tmp_path)
    assert addresses_of(written, tmp_path) == set()
