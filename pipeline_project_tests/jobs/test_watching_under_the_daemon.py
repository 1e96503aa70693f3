"""Dagster's own daemon over a watched folder: our sensor, its book, a real run."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest

import pipeline_project
from pipeline_project.jobs.watchers import TRIGGER_TAG
from pipeline_project.sample import sample_dir
from pipeline_project_tests.commands import BIN, environment

PATIENCE_S = 400  # of a busy machine; a quiet one needs a tenth


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "footage").mkdir()
    (tmp_path / "dagster").mkdir()
    shutil.copy(Path(pipeline_project.__file__).with_name("dagster.yaml"), tmp_path / "dagster")
    return tmp_path


@pytest.fixture
def storage(folder):
    """Dagster's state, with a daemon that works on it."""
    variables = environment(
        folder,
        DAGSTER_HOME=str(folder / "dagster"),
        PIPELINE_OUTPUT__DIR=str(folder / "curated"),
        PIPELINE_TRIGGERS__FOLDER=str(folder / "footage"),
        PIPELINE_TRIGGERS__EVERY_S="5",
    )
    command = [BIN / "dagster-daemon", "run", "-m", "pipeline_project.definitions"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=log, stderr=log, start_new_session=True
        )
    with dg.DagsterInstance.from_config(str(folder / "dagster")) as instance:
        yield instance
    daemon.send_signal(signal.SIGINT)
    try:
        daemon.wait(60)
    except subprocess.TimeoutExpired:
        pass  # the whole group is ended below
    finally:
        if daemon.poll() is None:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait(30)


@pytest.mark.timeout(2 * PATIENCE_S + 60)
def test_a_file_that_comes_into_a_watched_folder_is_curated_once(folder, storage):
    def wait(seen, what):
        deadline = time.monotonic() + PATIENCE_S
        while not seen():
            said = (folder / "log").read_text()[-3000:]
            assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s\n{said}"
            time.sleep(0.2)

    def runs():
        return storage.get_runs(dg.RunsFilter(tags={TRIGGER_TAG: "watch_folder"}))

    def states():
        book = sqlite3.connect(folder / ".pipeline" / "triggers" / "watch_folder.sqlite")
        try:
            return [state for (state,) in book.execute("select state from files")]
        finally:
            book.close()

    shutil.copy(sample_dir() / "launch_pad.jpg", folder / "footage")
    wait(lambda: [run for run in runs() if run.is_finished], "a run on the folder")
    wait(lambda: states() == ["done"], "the file being taken")
    (run,) = runs()
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert len(list((folder / "curated").glob("*/report.html"))) == 1
