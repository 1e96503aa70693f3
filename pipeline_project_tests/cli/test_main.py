"""What holds for every command: exit codes, streams, help, and how they are interrupted."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pipeline_project import __version__
from pipeline_project.sample import sample_dir
from pipeline_project_tests.commands import BIN, environment, run

COMMANDS = ["init", "curate", "score", "embed", "select", "doctor", "instance"]


def start(folder: Path, *arguments: str, **streams) -> subprocess.Popen:
    return subprocess.Popen(
        [str(BIN / "pipeline"), *arguments], cwd=folder, env=environment(folder), **streams
    )


def test_help_names_every_command(pipeline):
    answer = pipeline("--help")
    assert answer.code == 0
    assert all(f"\n  {command} " in answer.out for command in COMMANDS)


@pytest.mark.parametrize(
    "command", [*COMMANDS[:-1], "instance status", "instance stop"], ids=str.split
)
def test_every_command_has_help_with_an_example(pipeline, command):
    answer = pipeline(*command.split(), "--help")
    assert answer.code == 0
    assert f"    pipeline {command}" in answer.out
    assert "Examples:" in answer.out


@pytest.mark.parametrize("group", ["", "labels", "collections", "datapool", "instance"])
def test_every_summary_in_a_list_of_commands_is_whole(pipeline, group):
    listed = pipeline(*group.split(), "--help").out.partition("Commands:")[2].splitlines()
    assert any(listed)
    assert not [line for line in listed if line.endswith("...")]


def test_help_imports_nothing_heavy(tmp_path):
    heavy = "dagster lance pyarrow onnxruntime cv2 av numpy pydantic yaml rich"
    code = (
        "import sys; from pipeline_project.cli import main; main(['--help']); "
        f"print(sorted(set('{heavy}'.split()) & set(sys.modules)), file=sys.stderr)"
    )
    done = run(tmp_path, "python", "-c", code)
    assert done.stderr.strip() == "[]"


def test_version(pipeline):
    answer = pipeline("--version")
    assert (answer.code, answer.out) == (0, f"pipeline {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["score"],
        ["score", "--frobnicate"],
        ["embed", "."],
        ["select"],
        ["instance"],
        ["instance", "frobnicate"],
        ["doctor", "surplus"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_exit_2_with_words_on_stderr_alone(pipeline, arguments):
    answer = pipeline(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err


def test_a_setting_that_is_wrong_is_exit_2_and_named(pipeline, photos):
    Path("pipeline.yaml").write_text("quality: {min_side_px: 1, colour: red}")
    answer = pipeline("score", photos)
    assert (answer.code, answer.out) == (2, "")
    assert "quality.min_side_px" in answer.err and "quality.colour" in answer.err


def test_debug_shows_the_traceback(tmp_path):
    done = run(tmp_path, "pipeline", "--debug", "score", "nowhere")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_python_m_is_the_same_program(tmp_path):
    done = run(tmp_path, "python", "-m", "pipeline_project.cli", "--version")
    assert (done.returncode, done.stdout) == (0, f"pipeline {__version__}\n")


def test_stdout_holds_json_alone(tmp_path):
    done = run(tmp_path, "pipeline", "score", str(sample_dir()), "--json")
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(row["path"]).name for row in rows] == sorted(
        path.name for path in sample_dir().iterdir()
    )
    assert "tried" in done.stderr


def test_a_reader_that_stops_early_gets_no_traceback(tmp_path):
    process = start(
        tmp_path,
        "score",
        *[str(sample_dir())] * 40,
        "--json",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert json.loads(process.stdout.readline())["path"]
    process.stdout.close()
    words = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 1
    assert "Traceback" not in words and "BrokenPipe" not in words


@pytest.mark.parametrize("command", [["--version"], ["score", str(sample_dir())]], ids=str)
def test_a_full_disk_behind_stdout_is_one_message(tmp_path, command):
    with Path("/dev/full").open("w") as full:
        process = start(tmp_path, *command, stdout=full, stderr=subprocess.PIPE)
        words = process.stderr.read().decode()
        process.stderr.close()
    assert process.wait(60) == 1
    assert "Traceback" not in words
    assert "Error: Writing the result to standard output: No space left" in words


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_line_exit_130_and_leaves_no_part(tmp_path, number):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for copy in range(3000):
        (pictures / f"{copy}.jpg").symlink_to(sample_dir() / "portrait.jpg")
    process = start(
        tmp_path, "embed", "pictures", "--out", "v.npy", stderr=subprocess.PIPE, text=True
    )
    assert process.stderr.readline().startswith("embed: ")
    time.sleep(0.2)
    process.send_signal(number)
    words = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 130
    assert "Traceback" not in words
    assert words.splitlines()[-1] == "Interrupted."
    assert list(tmp_path.iterdir()) == [pictures]
