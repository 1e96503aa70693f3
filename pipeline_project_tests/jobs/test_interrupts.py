"""What is left of a run that was interrupted, in processes of its own."""

import os
import signal
import subprocess
import sys

import pytest

from pipeline_project.adapters.commands.processes import alive
from pipeline_project_tests.contracts.commands import wait_for
from pipeline_project_tests.jobs.wiring import House

WIRING = "pipeline_project_tests.jobs.wiring"
IN_PROCESS = [sys.executable, "-m", WIRING]
BY_DAGSTER = [sys.executable, "-m", "dagster", "job", "execute", "-m", WIRING, "-j"]


@pytest.fixture
def house(tmp_path):
    return House(tmp_path).add_media("a.mp4")


@pytest.fixture
def running(house):
    """Give a function that starts a run and returns it once its worker works."""
    started = []

    def start(command, job):
        log = (house.home / "log").open("wb")
        process = subprocess.Popen(
            [*command, job],
            stdout=log,
            stderr=log,
            cwd=house.home,
            env={
                **os.environ,
                "HOUSE": str(house.home),
                "BEHAVIOUR": "sleep",
                "DAGSTER_HOME": "",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
        )
        started.append(process)
        assert wait_for(lambda: worker_pids(house) or process.poll() is not None, 60)
        assert process.poll() is None, (house.home / "log").read_text()
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def worker_pids(house):
    texts = [path.read_text() for path in house.home.glob("store/runs/*/worker.pid")]
    return [int(text) for text in texts if text]


@pytest.mark.parametrize(
    ("command", "job", "number"),
    [
        (IN_PROCESS, "curation_job", signal.SIGINT),
        (IN_PROCESS, "aws_example_job", signal.SIGTERM),
        (BY_DAGSTER, "curation_job", signal.SIGTERM),
    ],
    ids=["interrupt", "terminate-twin", "terminate-dagster"],
)
def test_an_interrupted_run_ends_its_worker_and_releases_its_lease(
    house, running, command, job, number
):
    process = running(command, job)
    (pid,) = worker_pids(house)
    assert len(house.leases()) == 1
    process.send_signal(number)
    assert process.wait(timeout=60) != 0
    assert not alive(pid, "")
    assert house.commands.running() == []
    assert house.leases() == []
    states = [house.commands.poll(p.name).state for p in (house.home / "commands").iterdir()]
    assert states == ["cancelled"]


def test_the_worker_of_a_killed_run_ends_itself_and_the_lease_runs_out(house, running):
    process = running(IN_PROCESS, "curation_job")
    (pid,) = worker_pids(house)
    process.kill()
    process.wait()
    assert wait_for(lambda: not alive(pid, ""))
    (lease,) = house.instance.status().leases
    assert lease.expires_at is not None
    house.instance.stop()
    assert house.leases() == []
