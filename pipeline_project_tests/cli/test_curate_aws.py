"""`pipeline curate --on aws` with something wrong: told in one line each, and nothing started."""

import json

import pytest

from pipeline_project_tests.aws_bed.fixtures import aws_bed  # noqa: F401
from pipeline_project_tests.cli.conftest import write_image


@pytest.fixture
def curate(pipeline, aws_bed, monkeypatch, tmp_path):  # noqa: F811
    """Curate one picture on the bed; `pipeline` first, because it clears the variables."""
    monkeypatch.setenv("PIPELINE_AWS__BUCKET", aws_bed.bucket)
    monkeypatch.setenv("PIPELINE_AWS__INSTANCE_ID", aws_bed.instance_id)
    picture = write_image(tmp_path / "footage" / "a.png")
    return lambda *flags: pipeline("curate", picture.parent, "--on", "aws", *flags)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUCKET", "no-such-bucket"),
        ("INSTANCE_ID", "i-0123456789abcdef0"),
        ("DOCUMENT", "no-such-document"),
        ("PROFILE", "no-such-profile"),
    ],
)
def test_what_is_not_there_is_named_before_anything_is_started(
    curate,
    aws_bed,  # noqa: F811
    monkeypatch,
    name,
    value,
):
    monkeypatch.setenv(f"PIPELINE_AWS__{name}", value)
    answer = curate()
    assert answer.code == 2
    assert value in answer.err
    assert aws_bed.box.starts == 0


def test_another_region_is_told_with_what_to_check(curate, aws_bed, monkeypatch):  # noqa: F811
    monkeypatch.setenv("PIPELINE_AWS__REGION", "us-east-1")
    answer = curate()
    assert answer.code == 2
    assert "in this region" in answer.err
    assert aws_bed.box.starts == 0


def test_missing_credentials_are_told_with_what_to_set(curate, aws_bed, monkeypatch):  # noqa: F811
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    answer = curate()
    assert answer.code == 2
    assert "no complete AWS credentials" in answer.err


ROLE = "arn:aws:iam::123456789012:role/nobody-s"


@pytest.mark.parametrize(
    ("without", "given", "refused", "says"),
    [
        (("AWS_REGION", "AWS_DEFAULT_REGION"), {}, (), "Set AWS_REGION"),
        (("AWS_SECRET_ACCESS_KEY",), {}, (), "no complete AWS credentials"),
        ((), {"PIPELINE_AWS__ROLE_ARN": ROLE}, ("sts:AssumeRole",), "access denied"),
        ((), {"PIPELINE_AWS__ROLE_ARN": "pipeline"}, (), "aws.role_arn"),
        ((), {"PIPELINE_AWS__DOCUMENT": "x"}, (), "aws.document"),
        ((), {"PIPELINE_AWS__BUCKET": ""}, (), "aws.bucket"),
        ((), {"PIPELINE_AWS__INSTANCE_ID": ""}, (), "aws.instance_id"),
        ((), {"PIPELINE_AWS__REGION": "Ireland"}, (), "aws.region"),
    ],
)
def test_what_is_missing_or_wrong_is_one_clear_line_and_nothing_is_started(
    curate,
    aws_bed,  # noqa: F811
    monkeypatch,
    without,
    given,
    refused,
    says,
):
    for name in without:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    aws_bed.faults.refuse |= set(refused)
    answer = curate()
    assert answer.code == 2
    lines = [line for line in answer.err.splitlines() if says in line]
    assert len(lines) == 1, answer.err
    assert aws_bed.box.starts == 0
    assert not [call for call in aws_bed.faults.calls if call == "ec2:CreateTags"]


def test_expired_credentials_are_told_with_what_to_do(curate, aws_bed):  # noqa: F811
    aws_bed.faults.expired = True
    answer = curate()
    assert answer.code == 2
    assert "expired" in answer.err
    assert aws_bed.box.starts == 0


def test_every_missing_permission_has_a_line_of_its_own(curate, aws_bed):  # noqa: F811
    aws_bed.faults.refuse |= {"ec2:StopInstances", "ec2:CreateTags", "ssm:DescribeDocument"}
    answer = curate()
    assert answer.code == 2
    lines = [line for line in answer.err.splitlines() if line.startswith("- ")]
    assert len(lines) == 3 and all("denied" in line for line in lines)
    assert aws_bed.box.starts == 0


def test_a_dry_run_tells_the_cost_of_the_instance_and_starts_nothing(pipeline, curate, aws_bed):  # noqa: F811
    answer = curate("--dry-run", "--json")
    assert answer.code == 0, answer.err
    facts = json.loads(answer.out)
    hour_usd = 0.587  # of a g4dn.xlarge in eu-west-1, in the shipped table
    assert facts["expected_cost_usd"] == pytest.approx(
        hour_usd * facts["expected_s"] / 3600, rel=0.05
    )
    assert "g4dn.xlarge" in facts["expected_cost"]
    assert "on the instance" in curate("--dry-run").err
    assert aws_bed.box.starts == 0


@pytest.mark.parametrize("name", ["BUCKET", "INSTANCE_ID"])
def test_a_setting_that_is_missing_is_named_with_its_variable(curate, monkeypatch, name):
    monkeypatch.delenv(f"PIPELINE_AWS__{name}")
    answer = curate()
    assert answer.code == 2
    assert f"aws.{name.lower()} not set" in answer.err
    assert f"PIPELINE_AWS__{name}" in answer.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BUCKET", "s3://bucket/prefix"),
        ("INSTANCE_ID", "my-box"),
        ("MAX_COST_USD", "-1"),
        ("SPOT_NOTICES", "169.254.169.254"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused(curate, monkeypatch, name, value):
    monkeypatch.setenv(f"PIPELINE_AWS__{name}", value)
    answer = curate()
    assert answer.code == 2
    assert f"aws.{name.lower()}" in answer.err
