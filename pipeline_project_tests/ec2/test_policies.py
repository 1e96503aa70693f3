"""What each role of the stack may do, and what it may not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline_project_tests.ec2.iam import allows
from pipeline_project_tests.ec2.template import (
    ACCOUNT,
    BUCKET,
    LIGHTLY_BUCKET,
    REGION,
    policies,
    resources,
)

INSTANCE = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0123456789abcdef0"
EVENTS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:Events"
DOCUMENT = f"arn:aws:ssm:{REGION}:{ACCOUNT}:document/curation-Document-1"
OURS = {"aws:ResourceTag/pipeline_project": "gpu-worker"}
OURS_SSM = {"ssm:resourceTag/pipeline_project": "gpu-worker"}
HERE = {"aws:RequestedRegion": REGION}


def in_bucket(key: str, bucket: str = BUCKET) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


def listing(prefix: str) -> dict[str, str]:
    return {"s3:prefix": prefix}


def tags(*keys: str) -> dict[str, Any]:
    return {**OURS, "aws:TagKeys": list(keys)}


ORCHESTRATOR_MAY = [
    ("ec2:StartInstances", INSTANCE, OURS),
    ("ec2:StopInstances", INSTANCE, OURS),
    ("ec2:CreateTags", INSTANCE, tags("pipeline_project:lease:1", "pipeline_project:started")),
    ("ec2:DeleteTags", INSTANCE, tags("pipeline_project:lease:1")),
    ("ec2:DescribeInstances", "*", HERE),
    ("ec2:DescribeInstanceAttribute", INSTANCE, OURS),
    ("ec2:DescribeVolumes", "*", HERE),
    ("ssm:DescribeInstanceInformation", "*", HERE),
    ("ssm:GetCommandInvocation", "*", HERE),
    ("ssm:ListCommands", "*", HERE),
    ("ssm:CancelCommand", "*", HERE),
    ("ssm:SendCommand", DOCUMENT, {}),
    ("ssm:SendCommand", INSTANCE, OURS_SSM),
    ("ssm:DescribeDocument", DOCUMENT, {}),
    ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", listing("pipeline/input/")),
    ("s3:ListBucketMultipartUploads", f"arn:aws:s3:::{BUCKET}", {}),
    ("s3:PutObject", in_bucket("pipeline/input/abc.mp4"), {}),
    ("s3:GetObject", in_bucket("pipeline/leases/i-1.json"), {}),
    ("s3:DeleteObject", in_bucket("pipeline/pipes/1/2.json"), {}),
    ("s3:AbortMultipartUpload", in_bucket("pipeline/input/abc.mp4"), {}),
    ("s3:PutObject", in_bucket(".lightly/relevant.txt", LIGHTLY_BUCKET), {}),
    ("sqs:ReceiveMessage", EVENTS, {}),
    ("sqs:DeleteMessage", EVENTS, {}),
]
ORCHESTRATOR_MAY_NOT = [
    ("ec2:StartInstances", INSTANCE, {}),
    ("ec2:StopInstances", INSTANCE, {"aws:ResourceTag/pipeline_project": "other"}),
    ("ec2:StartInstances", INSTANCE.replace(REGION, "us-east-1"), OURS),
    ("ec2:TerminateInstances", INSTANCE, OURS),
    ("ec2:DescribeInstanceAttribute", INSTANCE, {}),  # could read another box's user data
    ("ec2:RunInstances", INSTANCE, OURS),
    ("ec2:CreateTags", INSTANCE, tags("pipeline_project")),  # would make any box ours
    ("ec2:CreateTags", INSTANCE, {"aws:TagKeys": ["pipeline_project:lease:1"]}),
    ("ec2:CreateTags", INSTANCE, tags("pipeline_project:lease:1", "Name")),
    ("ec2:DeleteTags", INSTANCE, OURS),  # without keys: all of them
    ("ec2:DescribeInstances", "*", {"aws:RequestedRegion": "us-east-1"}),
    ("ssm:SendCommand", f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript", {}),
    ("ssm:SendCommand", INSTANCE, {}),
    ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/pipeline_project/x", {}),
    ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", listing("payroll/")),
    ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", {}),
    ("s3:GetObject", in_bucket("payroll/2026.csv"), {}),
    ("s3:PutObject", in_bucket("pipelinex/a"), {}),
    ("s3:GetObject", in_bucket("pipeline/a", "another"), {}),
    ("s3:DeleteBucket", f"arn:aws:s3:::{BUCKET}", {}),
    ("s3:PutBucketPolicy", f"arn:aws:s3:::{BUCKET}", {}),
    ("iam:PassRole", "arn:of:BoxRole", {}),
    ("sqs:SendMessage", EVENTS, {}),  # only S3 tells of objects
    ("sqs:ReceiveMessage", EVENTS + "Refused", {}),
    ("sqs:PurgeQueue", EVENTS, {}),
]
BOX_MAY = [
    ("s3:GetObject", in_bucket("pipeline/wheels/ab/x.whl"), {}),
    ("s3:GetObject", in_bucket("pipeline/input/abc.mp4"), {}),
    ("s3:PutObject", in_bucket("pipeline/lake/tables/frames.lance/data/1"), {}),
    ("s3:PutObject", in_bucket("pipeline/commands-output/1/stdout"), {}),
    ("s3:DeleteObject", in_bucket("pipeline/lake/x"), {}),
    ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", listing("pipeline/lake/")),
    (
        "ssm:GetParameter",
        f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/pipeline_project/lightly_token",
        {},
    ),
]
BOX_MAY_NOT = [
    ("s3:PutObject", in_bucket("pipeline/leases/i-1.json"), {}),
    ("s3:DeleteObject", in_bucket("pipeline/leases/i-1.json"), {}),
    ("s3:PutObject", in_bucket("pipeline/wheels/ab/x.whl"), {}),
    ("s3:GetObject", in_bucket("payroll/2026.csv"), {}),
    ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/payroll", {}),
    ("ssm:SendCommand", INSTANCE, OURS_SSM),
    ("ec2:StartInstances", INSTANCE, OURS),
    ("ec2:StopInstances", INSTANCE, OURS),
    ("ec2:CreateTags", INSTANCE, tags("pipeline_project:started")),
]
LIGHTLY_MAY = [
    ("s3:GetObject", in_bucket("pipeline/input/abc.mp4"), {}),
    ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", listing("pipeline/input/")),
    ("s3:PutObject", in_bucket("run/report.pdf", LIGHTLY_BUCKET), {}),
    ("s3:ListBucket", f"arn:aws:s3:::{LIGHTLY_BUCKET}", {}),
]
LIGHTLY_MAY_NOT = [
    ("s3:PutObject", in_bucket("pipeline/input/abc.mp4"), {}),
    ("s3:DeleteObject", in_bucket("pipeline/input/abc.mp4"), {}),
    ("s3:GetObject", in_bucket("pipeline/lake/x"), {}),
    ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", listing("pipeline/")),
]


@pytest.mark.parametrize(
    ("role", "calls", "expected"),
    [
        ("OrchestratorPolicy", ORCHESTRATOR_MAY, True),
        ("OrchestratorPolicy", ORCHESTRATOR_MAY_NOT, False),
        ("BoxRole", BOX_MAY, True),
        ("BoxRole", BOX_MAY_NOT, False),
        ("LightlyRole", LIGHTLY_MAY, True),
        ("LightlyRole", LIGHTLY_MAY_NOT, False),
    ],
)
def test_a_role_may_do_its_work_and_nothing_else(
    role: str, calls: list[tuple[str, str, dict[str, Any]]], expected: bool
) -> None:
    own = policies(role)
    wrong = [call for call in calls if allows(own, *call) is not expected]
    assert wrong == []


def test_without_lightly_nothing_of_it_is_made() -> None:
    made = resources(LightlyAccountId="")
    assert not [name for name in made if name.startswith("Lightly")]
    own = policies("OrchestratorPolicy", LightlyAccountId="")
    assert not allows(own, "s3:PutObject", in_bucket("x", LIGHTLY_BUCKET))


def test_lightly_gets_in_by_its_external_id_only() -> None:
    trust = resources()["LightlyRole"]["Properties"]["AssumeRolePolicyDocument"]
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::999988887777:root"}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "an-external-id"}}


def test_only_buckets_of_this_account_may_write_to_the_queue() -> None:
    made = resources()
    (statement,) = made["EventsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    (own,) = policies("EventsPolicy")
    assert allows([own], "sqs:SendMessage", EVENTS, {"aws:SourceAccount": ACCOUNT})
    assert not allows([own], "sqs:SendMessage", EVENTS, {"aws:SourceAccount": "1"})


def test_the_bucket_tells_the_queue_of_incoming_media_and_of_nothing_that_a_run_writes() -> None:
    told = resources()["Bucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert {each["Event"] for each in told} == {"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}
    for each in told:
        assert each["Queue"] == EVENTS
        (rule,) = each["Filter"]["S3Key"]["Rules"]
        assert rule == {"Name": "prefix", "Value": "pipeline/incoming/"}


def test_a_message_that_nobody_understands_moves_away_before_it_would_be_deleted() -> None:
    from pipeline_project.adapters.events.sqs import MAX_RECEIVES

    queue = resources()["Events"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] < MAX_RECEIVES
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == EVENTS + "Refused"


def test_buckets_refuse_what_is_not_encrypted_on_the_way() -> None:
    made = resources()
    for bucket, name in ((BUCKET, "BucketPolicy"), (LIGHTLY_BUCKET, "LightlyBucketPolicy")):
        own = made[name]["Properties"]["PolicyDocument"]
        everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        for secure in ("true", "false"):
            allowed = allows(
                [own, everything],
                "s3:GetObject",
                in_bucket("a", bucket),
                {"aws:SecureTransport": secure},
            )
            assert allowed is (secure == "true")


@pytest.mark.parametrize("role", ["OrchestratorPolicy", "BoxRole", "LightlyRole"])
def test_parliament_finds_nothing_in_the_policies(role: str) -> None:
    parliament = shutil.which("parliament", path=str(Path(sys.executable).parent))
    assert parliament, "parliament is in the extra dev"
    for own in policies(role):
        done = subprocess.run(
            [parliament], input=json.dumps(own), capture_output=True, text=True, timeout=60
        )
        said = [
            line
            for line in done.stdout.splitlines()
            # SendCommand on an instance is AWS's own example; parliament's table lacks it.
            if "No resources match" not in line or "ssm:SendCommand" not in line
        ]
        assert said == [], done.stderr
