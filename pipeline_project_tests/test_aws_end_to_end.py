"""`pipeline curate --on aws`: a box started, the worker run on it, the box stopped."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from dagster import DagsterInstance

from pipeline_project.resources.instance import COST_TAG
from pipeline_project.sample import sample_dir
from pipeline_project_tests.aws_bed.house import aws_house
from pipeline_project_tests.aws_bed.metadata import Metadata
from pipeline_project_tests.commands import BIN, environment, run
from pipeline_project_tests.contracts.commands import wait_for
from pipeline_project_tests.ec2.iam import allows
from pipeline_project_tests.ec2.template import policies
from pipeline_project_tests.ec2.test_policies import HERE, ORCHESTRATOR_MAY
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


def orchestrator_may(call):
    """Whether the stack's policy lets a run make this call, on whatever it has to be made."""
    own = policies("OrchestratorPolicy")
    listed = [each for each in ORCHESTRATOR_MAY if each[0] == call]
    return all(allows(own, *each) for each in listed or [(call, "*", HERE)])


def keys(bed, prefix):
    found = bed.client("s3").list_objects_v2(Bucket=bed.bucket, Prefix=f"home/{prefix}")
    return [each["Key"] for each in found.get("Contents", [])]


def test_a_laptop_s_folder_is_curated_on_aws_and_the_box_is_stopped(house, footage, tmp_path):
    bed, given = house
    bed.faults.calls.clear()  # the making of the bed itself
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
    calls = {call for call in bed.faults.calls if call.startswith(("ec2:", "ssm:"))}
    assert {"ec2:StartInstances", "ec2:StopInstances", "ssm:SendCommand"} <= calls
    assert [call for call in sorted(calls) if not orchestrator_may(call)] == []


def test_what_is_gone_from_the_laptop_s_folder_is_removed_and_nothing_is_sent_twice(
    house, footage, tmp_path
):
    bed, given = house
    command = ("pipeline", "curate", str(footage), "--on", "aws", "--json")
    first = run(tmp_path, *command, **given)
    assert first.returncode == 0, first.stderr
    uploaded = keys(bed, "input/")
    gone = sorted(path for path in footage.glob("*.jpg") if path.name != "broken.jpg")[0]
    gone.unlink()
    shown = run(tmp_path, "pipeline", "curate", str(footage), "--on", "aws", "--dry-run", **given)
    assert "4 files are known already" in shown.stderr
    again = run(tmp_path, *command, **given)
    assert again.returncode == 0, again.stderr
    files = json.loads(again.stdout)["states"]["file"]
    assert (files["removed"], files["skip"], files["new"]) == (1, 3, 0)
    assert keys(bed, "input/") == uploaded
    there = {**given, "PIPELINE_ON": "aws"}
    told = run(tmp_path, "pipeline", "why", str(footage / "broken.jpg"), **there)
    assert told.returncode == 0 and "broken.jpg" in told.stdout, told.stderr
    purged = run(tmp_path, "pipeline", "purge", str(gone), "--yes", **there)
    assert purged.returncode == 0, purged.stderr
    assert len(keys(bed, "input/")) == len(uploaded) - 1


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_a_wrong_key_is_one_line_before_anything_is_started(house, footage, tmp_path, name):
    bed, given = house
    wrong = {**given, name: "WRONGwrong0123456789"}
    done = run(tmp_path, "pipeline", "curate", str(footage), "--on", "aws", **wrong)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if "does not accept the key" in line]
    assert len(lines) == 1, done.stderr
    assert "WRONGwrong" not in done.stderr
    assert bed.box.starts == 0 and keys(bed, "") == []


def curate(folder, footage, given):
    program = [str(BIN / "pipeline"), "curate", str(footage), "--on", "aws"]
    return subprocess.Popen(
        program,
        cwd=folder,
        env=environment(folder, **given, PYTHONFAULTHANDLER="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_worker_and_stops_the_box(house, footage, tmp_path, number):
    bed, given = house
    run = curate(tmp_path, footage, given)
    try:
        assert wait_for(lambda: any(each.status == "InProgress" for each in bed.commands), 60)
        run.send_signal(number)
        try:
            _, err = run.communicate(timeout=150)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGABRT)  # it tells where it hangs
            there = [(each.comment, each.status, each.stderr) for each in bed.commands]
            pytest.fail(f"{run.communicate()[1]}\n{there}\n{bed.box.processes()}")
    finally:
        run.kill()
    assert run.returncode == 130, err
    assert wait_for(lambda: bed.state() == "stopped")
    assert bed.box.processes() == []
    assert "ended early" in err and "asked to stop" in err


def test_a_spot_notice_ends_the_run_cleanly_and_what_is_done_is_kept(house, footage, tmp_path):
    bed, given = house
    command = ("pipeline", "curate", str(footage), "--on", "aws")
    metadata = Metadata()
    try:
        metadata.announce()
        done = run(tmp_path, *command, **given | {"PIPELINE_AWS__SPOT_NOTICES": metadata.url})
    finally:
        metadata.close()
    assert done.returncode == 1
    assert "AWS takes this spot instance back: terminate at" in done.stderr
    assert "Run the same again to go on" in done.stderr
    assert wait_for(lambda: bed.state() == "stopped")
    assert bed.box.processes() == []
    book = bed.client("s3").get_object(Bucket=bed.bucket, Key=f"home/leases/{bed.instance_id}.json")
    assert json.loads(book["Body"].read())["leases"] == []
    uploaded = keys(bed, "input/")
    assert len(uploaded) == 4
    again = run(tmp_path, *command, **given)
    assert again.returncode == 0, again.stderr
    assert keys(bed, "input/") == uploaded


def test_a_run_ends_when_the_instance_has_cost_what_it_may(house, footage, tmp_path):
    bed, given = house
    done = run(
        tmp_path,
        *("pipeline", "curate", str(footage), "--on", "aws"),
        **given,
        PIPELINE_AWS__MAX_COST_USD="0.0001",
    )
    assert done.returncode == 1
    assert "aws.max_cost_usd" in done.stderr and "run again to go on" in done.stderr
    with DagsterInstance.from_config(str(tmp_path / ".pipeline" / "dagster")) as instance:
        (ended,) = instance.get_runs()
    assert "about $" in ended.tags[COST_TAG]
    assert wait_for(lambda: bed.state() == "stopped")
    again = run(tmp_path, "pipeline", "curate", str(footage), "--on", "aws", **given)
    assert again.returncode == 0, again.stderr
    assert len(keys(bed, "input/")) == 4  # uploaded once, by the first
