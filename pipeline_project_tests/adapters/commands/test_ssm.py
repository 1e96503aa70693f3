"""Commands through SSM: the contract, on a box that really runs them, and what AWS does besides."""

import base64
import json
import time

import pytest

from pipeline_project.adapters.aws_session import AwsAccess, AwsSession
from pipeline_project.adapters.commands.ssm import SsmCommands
from pipeline_project.adapters.object_store.base import StoredObject
from pipeline_project.errors import ConfigError
from pipeline_project_tests.aws_bed.bed import DOCUMENT, ROOT
from pipeline_project_tests.aws_bed.fixtures import aws_bed  # noqa: F401
from pipeline_project_tests.contracts.commands import CommandsContract, ended, python, wait_for


@pytest.fixture
def running_box(aws_bed):  # noqa: F811
    aws_bed.box.become("running")
    return aws_bed


@pytest.fixture
def commands(running_box):
    return ssm_commands(running_box)


def ssm_commands(bed, **more):
    session = AwsSession(AwsAccess(), connect_timeout_s=2, read_timeout_s=5)
    options = {"grace_s": 1, "interval_s": 0.05, "patience_s": 5.0, **more}
    return SsmCommands(session.client("ssm"), bed.instance_id, DOCUMENT, **options)


class TestSsmCommands(CommandsContract):
    @pytest.fixture
    def commands(self, running_box):
        return ssm_commands(running_box)


SLEEP = python("import time; time.sleep(60)")


def test_a_usable_document_passes_the_check(commands):
    assert commands.check() == []


def test_a_missing_document_is_one_line_with_its_name(running_box):
    running_box.client("ssm").delete_document(Name=DOCUMENT)
    (problem,) = ssm_commands(running_box).check()
    assert DOCUMENT in problem and "ec2/ssm_document.json" in problem


def test_another_document_of_that_name_is_told(running_box):
    ssm = running_box.client("ssm")
    content = json.loads((ROOT / "ec2" / "ssm_document.json").read_text())
    del content["parameters"]["Key"]
    ssm.delete_document(Name=DOCUMENT)
    ssm.create_document(Name=DOCUMENT, DocumentType="Command", Content=json.dumps(content))
    (problem,) = ssm_commands(running_box).check()
    assert "Key" in problem


def test_the_name_of_a_parameter_that_holds_a_secret_may_be_sent(commands, running_box):
    where = {"LIGHTLY_TOKEN_PARAMETER": "/pipeline_project/lightly_token"}
    assert commands.send(["true"], env=where, timeout_s=30, label="r")


def test_a_variable_that_looks_like_a_secret_is_never_sent(commands, running_box):
    with pytest.raises(ConfigError, match="PEXELS_API_KEY") as told:
        commands.send(SLEEP, env={"PEXELS_API_KEY": "s3cret"}, timeout_s=30, label="x")
    assert "s3cret" not in str(told.value)
    assert running_box.commands == []


def test_words_cannot_become_shell_text(running_box):
    ssm = running_box.client("ssm")
    for name, value in {"Words": "aGk=; touch x", "Key": "a" * 8 + "$(id)"}.items():
        with pytest.raises(ssm.exceptions.ClientError, match=name):
            ssm.send_command(
                DocumentName=DOCUMENT,
                InstanceIds=[running_box.instance_id],
                Parameters={"Key": ["a" * 8], "Words": [""], name: [value]},
            )


def test_a_command_sent_twice_does_the_work_once(running_box, tmp_path):
    words = b"sh\0-c\0sleep 0.3; echo done >> " + str(tmp_path / "did").encode() + b"; exit 5\0"
    ssm = running_box.client("ssm")
    sent = [
        ssm.send_command(
            DocumentName=DOCUMENT,
            InstanceIds=[running_box.instance_id],
            Comment="run same-key-1 x",
            Parameters={"Key": ["same-key-1"], "Words": [base64.b64encode(words).decode()]},
        )["Command"]["CommandId"]
        for _ in range(2)
    ]
    commands = ssm_commands(running_box)
    assert [ended(commands, each).exit_code for each in sent] == [5, 5]
    assert (tmp_path / "did").read_text() == "done\n"


