"""Runs that are killed, and runs at the same time: nothing is lost, nothing is there twice."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pipeline_project.worker.collections.state import MEMBERS, RESULTS
from pipeline_project_tests.contracts.commands import wait_for
from pipeline_project_tests.worker.collections.house import counts, environment

FILES = 20
PROGRAM = """\
import sys
from dataclasses import replace
from pathlib import Path
from pipeline_project_tests.worker.collections.house import House

if __name__ == "__main__":
    house = House.__new__(House)
    house.folder = Path(sys.argv[1])
    from pipeline_project.worker.collections.run import run_pipeline
    report = run_pipeline(replace(house.place(), checkpoint_s=float(sys.argv[2])), house.wish())
    print(report.commit_id, flush=True)
"""


@pytest.fixture
def start(house):
    """Starts runs as processes of their own; none outlives the test."""
    started = []

    def start(checkpoint_s: float) -> subprocess.Popen:
        started.append(begin(house, checkpoint_s))
        return started[-1]

    yield start
    for each in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.pid, signal.SIGKILL)
        each.wait()
        each.stdout.close()


def begin(house, checkpoint_s: float) -> subprocess.Popen:
    program = house.folder / "program.py"
    program.write_text(PROGRAM)
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, str(program), str(house.folder), str(checkpoint_s)],
        env={**environment(house.folder), "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def fill(house) -> None:
    for number in range(FILES):
        house.write(f"texts/{number:02}.txt", f"text {number}")
    house.notes.write_text("")


def rows(house, table) -> list[dict]:
    return house.place().lake.read(table).to_pylist()


def test_a_run_that_is_killed_loses_no_kept_result_and_shows_nothing_half_done(house, start):
    fill(house)
    running = start(0.0)  # every result is kept at once: a kill finds some kept and some not
    deadline = time.monotonic() + 200
    while not rows(house, RESULTS) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    kept = rows(house, RESULTS)
    assert 0 < len(kept) < 3 * FILES
    assert rows(house, MEMBERS) == []

    report = house.run()
    reused = sum(step.get("reused", 0) for step in counts(report).values())
    assert reused == len(kept)
    assert len(house.outputs("both")) == FILES + 3
    assert Counter(house.called).most_common(1)[0][1] == 1


def test_two_runs_at_once_leave_everything_there_once(house, start):
    fill(house)
    both = [start(10.0), start(10.0)]
    commits = [each.communicate(timeout=230)[0].strip() for each in both]
    assert all(each.returncode == 0 for each in both)
    # One published; the other found all done, or went on from there.
    assert sorted(commits).count("None") == 1
    members = Counter((row["collection"], row["member"]) for row in rows(house, MEMBERS))
    assert set(members.values()) == {1}
    assert len(members) == (FILES + 3) * 4 + 1
    assert max(Counter(row["datum_key"] for row in rows(house, RESULTS)).values()) == 1
    assert len(house.outputs("both")) == FILES + 3
    assert house.run().commit_id is None


STARTER = """\
import subprocess, sys, time
child = subprocess.Popen(["sleep", "300"])
with open("pids", "a") as pids:
    pids.write(f"{child.pid}\\n")
time.sleep(300)
"""


def starting(house, timeout_s: float) -> None:
    """Make the pipeline one of a single datum, whose program starts another and waits."""
    house.write("starter.py", STARTER)
    house.write(
        "p.yaml",
        f"""\
        name: texts
        collections:
          texts: {{source: texts}}
        steps:
          - name: starts
            input: {{collection: texts, glob: "/a*"}}
            transform: {{command: ["{sys.executable}", starter.py, "{{out}}"]}}
            timeout_s: {timeout_s}
        """,
    )


def running_pids(house) -> list[int]:
    pids = house.folder / "pids"
    return [each for each in map(int, pids.read_text().split()) if alive(each)]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
def test_a_program_that_takes_too_long_ends_with_what_it_started(house):
    starting(house, timeout_s=2)
    (failure,) = house.run().steps[0].failures
    assert "did not end within 2 s" in failure.error
    assert wait_for(lambda: running_pids(house) == [])


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_ends_takes_its_programs_and_temporary_files_along(
    house, start, number, tmp_path, monkeypatch
):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    starting(house, timeout_s=250)
    running = start(10.0)
    assert wait_for((house.folder / "pids").exists, 60)
    assert running_pids(house)
    assert list(scratch.iterdir())
    os.kill(running.pid, number)
    running.wait(60)
    assert wait_for(lambda: running_pids(house) == [])
    assert wait_for(lambda: list(scratch.iterdir()) == [])
