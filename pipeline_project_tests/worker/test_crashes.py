import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.worker.request import request_key
from pipeline_project_tests.contracts.commands import ended, wait_for
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House

END_S = 90


def footage(house):
    for number in range(4):
        film(house.media / f"{number}.mp4", 3 * number, 3 * number + 1, 3 * number + 2)
    still(house.media / "still.png", 20)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What a run comes to when nobody ends it."""
    house = House(tmp_path_factory.mktemp("undisturbed"))
    footage(house)
    return state(house, house.run(**settings()).result)


def settings():
    # Commits and batches as small as can be, so that a kill finds many different half-done states.
    return {
        "selection": {"n_samples": 5},
        "limits": {"checkpoint_s": 0.001, "threads": 2},
        "embedding": {"batch_size": 1},
    }


def state(house, result):
    """Everything a user would see of a selection, and the frames known, without times and ids."""
    frames = [row["frame_id"] for row in house.rows("frames")]
    datums = [row["datum_key"] for row in house.rows("datums")]
    assert len(frames) == len(set(frames)) and len(datums) == len(set(datums))
    assert all(row["state"] == "done" for row in house.rows("datums"))
    written = house.store.list(f"{result.output_prefix}/frames")
    return {
        "picks": house.picked(result),
        "files": sorted(item.key.rpartition("/")[2] for item in written),
        "frames": sorted(frames),
        "datums": sorted(datums),
        "scores": len(house.rows("scores")),
        "labels": len(house.rows("labels")),
        "candidates": result.counts["candidates"],
        "rejects": house.rejects(result.run_id),
    }


def end(worker) -> str:
    """Wait for a worker's end; returns what it said."""
    try:
        return worker.communicate(timeout=END_S)[1]
    finally:
        worker.kill()


def seed_and_count(default_count: int) -> tuple[random.Random, int]:
    """`make soak` sets both; the seed is printed by pytest when the test fails."""
    seed = int(os.environ.get("SOAK_SEED", "7"))
    return random.Random(seed), int(os.environ.get("SOAK_COUNT", default_count))


def kill_and_run_again(house, chance, undisturbed, kills=2):
    footage(house)
    for _ in range(kills):
        request = house.ask(**settings())
        worker = house.start(request)
        worker.stderr.readline()  # its first word: identified, now looking at frames
        time.sleep(chance.uniform(0, 0.5))
        worker.send_signal(signal.SIGKILL)
        end(worker)
    assert state(house, house.run(**settings()).result) == undisturbed


@pytest.mark.soak
def test_a_worker_killed_at_any_moment_leaves_a_lake_from_which_the_next_run_goes_on(
    tmp_path, undisturbed
):
    chance, count = seed_and_count(1)
    for number in range(count):
        kill_and_run_again(House(tmp_path / str(number)), chance, undisturbed)


class Killed(BaseException):
    """Stands for the end of the process at a line of our choice."""


@pytest.mark.parametrize("put", ["output/", "rejects.jsonl"])
def test_an_end_between_two_writes_changes_nothing_of_the_result(tmp_path, undisturbed, put):
    house = House(tmp_path)
    footage(house)

    class Dying(LocalObjectStore):
        def put(self, key, data):
            if put in key:
                raise Killed
            return super().put(key, data)

    dying = Dying(house.home / "store")
    with pytest.raises(Killed):
        house.run(parts=lambda own: replace(own, store=dying), **settings())
    again = house.run(**settings())
    assert again.counts["decoded_files"] == 0
    assert state(house, again.result) == undisturbed


def terminate_amid_work(tmp_path, given):
    """End a worker by SIGTERM while it looks at frames; one that was faster is started anew."""
    for number in range(8):
        house = House(tmp_path / str(number))
        footage(house)
        worker = house.start(house.ask(**given))
        worker.stderr.readline()
        worker.stderr.readline()  # some frames of the first file are done
        worker.send_signal(signal.SIGTERM)
        worker.send_signal(signal.SIGTERM)  # an impatient supervisor changes nothing
        said = end(worker)
        if worker.returncode != 0:
            return house, worker, said
    pytest.fail("eight workers in a row were done before the signal came")


