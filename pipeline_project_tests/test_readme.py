"""What the README says is true: its commands run, its links lead somewhere, nothing is missing."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_project.sample import sample_dir
from pipeline_project_tests.cli.test_train import write_labelled
from pipeline_project_tests.commands import run

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
SELECTION = re.search(r"`selection\.json` holds `(\{.*\})`", README)


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A user's folder: footage, photographs, and the selection that the README shows."""
    folder = tmp_path_factory.mktemp("user")
    held = {
        "footage": ["coffee_table.mp4", "cat.mp4"],
        "photos": ["portrait.jpg", "launch_pad.jpg"],
    }
    for kind, names in held.items():
        (folder / kind).mkdir()
        for name in names:
            shutil.copy(sample_dir() / name, folder / kind / name)
    (folder / "selection.json").write_text(SELECTION.group(1))
    write_labelled(folder / "labelled")
    return folder


def test_the_readme_shows_commands():
    assert len(commands()) >= 8


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_runs(folder, command):
    done = run(folder, *shlex.split(command))
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines() if "--json" in command else []:
        json.loads(line)


def test_the_tables_are_read_by_other_tools_as_shown(folder):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "timestamp_s" in done.stdout


def test_every_command_stands_in_the_readme(tmp_path):
    shown = run(tmp_path, "pipeline", "--help").stdout
    listed = set(re.findall(r"^[│|\s]*([a-z]+)\s{2,}\S", shown.split("Commands")[1], re.MULTILINE))
    assert listed
    missing = [name for name in listed if f"`pipeline {name}" not in README]
    assert not missing


@pytest.mark.parametrize("target", ["run", "test", "dev", "soak"])
def test_every_make_target_of_the_readme_exists(target):
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_link_and_picture_is_there(link):
    assert (ROOT / link).exists()


def test_every_word_of_the_error_tree_is_a_class():
    from pipeline_project import errors

    for name in re.findall(r"[├└]── (\w+)", errors.__doc__ or ""):
        assert issubclass(getattr(errors, name), errors.PipelineError)


def test_no_placeholder_is_left_in_the_readme():
    assert not re.search(r"^[A-Z_]{5,}$|TODO|TBD|XXX", README, re.MULTILINE)