def test_a_command_ended_before_it_began_never_runs(running_box, tmp_path):
    ssm = running_box.client("ssm")
    commands = ssm_commands(running_box)
    commands._end_on_instance("early-key-1")
    words = base64.b64encode(b"touch\0" + str(tmp_path / "ran").encode() + b"\0").decode()
    command_id = ssm.send_command(
        DocumentName=DOCUMENT,
        InstanceIds=[running_box.instance_id],
        Parameters={"Key": ["early-key-1"], "Words": [words]},
    )["Command"]["CommandId"]
    assert ended(commands, command_id).state == "cancelled"
    assert not (tmp_path / "ran").exists()


def test_a_command_ended_while_it_is_being_started_never_runs(running_box, tmp_path):
    """The agent kills the script when the program's own process is there but not yet known."""
    tools, begun, done = tmp_path / "tools", tmp_path / "begun", tmp_path / "done"
    tools.mkdir()
    slow = tools / "mv"  # notes the process, which takes a moment
    slow.write_text(f'#!/bin/sh\ntouch {begun}; sleep 1\nPATH=/usr/bin:/bin exec mv "$@"\n')
    slow.chmod(0o755)
    running_box.box_environment["PATH"] = f"{tools}:{running_box.box_environment['PATH']}"
    commands = ssm_commands(running_box)
    deaf = f"import signal, time; signal.signal(15, 1); open({str(done)!r}, 'w'); time.sleep(60)"
    command_id = commands.send(python(deaf), env={}, timeout_s=30, label="x")
    assert wait_for(begun.exists)
    commands.cancel(command_id)
    assert ended(commands, command_id).state == "cancelled"
    assert wait_for(lambda: running_box.box.processes() == [])
    assert not done.exists()


def test_the_grace_is_seconds_however_slow_the_look_for_processes(running_box, tmp_path):
    tools, deaf = tmp_path / "tools", tmp_path / "deaf"
    tools.mkdir()
    slow = tools / "ps"
    slow.write_text('#!/bin/sh\nsleep 2\nPATH=/usr/bin:/bin exec ps "$@"\n')
    slow.chmod(0o755)
    running_box.box_environment["PATH"] = f"{tools}:{running_box.box_environment['PATH']}"
    commands = ssm_commands(running_box, grace_s=2)
    program = f"import signal, time; signal.signal(15, 1); open({str(deaf)!r}, 'w'); time.sleep(60)"
    command_id = commands.send(python(program), env={}, timeout_s=60, label="x")
    assert wait_for(deaf.exists)
    before = time.monotonic()
    commands.cancel(command_id)
    assert time.monotonic() - before < 30  # twenty looks, each of two seconds, take longer
    assert running_box.box.processes() == []


def test_a_program_that_reads_stdin_ends_itself_when_the_agent_kills_the_script(
    commands, running_box, tmp_path
):
    kept = tmp_path / "kept"
    code = (
        f"import pathlib, sys; pathlib.Path({str(kept) + '-up'!r}).touch()\n"
        f"sys.stdin.read(); pathlib.Path({str(kept)!r}).touch()"
    )
    command_id = commands.send(python(code), env={}, timeout_s=60, label="x")
    assert wait_for((tmp_path / "kept-up").exists)
    running_box.client("ssm").cancel_command(CommandId=command_id)
    assert wait_for(kept.exists)
    assert ended(commands, command_id).state == "cancelled"


def test_nothing_that_a_command_started_outlives_it(commands, running_box):
    code = "import subprocess, sys; subprocess.Popen(['sleep', '60'])"
    assert (
        ended(commands, commands.send(python(code), env={}, timeout_s=60, label="x")).state
        == "succeeded"
    )
    assert running_box.box.processes() == []


def test_cancelling_leaves_no_process_on_the_box(commands, running_box):
    command_id = commands.send(SLEEP, env={}, timeout_s=60, label="x")
    assert wait_for(lambda: commands.poll(command_id).state == "running")
    commands.cancel(command_id)
    assert wait_for(lambda: running_box.box.processes() == [])