def test_sigterm_keeps_finished_files_and_ends_promptly(tmp_path, undisturbed):
    given = {**settings(), "limits": {"checkpoint_s": 1000, "threads": 1}}
    house, worker, said = terminate_amid_work(tmp_path, given)
    assert worker.returncode == 130, said
    assert "Interrupted; finished files are kept." in said and "Traceback" not in said
    kept = [row for row in house.rows("datums") if row["stage"] == "probe"]
    assert len(kept) == 5
    again = house.run(**given)
    assert again.counts["hashed_files"] == 0
    assert state(house, again.result) == undisturbed


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc to see what is open")
def test_a_cancelled_worker_keeps_what_is_finished_though_large_files_are_amid_hashing(tmp_path):
    house = House(tmp_path / "house")
    names = [f"{number}.png" for number in range(3)]
    for scene, name in enumerate(names):
        still(house.media / name, scene)
    for number in range(4):  # sparse: read in minutes, and no disk is needed
        with (house.media / f"large {number}.mp4").open("wb") as file:
            file.truncate(1 << 38)
    request = house.ask(limits={"checkpoint_s": 1000, "threads": 4})
    commands = LocalCommands(tmp_path / "commands")
    argv = [sys.executable, "-m", "pipeline_project.worker", "--root", house.home.as_uri()]
    argv += ["--request", request_key(request.run_id), "--end-with-stdin"]
    command_id = commands.send(argv, env={}, timeout_s=END_S, label="large")
    try:
        record = json.loads((tmp_path / "commands" / command_id / "command.json").read_text())
        assert wait_for(lambda: len(open_files(record["pid"], "large")) == 4)
        time.sleep(1)  # every thread hashes a large file now; the small ones' results are taken
    finally:
        commands.cancel(command_id)
    status = ended(commands, command_id)
    assert (status.state, status.exit_code) == ("cancelled", 130), status.stderr_tail
    assert sorted(row["name"] for row in house.rows("media_sources")) == names


def open_files(pid, word):
    """Files whose name holds the word that a process has open now."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(link.readlink()))
    return {path for path in found if word in path}


def test_the_worker_ends_when_whoever_started_it_is_gone(tmp_path):
    house = House(tmp_path)
    for number in range(8):
        film(house.media / f"{number}.mp4", *range(5 * number, 5 * number + 5))
    request = house.ask(sampling={"mode": "all"}, **settings())
    worker = house.start(request, "--end-with-stdin", stdin=subprocess.PIPE)
    worker.stderr.readline()
    worker.stdin.close()
    worker.stdin = None
    assert "Interrupted" in end(worker)
    assert worker.returncode == 130


def test_a_worker_beside_a_shell_which_has_it_ignore_interrupts_hears_them_all_the_same(tmp_path):
    house = House(tmp_path)
    for number in range(8):
        film(house.media / f"{number}.mp4", *range(5 * number, 5 * number + 5))
    request = house.ask(sampling={"mode": "all"}, **settings())
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited, as from `worker &`
    try:
        worker = house.start(request)
    finally:
        signal.signal(signal.SIGINT, before)
    worker.stderr.readline()
    worker.send_signal(signal.SIGINT)
    assert "Interrupted" in end(worker)
    assert worker.returncode == 130


def test_an_open_stdin_does_not_keep_a_finished_worker(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0)
    request = house.ask()
    worker = house.start(request, "--end-with-stdin", stdin=subprocess.PIPE)
    assert worker.wait(END_S) == 0, worker.stderr.read()
    worker.stdin.close()
    worker.stderr.close()
    assert house.result(request).counts["picked"] == 1


def test_two_workers_at_once_lose_and_double_nothing(tmp_path, undisturbed):
    house = House(tmp_path)
    footage(house)
    requests = [house.ask(**settings()), house.ask(**settings())]
    workers = [house.start(request) for request in requests]
    said = [end(worker) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    for request in requests:
        assert house.result(request).counts["candidates"] == 13
    again = house.run(**settings())
    assert again.result.reused and again.counts["decoded_files"] == 0
    ids = {house.result(request).selection_id for request in requests}
    assert again.result.selection_id in ids
    assert state(house, again.result)["frames"] == undisturbed["frames"]
    assert state(house, again.result)["datums"] == undisturbed["datums"]
    sequences = [commit.sequence for commit in house.lake.log()]
    assert sequences == list(range(len(sequences), 0, -1))


@pytest.mark.parametrize(
    "selection, code, words",
    [({"n_samples": 0}, 2, "n_samples"), ({"strategies": [{"input": 1}]}, 2, "strategies")],
)
def test_a_wrong_setting_is_told_before_anything_is_read(tmp_path, selection, code, words):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0)
    worker = house.start(house.ask(selection=selection))
    said = end(worker)
    assert worker.returncode == code
    assert said.startswith("ConfigError: ") and words in said
    assert list(house.lake.log()) == []


def test_a_request_that_is_not_there_is_a_clear_error(tmp_path):
    house = House(tmp_path)
    request = house.ask()
    house.store.delete("runs/run-1/request.json")
    worker = house.start(request)
    assert end(worker).startswith("StoreError: Reading runs/run-1/request.json")
    assert worker.returncode == 1
