"""The Pipes client for EC2 over SSM, with a program that really runs on the bed's box."""

import sys

import dagster as dg
import pytest

from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.commands.ssm import SsmCommands
from pipeline_project.adapters.object_store.s3 import S3ObjectStore
from pipeline_project.errors import RemoteFailed, RemoteTimedOut
from pipeline_project.resources.pipes_bucket import BucketMessageReader, bucket_session
from pipeline_project.resources.pipes_ec2_ssm import PipesEC2SSMClient
from pipeline_project_tests.aws_bed.bed import DOCUMENT
from pipeline_project_tests.aws_bed.fixtures import aws_bed  # noqa: F401

PROGRAM = """
import sys
import boto3
from dagster_pipes import PipesS3MessageWriter, open_dagster_pipes

writer = PipesS3MessageWriter(boto3.client("s3"), interval=0.2)
with open_dagster_pipes(message_writer=writer) as pipes:
    pipes.log.info(f"hello from the box, {pipes.get_extra('name')}")
    pipes.report_asset_check(check_name="sharp", passed=True, severity="WARN", metadata={"n": 3})
    frames = {"type": "int", "raw_value": 9}
    pipes.report_asset_materialization(metadata={"frames": frames}, data_version="v-1")
print("broken", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def objects(aws_bed):  # noqa: F811
    return S3ObjectStore(f"s3://{aws_bed.bucket}/home", AwsSession().hasty(), patience_s=0)


@pytest.fixture
def client(aws_bed, objects):  # noqa: F811
    aws_bed.box.become("running")
    ssm = AwsSession().client("ssm")
    commands = SsmCommands(ssm, aws_bed.instance_id, DOCUMENT, grace_s=1, interval_s=0.05)
    return PipesEC2SSMClient(commands, objects, interval_s=0.05)


def materialize(client, *command, timeout_s=60.0, keep=lambda: None):
    @dg.asset(check_specs=[dg.AssetCheckSpec("sharp", asset="frames")])
    def frames(context: dg.AssetExecutionContext):
        done = client.run(
            context=context,
            command=command,
            extras={"name": "pipes"},
            timeout_s=timeout_s,
            keep=keep,
        )
        return done.get_materialize_result(implicit_materialization=False)

    return dg.materialize([frames], raise_on_error=False)


def error_of(result):
    (failure,) = [each.step_failure_data.error for each in result.get_step_failure_events()]
    return failure.cause or failure


def test_logs_checks_and_materializations_come_from_the_box(client, objects, aws_bed, capfd):  # noqa: F811
    result = materialize(client, sys.executable, "-c", PROGRAM, "0")
    assert result.success
    (made,) = result.asset_materializations_for_node("frames")
    assert made.metadata["frames"].value == 9
    assert made.metadata["ssm_command_id"].value == aws_bed.commands[0].id
    assert made.tags["dagster/data_version"] == "v-1"
    (check,) = result.get_asset_check_evaluations()
    assert check.passed and check.metadata["n"].value == 3
    assert "hello from the box, pipes" in capfd.readouterr().err
    assert list(objects.list("pipes")) == []


def test_a_program_that_fails_is_no_materialization(client, objects):
    result = materialize(client, sys.executable, "-c", PROGRAM, "3")
    assert not result.success
    error = error_of(result)
    assert error.cls_name == RemoteFailed.__name__
    assert "exit code 3" in error.message and "broken" in error.message
    assert list(objects.list("pipes")) == []


def test_a_program_that_runs_too_long_is_ended_on_the_box(client, aws_bed):  # noqa: F811
    result = materialize(client, sys.executable, "-c", "import time; time.sleep(60)", timeout_s=0.5)
    assert error_of(result).cls_name == RemoteTimedOut.__name__
    assert aws_bed.box.processes() == []


def test_an_interrupted_wait_ends_the_program(client, aws_bed):  # noqa: F811
    def interrupt():
        if aws_bed.commands[0].status == "InProgress":
            raise KeyboardInterrupt

    program = (sys.executable, "-c", "import time; time.sleep(60)")
    result = materialize(client, *program, keep=interrupt)
    assert error_of(result).cls_name in ("KeyboardInterrupt", "DagsterExecutionInterruptedError")
    assert aws_bed.box.processes() == []
    assert aws_bed.commands[0].status == "Cancelled"


def test_a_bucket_that_falls_silent_does_not_hold_a_program_that_ended(client, aws_bed):  # noqa: F811
    def silence():
        if aws_bed.commands[0].status == "InProgress":
            aws_bed.faults.refuse |= {"s3:GET", "s3:HEAD"}

    result = materialize(client, sys.executable, "-c", PROGRAM, "3", keep=silence)
    assert "exit code 3" in error_of(result).message  # the program's own end, nothing of the bucket


def test_trouble_in_reading_messages_is_looked_past(objects, aws_bed):  # noqa: F811
    reader = BucketMessageReader(objects, "run-1")
    aws_bed.faults.refuse.add("s3:HEAD")
    assert reader.download_messages_chunk(1, {}) is None
    aws_bed.faults.refuse.clear()
    key = f"{reader._folder}/1.json"
    objects.put(key, b"a line")
    reader.ended()
    assert reader.download_messages_chunk(1, {}) == "a line"
    assert not reader._drained  # there may be a second
    assert reader.download_messages_chunk(2, {}) is None
    assert reader._drained


def test_the_prefix_is_ours_and_another_for_each_session(objects, aws_bed):  # noqa: F811
    seen = []

    @dg.op
    def twice(context: dg.OpExecutionContext):
        for _ in range(2):
            with bucket_session(objects, context) as session:
                seen.append(session.message_reader_params)

    @dg.job
    def look():
        twice()

    look.execute_in_process()
    assert {each["bucket"] for each in seen} == {aws_bed.bucket}
    assert all(each["key_prefix"].startswith("home/pipes/") for each in seen)
    assert len({each["key_prefix"] for each in seen}) == 2