def test_output_longer_than_the_api_gives_comes_from_the_bucket(running_box):
    store = BucketOutput(running_box)
    commands = ssm_commands(running_box, output=store)
    code = "import sys; print('o' * 50_000 + 'out'); print('e' * 9_000 + 'err', file=sys.stderr)"
    status = ended(commands, commands.send(python(code), env={}, timeout_s=60, label="x"))
    assert status.stdout_tail.endswith("out\n") and status.stderr_tail.endswith("err\n")
    assert len(status.stdout_tail) == len(status.stderr_tail) == 8_000


def test_a_command_that_no_agent_takes_up_is_told_as_such(running_box):
    running_box.box.agent_lost = True
    running_box.delivery_limit_s = 0.2
    commands = ssm_commands(running_box)
    status = ended(commands, commands.send(SLEEP, env={}, timeout_s=60, label="x"))
    assert (status.state, status.detail, status.exit_code) == (
        "timed_out",
        "DeliveryTimedOut",
        None,
    )


def test_stopping_the_instance_ends_its_commands(commands, running_box):
    command_id = commands.send(SLEEP, env={}, timeout_s=60, label="x")
    assert wait_for(lambda: commands.poll(command_id).state == "running")
    running_box.client("ec2").stop_instances(InstanceIds=[running_box.instance_id])
    status = ended(commands, command_id)
    assert (status.state, status.detail) == ("failed", "Terminated")


def test_throttling_is_waited_out(running_box):
    running_box.faults.throttle = 0.3
    commands = ssm_commands(running_box, patience_s=60)
    command_id = commands.send(python("print(1)"), env={}, timeout_s=60, label="x")
    assert ended(commands, command_id).state == "succeeded"


def test_expired_credentials_are_told_at_once(commands, running_box):
    running_box.faults.expired = True
    with pytest.raises(ConfigError, match="expired"):
        commands.send(SLEEP, env={}, timeout_s=60, label="x")


def test_commands_of_strangers_are_not_ours(commands, running_box):
    running_box.client("ssm").send_command(
        DocumentName=DOCUMENT,
        InstanceIds=[running_box.instance_id],
        Comment="somebody else's",
        Parameters={"Key": ["stranger-1"], "Words": [base64.b64encode(b"sleep\x000.5\0").decode()]},
    )
    assert commands.running() == []


def test_a_long_history_is_read_by_pages(commands, running_box):
    command_id = commands.send(SLEEP, env={}, timeout_s=60, label="first")
    ssm = running_box.client("ssm")
    running_box.box.agent_lost = True  # so that the others only stand in the list
    for number in range(60):
        ssm.send_command(
            DocumentName=DOCUMENT,
            InstanceIds=[running_box.instance_id],
            Comment=f"end other-{number:03} x",
            Parameters={"Key": [f"other-{number:03}"], "Action": ["end"]},
        )
    assert commands.running() == [(command_id, "first")]
    running_box.box.agent_lost = False
    commands.cancel(command_id)


class BucketOutput:
    """The store's two calls that outputs need, on the bed's bucket."""

    def __init__(self, bed):
        self.root = f"s3://{bed.bucket}/home"
        self._s3, self._bucket = bed.client("s3"), bed.bucket

    def list(self, prefix):
        found = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=f"home/{prefix}")
        for each in found.get("Contents", []):
            yield StoredObject(each["Key"].removeprefix("home/"), each["Size"], each["ETag"])

    def get(self, key):
        return self._s3.get_object(Bucket=self._bucket, Key=f"home/{key}")["Body"].read()


def test_a_box_that_cannot_write_its_state_fails_at_once(running_box):
    running_box.box_environment["PIPELINE_BOX_STATE"] = "/proc/full"
    commands = ssm_commands(running_box)
    sent = commands.send(["true"], env={}, timeout_s=600, label="r")
    assert wait_for(lambda: commands.poll(sent).ended, 20)
    seen = commands.poll(sent)
    assert (seen.state, seen.exit_code) == ("failed", 1)
    assert "/proc/full" in seen.stderr_tail
