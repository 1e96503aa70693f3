"""Pictures worked on by several processes: in order, nothing lost, nobody left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from pipeline_project.cli.processes import in_order_by_processes
from pipeline_project_tests.contracts.commands import wait_for

PATHS = [Path(f"{number:03}") for number in range(60)]


class Naming:
    """Gives each path with the process that had it."""

    def __init__(self, notes=None, dies_outside=None):
        self.notes = notes
        self.dies_outside = dies_outside

    def __call__(self, paths):
        if self.dies_outside not in (None, os.getpid()):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        if self.notes is not None:
            with self.notes.open("a") as notes:
                notes.write(f"{os.getpid()}\n")
        return [(path, os.getpid()) for path in paths]


class Raising(Naming):
    def __call__(self, paths):
        raise ValueError(f"{paths[0]} cannot be done")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def gone(pid):
    with contextlib.suppress(FileNotFoundError):
        return not alive(pid)
    return True


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.mark.parametrize(("processes", "chunk"), [(1, 7), (2, 1), (3, 100)])
def test_every_path_comes_once_and_in_order(processes, chunk):
    made = list(in_order_by_processes(Naming, PATHS, processes, chunk=chunk))
    assert [path for path, _ in made] == PATHS


def test_other_processes_take_their_share(tmp_path):
    long = [Path(f"{number:04}") for number in range(1500)]
    made = Counter(pid for _, pid in in_order_by_processes(Naming, long, 2, chunk=5))
    assert len(made) == 2 and min(made.values()) > 100


def test_no_path_gives_nothing():
    assert list(in_order_by_processes(Naming, [], 2, chunk=5)) == []


def test_what_a_process_had_when_it_died_is_done_here():
    make = partial(Naming, dies_outside=os.getpid())
    made = list(in_order_by_processes(make, PATHS * 5, 2, chunk=1))
    assert made == [(path, os.getpid()) for path in PATHS * 5]


def test_an_error_of_the_job_is_raised():
    with pytest.raises(ValueError, match="cannot be done"):
        list(in_order_by_processes(Raising, PATHS, 2, chunk=5))


@linux
def test_closing_the_iterator_ends_the_processes(tmp_path):
    notes = tmp_path / "notes"
    make = partial(Naming, notes)
    with closing(in_order_by_processes(make, PATHS * 100, 2, chunk=1)) as rows:
        others = set()
        while not others:
            next(rows)
            others = set(map(int, notes.read_text().split())) - {os.getpid()}
    assert all(map(gone, others))


@linux
def test_a_process_is_copied_where_no_thread_holds_a_lock_and_else_begun_anew():
    program = """
import sys, threading
from pipeline_project.cli.processes import _context
end = threading.Event()
print(_context().get_start_method())
sys.modules["lance"] = sys
print(_context().get_start_method())
del sys.modules["lance"]
print(_context().get_start_method())
threading.Thread(target=end.wait).start()
print(_context().get_start_method())
end.set()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["fork", "spawn", "fork", "spawn"], done.stderr


PROGRAM = """\
import sys
from functools import partial
from pathlib import Path
from pipeline_project.cli.processes import in_order_by_processes
from pipeline_project_tests.cli.test_processes import PATHS, Naming

if __name__ == "__main__":
    for _ in in_order_by_processes(partial(Naming, Path(sys.argv[1])), PATHS * 1000, 2, chunk=1):
        pass
"""


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_one_that_started_it(tmp_path, number):
    program, notes = tmp_path / "program.py", tmp_path / "notes"
    program.write_text(PROGRAM)
    started = subprocess.Popen(
        [sys.executable, str(program), str(notes)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
    )
    try:

        def others():
            known = notes.read_text().split() if notes.exists() else []
            return set(map(int, known)) - {started.pid}

        assert wait_for(others, 60)
        started.send_signal(number)
        started.communicate(timeout=60)
    finally:
        started.kill()
    assert wait_for(lambda: all(map(gone, others())))
