import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.s3 import S3ObjectStore
from pipeline_project.errors import ConfigError
from pipeline_project_tests.contracts.lake import THUMBS, LakeContract, names, thumb

WRITER = """
import sys
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.worker.homes import open_home
root, worker, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
lake = open_home(root).lake
for turn in range(rounds):
    writer = lake.begin(run_id=worker)
    rows = [f"{worker}-{turn}-{n}" for n in range(20)] + [f"shared-{turn}-{n}" for n in range(20)]
    table = [{"frame_id": row, "datum_key": "d", "jpeg": b""} for row in rows]
    writer.append(TABLES["thumbnails"], table)
    writer.commit(f"{worker} {turn}")
    print(f"{worker}-{turn}", flush=True)
"""


def s3_lake(seaweed, bucket: str) -> LanceLake:
    session = seaweed.session()
    root = f"s3://{bucket}/home/lake"
    return LanceLake(root, S3ObjectStore(root, session), lambda: session.storage_options(bucket))


@pytest.fixture
def lake(seaweed, bucket):
    return s3_lake(seaweed, bucket)


class TestLanceLakeInABucket(LakeContract):
    @pytest.fixture
    def lake(self, seaweed, bucket):
        return s3_lake(seaweed, bucket)


def start_writer(seaweed, bucket: str, worker: str, rounds: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, f"s3://{bucket}/home", worker, str(rounds)],
        env={**seaweed.environment, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
    )


def test_four_writing_processes_lose_and_double_nothing(seaweed, bucket, lake):
    writers = [start_writer(seaweed, bucket, f"w{number}", 5) for number in range(4)]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    for writer in writers:
        writer.stdout.close()
    own = {f"w{w}-{turn}-{n}" for w in range(4) for turn in range(5) for n in range(20)}
    shared = {f"shared-{turn}-{n}" for turn in range(5) for n in range(20)}
    assert names(lake) == sorted(own | shared)
    assert [commit.sequence for commit in lake.log()] == list(range(20, 0, -1))


def test_what_a_killed_writer_had_acknowledged_stays(seaweed, bucket, lake):
    writer = start_writer(seaweed, bucket, "w", 1000)
    told = [writer.stdout.readline().decode().strip() for _ in range(3)]
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    seen = set(names(lake))
    assert all(f"{each}-{n}" in seen for each in told for n in range(20))
    after = lake.begin(run_id="after")
    after.append(THUMBS, [thumb("after")])
    after.commit("goes on")
    assert set(names(lake)) >= seen | {"after"}


def test_keys_of_the_account_are_not_told(seaweed, bucket, lake, monkeypatch):
    lake.begin(run_id="run").commit("so that there is a revision")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    with pytest.raises(ConfigError) as caught:
        s3_lake(seaweed, bucket).read(TABLES["thumbnails"])
    assert "another-secret" not in str(caught.value)
