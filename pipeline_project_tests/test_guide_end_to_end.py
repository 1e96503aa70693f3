"""The guide's whole path, as a user starts it: Pexels, S3, a box over SSM, Lightly, box stopped."""

import hashlib
import json
import sys

import pytest

from pipeline_project.adapters.commands.processes import alive
from pipeline_project_tests.aws_bed.house import aws_house
from pipeline_project_tests.commands import run
from pipeline_project_tests.contracts.commands import wait_for
from pipeline_project_tests.seaweed import environment, running
from pipeline_project_tests.stand_ins.lightly import TOKEN, lightly
from pipeline_project_tests.stand_ins.pexels import KEY, pexels
from pipeline_project_tests.worker.test_record_picks import numbered, shown_number

JOB = ("dagster", "job", "execute", "-m", "pipeline_project.definitions", "-j", "aws_example_job")
# What stands in for ec2/run.sh: says that the worker is idle, and runs until it is ended.
LAUNCHER = """#!{python}
import os, pathlib, time, urllib.request
assert "LIGHTLY_TOKEN" not in os.environ
urllib.request.urlopen("{base}/stand-in/idle/" + os.environ["LIGHTLY_WORKER_ID"])
pathlib.Path("{pid}").write_text(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture
def clouds(tmp_path):
    video = numbered(tmp_path / "a.mp4").read_bytes()
    with (
        running(tmp_path / "server") as server,
        environment(server.environment),
        aws_house(tmp_path, server) as (bed, given),
        pexels(total=30, video=video) as pictures,
        lightly() as service,
    ):
        launcher = tmp_path / "run_lightly.sh"
        launcher.write_text(
            LAUNCHER.format(python=sys.executable, base=service.base, pid=tmp_path / "pid")
        )
        launcher.chmod(0o755)
        given |= {
            "PIPELINE_ON": "aws",
            "PIPELINE_SOURCE": "pexels:id:7",
            "PEXELS_API_KEY": KEY,
            "PIPELINE_PEXELS__API_URL": f"{pictures.base}/v1",
            "LIGHTLY_TOKEN": TOKEN,
            "LIGHTLY_SERVER_LOCATION": service.base,
            "PIPELINE_LIGHTLY__REGION": "eu-west-1",
            "PIPELINE_LIGHTLY__ROLE_ARN": "arn:aws:iam::123456789012:role/lightly",
            "PIPELINE_LIGHTLY__EXTERNAL_ID": "an-external-id",
            "PIPELINE_LIGHTLY__LAUNCHER": str(launcher),
            "PIPELINE_LIGHTLY__POLL_S": "0.5",
            "PIPELINE_OUTPUT__DIR": str(tmp_path / "out"),
        }
        yield bed, given, pictures, service


def test_the_guides_job_ends_with_picks_credits_and_a_stopped_box(clouds, tmp_path):
    bed, given, pictures, service = clouds
    sha256 = hashlib.sha256(pictures.content(7)).hexdigest()
    service.names = [f"{sha256}-{number:02d}-mp4.png" for number in (31, 4)]
    done = run(tmp_path, *JOB, **given)
    assert done.returncode == 0, done.stderr[-6000:]
    assert wait_for(lambda: bed.state() == "stopped")
    assert (bed.box.starts, bed.box.stops) == (1, 1)
    (folder,) = (tmp_path / "out").iterdir()
    frames = sorted((folder / "frames").iterdir())
    assert [shown_number(path.read_bytes()) for path in frames] == [31, 4]
    assert "Video by Maker 7 on Pexels" in (folder / "selection.csv").read_text()
    (made,) = service.configs.values()
    assert made["docker"]["useDatapool"] and made["docker"]["shutdownWhenJobFinished"]
    for secret in (TOKEN, KEY):
        assert secret not in done.stderr + done.stdout
        assert secret not in json.dumps(made)
    pid = int((tmp_path / "pid").read_text())
    assert wait_for(lambda: not alive(pid, ""))


def test_a_lightly_run_that_crashes_fails_the_job_and_the_box_is_stopped(clouds, tmp_path):
    bed, given, _, service = clouds
    service.states = ["OPEN", "SAMPLING", "CRASHED"]
    service.message = "out of GPU memory"
    done = run(tmp_path, *JOB, **given)
    assert done.returncode != 0
    assert "CRASHED: out of GPU memory" in done.stderr
    assert wait_for(lambda: bed.state() == "stopped")
    assert not (tmp_path / "out").exists()
