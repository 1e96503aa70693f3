"""A writer that is told what to do line by line, and what a lake must hold afterwards.

`python -m pipeline_project_tests.adapters.lake.soaking` reads `<home> <name> <commits>` from
standard input, makes that many commits (0: until it is killed) and prints each acknowledged one.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.worker.homes import open_home

ROWS = 5  # of each table in each commit: as many of its own, as many that others write too
DONE = "done"


def write(home: str, name: str, commits: int) -> None:
    """Make commits of rows in two tables; print each that was acknowledged."""
    lake = open_home(home).lake
    turn = 0
    while turn < commits or not commits:
        writer = lake.begin(run_id=name)
        keys = [f"{name}-{turn}-{n}" for n in range(ROWS)] + [f"{turn}-{n}" for n in range(ROWS)]
        writer.append(TABLES["datums"], [{"datum_key": key, "state": "done"} for key in keys])
        thumbs = [{"frame_id": key, "datum_key": "d", "jpeg": b"jpeg"} for key in keys]
        writer.append(TABLES["thumbnails"], thumbs)
        commit = writer.commit(f"{name} {turn}")
        print(f"{commit.commit_id} {name}-{turn}", flush=True)
        turn += 1
    print(DONE, flush=True)


def start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a writer; it waits for its first line."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline_project_tests.adapters.lake.soaking"],
        cwd=Path(__file__).parents[3],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(writer: subprocess.Popen[str], home: str, name: str, commits: int) -> None:
    """Have a writer begin as soon as it has read its own program."""
    assert writer.stdin is not None
    writer.stdin.write(f"{home} {name} {commits}\n")
    writer.stdin.flush()


def told(writer: subprocess.Popen[str]) -> dict[str, str]:
    """Wait until a writer is done; what it acknowledged, commit id -> name and turn."""
    acknowledged = {}
    assert writer.stdout is not None
    for line in writer.stdout:
        if line.strip() == DONE:
            return acknowledged
        if line.endswith("\n") and line != "ready\n":  # one cut off acknowledges nothing
            commit_id, _, turn = line.strip().partition(" ")
            acknowledged[commit_id] = turn
    return acknowledged


def end(writer: subprocess.Popen[str]) -> None:
    """Kill a writer and close what it leaves."""
    writer.kill()
    writer.wait()
    for pipe in (writer.stdin, writer.stdout):
        assert pipe is not None
        pipe.close()


def check(lake: Lake, acknowledged: Mapping[str, str]) -> None:
    """See that nothing is lost, doubled or half there.

    Every acknowledged commit is in the log; of every commit in the log all rows are there in both
    tables, and no key is read twice; the log has no gap and each commit names the one before.
    """
    log = list(lake.log())
    ids = [commit.commit_id for commit in log]
    assert set(acknowledged) <= set(ids), set(acknowledged) - set(ids)
    assert [commit.sequence for commit in log] == list(range(len(log), 0, -1))
    assert [commit.parent for commit in log] == [*ids, None][1 : len(ids) + 1]
    expected = set()
    for commit in log:
        name, _, turn = commit.message.partition(" ")
        assert commit.counts == {"datums": 2 * ROWS, "thumbnails": 2 * ROWS}
        expected |= {f"{name}-{turn}-{n}" for n in range(ROWS)} | {
            f"{turn}-{n}" for n in range(ROWS)
        }
    for table, key in (("datums", "datum_key"), ("thumbnails", "frame_id")):
        found = lake.read(TABLES[table], columns=[key])[key].to_pylist()
        assert len(found) == len(set(found)), f"{table} holds a key twice"
        assert set(found) == expected, f"{table} lost or gained rows"


if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        home, name, commits = line.split()
        write(home, name, int(commits))
