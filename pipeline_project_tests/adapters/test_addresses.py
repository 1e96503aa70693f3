"""Paths as text, and back."""

import json
from pathlib import Path

import pytest

from pipeline_project.adapters.addresses import (
    as_text,
    is_text,
    on_machine,
    path_of,
    path_there,
    place_of,
    shown,
)
from pipeline_project.errors import ConfigError

ODD = "/a b%20/\udcff\udcfe é"


@pytest.mark.parametrize("path", [ODD, "/plain", "/é?#%FF"])
def test_a_path_written_as_text_is_read_back_as_it_was(path):
    written = json.loads(json.dumps(as_text(path), ensure_ascii=False).encode())
    assert place_of(written) == Path(path)
    assert as_text(written) == written


def test_what_is_text_already_stays_as_it_was_written():
    for written in ("media", "~/media", "file:///a%20b", "s3://bucket/é", "/a b"):
        assert as_text(written) == written


def test_a_relative_path_of_odd_bytes_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert path_of(as_text("odd \udcff")) == tmp_path / "odd \udcff"


def test_an_address_may_hold_odd_bytes_itself():
    assert as_text("file:///a%20b/\udcff") == "file:///a%20b/%FF"
    assert place_of("file:///a%20b/\udcff") == Path("/a b/\udcff")


def test_the_users_home_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/there")
    assert place_of("~/media") == Path("/there/media")


@pytest.mark.parametrize("odd", ["\udcff", "\ud800", "a\udc80é"])
def test_what_is_shown_is_always_text(odd):
    assert not is_text(odd)
    assert is_text(shown(odd))
    assert shown("a\udcff é") == "a\\xff é"


def test_a_file_of_another_machine_has_a_path_but_none_that_is_read_here():
    there = on_machine("file:///a%20b/c", "laptop-1")
    assert there == "file://laptop-1/a%20b/c"
    assert path_there(there) == Path("/a b/c")
    with pytest.raises(ConfigError, match="no file on this machine"):
        path_of(there)


@pytest.mark.parametrize("address", ["s3://bucket/key", "file://laptop-2/a"])
def test_only_files_of_this_machine_get_its_address(address):
    assert on_machine(address, "laptop-1") == address
