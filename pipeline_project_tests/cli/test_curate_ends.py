"""How `pipeline curate` ends when it is stopped, or cannot begin: real processes."""

import os
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest

from pipeline_project.cli.curate import why_nothing
from pipeline_project_tests.commands import BIN, environment, run


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_stopped_while_its_worker_works_ends_in_one_word(tmp_path, stop):
    process = subprocess.Popen(
        [str(BIN / "pipeline"), "curate"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stderr:
        if line.startswith("Looking at"):
            break
    time.sleep(0.3)
    os.killpg(process.pid, stop)  # as a terminal does: to everybody in the group
    said = process.stderr.read()
    assert process.wait(60) == 130, said
    assert said.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in said
    status = run(tmp_path, "pipeline", "instance", "status")
    assert "no run holds a lease, and no command runs" in status.stdout + status.stderr


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    "options, word",
    [
        (["--on", "aws"], "aws"),
        (["--out", "/proc/1/nothing"], "--out"),
        (["nothing"], "nothing"),
        (["--proportion", "0"], "--proportion 0"),
        (["--proportion", "2"], "--proportion 2"),
        (["--n", "0"], "--n 0"),
        (["--n", "3", "--proportion", "0.5"], "not both"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_done(tmp_path, options, word, more):
    done = run(tmp_path, "pipeline", "curate", *options, *more)
    assert done.returncode == 2
    assert word in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / ".pipeline").exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_folder_without_media_is_wrong_use_and_says_what_was_left_out(tmp_path, more):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("no picture")
    done = run(tmp_path, "pipeline", "curate", "notes", *more)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "no images or videos found" in last and "1" in last


def test_two_first_runs_at_once_both_succeed(tmp_path):
    command = [str(BIN / "pipeline"), "curate", "--json"]
    runs = [
        subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ends = [each.communicate(timeout=200) for each in runs]
    assert [each.returncode for each in runs] == [0, 0], ends


def test_a_damaged_history_of_runs_is_named_with_what_to_do(tmp_path):
    history = tmp_path / ".pipeline" / "dagster" / "history"
    history.mkdir(parents=True)
    (history / "runs.db").write_bytes(b"no database at all" * 100)
    done = run(tmp_path, "pipeline", "curate")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Move that folder away" in done.stderr


def test_a_home_that_is_a_file_is_named(tmp_path):
    (tmp_path / ".pipeline").write_text("in the way")
    done = run(tmp_path, "pipeline", "curate")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert ".pipeline" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"candidates": 0}, "no file gave a frame"),
        ({"candidates": 9, "duplicates": 9, "pool": 2}, "looks like earlier picks"),
        ({"candidates": 9, "excluded_threshold": 7}, "7 do not pass a THRESHOLD"),
        ({"candidates": 9, "excluded_blur": 9}, "action: tag"),
    ],
)
def test_where_nothing_was_picked_the_advice_is_for_what_left_it_out(counts, said):
    zero = {"pool": 0, "duplicates": 0, "survivors": 0}
    result, published = SimpleNamespace(counts=zero | counts), SimpleNamespace(report="r.html")
    assert said in why_nothing(result, published)
