"""Writers killed at any moment, and four writers at once, on disk and on a real S3 server."""

import contextlib
import os
import random
import time

import pytest

from pipeline_project.worker.homes import open_home
from pipeline_project_tests.adapters.lake import soaking

pytestmark = [pytest.mark.soak, pytest.mark.timeout(36_000)]
WRITERS, COMMITS = 4, 3
KILLS_PER_LAKE = 20
ALIVE_S = {"disk": 0.5, "bucket": 3.0}  # at most, so that kills meet first and later commits


@pytest.fixture
def chance():
    return random.Random(int(os.environ.get("SOAK_SEED", "7")))


@pytest.fixture
def count():
    """`make soak` sets it to 100: 200 kills, 50 races."""
    return int(os.environ.get("SOAK_COUNT", "2"))


@pytest.fixture(params=["disk", "bucket"])
def homes(request, tmp_path):
    """Gives the address of a home for each number, its writers' environment, and their time."""
    alive_s = ALIVE_S[request.param]
    if request.param == "disk":
        return lambda number: (tmp_path / str(number)).as_uri(), dict(os.environ), alive_s
    seaweed, bucket = (request.getfixturevalue(name) for name in ("seaweed", "bucket"))
    environment = {**os.environ, **seaweed.environment}
    for name, value in seaweed.environment.items():
        request.getfixturevalue("monkeypatch").setenv(name, value)
    return lambda number: f"s3://{bucket}/home-{number}", environment, alive_s


def test_whatever_a_killed_writer_acknowledged_stays_and_nothing_is_half_there(
    homes, chance, count
):
    address, environment, alive_s = homes
    acknowledged, total = {}, 0
    with contextlib.ExitStack() as running:
        ready = soaking.start(environment)  # the next writer starts while this one works
        running.callback(lambda: soaking.end(ready))
        for number in range(2 * count):
            home = address(number // KILLS_PER_LAKE)
            if number % KILLS_PER_LAKE == 0:
                acknowledged = {}
            writer, ready = ready, soaking.start(environment)
            try:
                assert writer.stdout.readline() == "ready\n"
                soaking.tell(writer, home, f"w{number}", 0)
                time.sleep(chance.uniform(0, alive_s))
                writer.kill()
                told = soaking.told(writer)
                acknowledged |= told
                total += len(told)
            finally:
                soaking.end(writer)
            soaking.check(open_home(home).lake, acknowledged)
        print(f"{2 * count} kills, {total} acknowledged commits")


def test_four_writers_at_once_lose_and_double_nothing(homes, count):
    address, environment, _ = homes
    with contextlib.ExitStack() as running:
        writers = [soaking.start(environment) for _ in range(WRITERS)]
        for writer in writers:
            running.callback(soaking.end, writer)
        for number in range(max(1, count // 2)):
            home = address(number)  # a fresh one: its tables' creation is part of the race
            for name, writer in enumerate(writers):
                soaking.tell(writer, home, f"w{name}", COMMITS)
            acknowledged = {}
            for writer in writers:
                acknowledged |= soaking.told(writer)
            assert len(acknowledged) == WRITERS * COMMITS
            soaking.check(open_home(home).lake, acknowledged)
