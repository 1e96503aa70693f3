"""The bed's own promises, through plain boto3: what AWS refuses, what takes time, what is lost."""

import json
import socket
import subprocess
import sys
import threading

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.ec2.models.instances import Instance

from pipeline_project.adapters.aws_session import AwsAccess, AwsSession
from pipeline_project.adapters.commands.ssm import SsmCommands
from pipeline_project.errors import TransientError
from pipeline_project_tests.aws_bed.bed import DOCUMENT, AwsBed
from pipeline_project_tests.aws_bed.fixtures import aws_bed  # noqa: F401
from pipeline_project_tests.contracts.commands import ended, python, wait_for


def test_an_instance_cannot_be_started_on_its_way_down_nor_stopped_on_its_way_up(aws_bed):  # noqa: F811
    ec2, ids = aws_bed.client("ec2"), [aws_bed.instance_id]
    aws_bed.delays.boot_s = aws_bed.delays.stop_s = 0.3
    ec2.start_instances(InstanceIds=ids)
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.stop_instances(InstanceIds=ids)
    assert wait_for(lambda: aws_bed.state() == "running")
    ec2.stop_instances(InstanceIds=ids)
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=ids)
    assert wait_for(lambda: aws_bed.state() == "stopped")


def test_a_running_instance_takes_no_command_before_its_agent_is_online(aws_bed):  # noqa: F811
    aws_bed.delays.agent_s = 0.5
    aws_bed.client("ec2").start_instances(InstanceIds=[aws_bed.instance_id])
    assert wait_for(lambda: aws_bed.state() == "running")
    ssm = aws_bed.client("ssm")
    request = {
        "DocumentName": DOCUMENT,
        "InstanceIds": [aws_bed.instance_id],
        "Parameters": {"Key": ["a-key-of-ours"], "Action": ["end"]},
    }
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        ssm.send_command(**request)
    assert wait_for(lambda: aws_bed.box.online)
    assert ssm.send_command(**request)["Command"]["CommandId"]


def test_a_lost_network_is_waited_out_when_it_comes_back(aws_bed):  # noqa: F811
    aws_bed.box.become("running")
    access = AwsAccess(endpoint_urls={"ssm": aws_bed.proxy.url})
    session = AwsSession(access, connect_timeout_s=1, read_timeout_s=1, attempts=1)
    commands = SsmCommands(session.client("ssm"), aws_bed.instance_id, DOCUMENT, patience_s=30)
    command_id = commands.send(python("pass"), env={}, timeout_s=30, label="x")
    aws_bed.proxy.cut()
    impatient = SsmCommands(session.client("ssm"), aws_bed.instance_id, DOCUMENT, patience_s=0)
    with pytest.raises(TransientError, match="Check the network"):
        impatient.poll(command_id)
    threading.Timer(0.3, aws_bed.proxy.mend).start()
    assert ended(commands, command_id).state == "succeeded"


def test_what_an_earlier_test_left_in_the_environment_does_not_matter(monkeypatch, request):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")  # nobody answers there
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    bed = request.getfixturevalue("aws_bed")
    session = AwsSession(attempts=1)
    found = session.client("s3").list_buckets()["Buckets"]
    assert [each["Name"] for each in found] == [bed.bucket]


def test_a_bed_that_cannot_be_furnished_leaves_nothing_behind(tmp_path, monkeypatch):
    before = {name: getattr(Instance, name) for name in ("start", "stop", "terminate")}
    broken = AwsBed(tmp_path / "broken")
    monkeypatch.setattr(broken, "_furnish", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        broken.__enter__()
    assert {name: getattr(Instance, name) for name in before} == before
    with pytest.raises(OSError):
        socket.create_connection(broken.address, timeout=1)
    with AwsBed(tmp_path / "sound") as bed:
        with pytest.raises(RuntimeError, match="a bed in this process"):
            AwsBed(tmp_path / "second").__enter__()
        assert AwsBed.current is bed
    assert AwsBed.current is None


def test_a_command_that_is_never_delivered_ends_with_its_bed(tmp_path):
    with AwsBed(tmp_path) as bed:
        bed.box.become("running")
        bed.box.agent_lost = True
        commands = SsmCommands(bed.client("ssm"), bed.instance_id, DOCUMENT)
        commands.send(python("pass"), env={}, timeout_s=30, label="x")
    assert not bed.commands[0].alive


def test_answers_of_500_are_kept_for_the_report_of_a_failure(aws_bed, monkeypatch):  # noqa: F811
    monkeypatch.setattr(aws_bed, "find", lambda _: 1 / 0)
    with pytest.raises(ClientError):
        aws_bed.client("ssm").cancel_command(CommandId="0" * 36)
    assert any("ssm:CancelCommand" in each for each in aws_bed.faults.trouble)


def test_the_bed_runs_as_a_process_of_its_own_and_ends_with_its_stdin(monkeypatch):
    bed = subprocess.Popen(
        [sys.executable, "-m", "pipeline_project_tests.aws_bed", "--boot-s", "0.1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        facts = json.loads(bed.stdout.readline())
        for name, value in facts["env"].items():
            monkeypatch.setenv(name, value)
        found = boto3.client("ec2").describe_instances(InstanceIds=[facts["instance_id"]])
        assert found["Reservations"][0]["Instances"][0]["State"]["Name"] == "stopped"
        bed.stdin.close()
        assert bed.wait(timeout=30) == 0
    finally:
        bed.kill()
