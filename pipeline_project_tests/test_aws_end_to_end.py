"""`pipeline curate --on aws`: a box started, the worker run on it, the box stopped."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline_project.sample import sample_dir
from pipeline_project_tests.aws_bed.house import aws_house
from pipeline_project_tests.commands import run
from pipeline_project_tests.contracts.commands import wait_for
from pipeline_project_tests.seaweed import environment as set_variables
from pipeline_project_tests.seaweed import running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def house(server, tmp_path):
    with set_variables(server.environment), aws_house(tmp_path, server) as (bed, given):
        yield bed, given


@pytest.fixture
def footage(tmp_path) -> Path:
    folder = tmp_path / "footage"
    folder.mkdir()
    clip = min(sample_dir().glob("*.mp4"), key=lambda path: path.stat().st_size)
    for path in (clip, *sample_dir().glob("*.jpg")):
        shutil.copy(path, folder)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def keys(bed, prefix):
    found = bed.client("s3").list_objects_v2(Bucket=bed.bucket, Prefix=f"home/{prefix}")
    return [each["Key"] for each in found.get("Contents", [])]


def test_a_laptop_s_folder_is_curated_on_aws_and_the_box_is_stopped(house, footage, tmp_path):
    bed, given = house
    done = run(tmp_path, "pipeline", "curate", str(footage), "--on", "aws", **given)
    assert done.returncode == 0, done.stderr
    assert wait_for(lambda: bed.state() == "stopped")
    assert (bed.box.starts, bed.box.stops) == (1, 1)
    folder = Path(done.stdout.strip().splitlines()[-1])
    facts = json.loads((folder / "selection.json").read_text())
    assert facts["counts"]["picked"] >= 1 and facts["counts"]["rejected"] == 1
    assert "cost of the instance" in (folder / "report.html").read_text()
    assert "asked to stop" in done.stderr
    assert len(keys(bed, "input/")) == 4  # each file once, under its hash
    assert keys(bed, "pipes/") == []  # messages are cleaned up
    leases = json.loads(
        bed.client("s3")
        .get_object(Bucket=bed.bucket, Key=f"home/leases/{bed.instance_id}.json")["Body"]
        .read()
    )
    assert (leases["leases"], leases["closing"]) == ([], None)
    again = run(tmp_path, "pipeline", "curate", str(footage), "--on", "aws", **given)
    assert again.returncode == 0, again.stderr
    assert wait_for(lambda: bed.state() == "stopped")
    assert len(keys(bed, "input/")) == 4
    status = run(tmp_path, "pipeline", "instance", "status", "--on", "aws", "--json", **given)
    (seen,) = [json.loads(line) for line in status.stdout.splitlines()]
    assert (seen["state"], seen["kind"], seen["leases"]) == ("stopped", "g4dn.xlarge", [])


def test_what_is_missing_is_one_line_each_and_nothing_is_started(house, footage, tmp_path):
    bed, given = house
    wrong = {
        "PIPELINE_AWS__BUCKET": "no-such-bucket-of-ours",
        "PIPELINE_AWS__INSTANCE_ID": "i-0123456789abcdef0",
        "PIPELINE_AWS__DOCUMENT": "no-such-document",
        "AWS_SECRET_ACCESS_KEY": "wrong",
    }
    for name, value in wrong.items():
        failed = run(
            tmp_path, "pipeline", "curate", str(footage), "--on", "aws", **{**given, name: value}
        )
        assert failed.returncode in (1, 2), (name, failed.stderr)
        if name != "AWS_SECRET_ACCESS_KEY":
            assert value in failed.stderr
        assert "Traceback" not in failed.stderr
    assert bed.box.starts == 0
