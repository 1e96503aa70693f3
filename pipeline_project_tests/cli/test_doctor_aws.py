"""`pipeline doctor --aws` on the test bed: each thing that can be wrong is named, with its fix."""

import pytest

from pipeline_project_tests.aws_bed.house import aws_house
from pipeline_project_tests.cli.test_doctor import checks
from pipeline_project_tests.seaweed import running
from pipeline_project_tests.stand_ins.pexels import KEY, pexels


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def bed(server, pipeline, tmp_path, monkeypatch):
    """A stack that is sound, and the variables that name it."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with aws_house(tmp_path, server) as (bed, given):
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        bed.client("ec2").modify_instance_metadata_options(
            InstanceId=bed.instance_id, InstanceMetadataTags="enabled"
        )
        yield bed


def of_aws(answer) -> dict[str, dict]:
    return {name: row for name, row in checks(answer).items() if name.startswith("aws: ")}


def test_a_sound_stack_passes_and_nothing_is_started(bed, pipeline):
    answer = pipeline("doctor", "--aws", "--json")
    assert answer.code == 0, answer.out
    found = of_aws(answer)
    assert {row["status"] for row in found.values()} == {"ok"}
    assert {name.removeprefix("aws: ") for name in found} == {
        "boto3", "account", "settings", "bucket", "instance", "dead-man's switch", "worker code"
    }  # fmt: skip
    assert bed.box.starts == 0
    assert bed.state() == "stopped"
    listed = bed.client("s3").list_objects_v2(Bucket=bed.bucket, Prefix="home/")
    assert "Contents" not in listed  # what it tried to write is gone again


@pytest.mark.parametrize(
    ("name", "value", "check", "says"),
    [
        ("PIPELINE_AWS__BUCKET", "no-such-bucket-of-ours", "bucket", "no-such-bucket-of-ours"),
        ("PIPELINE_AWS__INSTANCE_ID", "i-0123456789abcdef0", "instance", "i-0123456789abcdef0"),
        ("PIPELINE_AWS__DOCUMENT", "no-such-document", "instance", "no-such-document"),
        ("PIPELINE_AWS__INSTANCE_ID", "", "settings", "aws.instance_id"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(bed, pipeline, monkeypatch, name, value, check, says):
    monkeypatch.setenv(name, value)
    answer = pipeline("doctor", "--aws", "--json")
    assert answer.code == 1
    found = of_aws(answer)[f"aws: {check}"]
    assert found["status"] == "fail"
    assert says in found["detail"]
    assert found["fix"]
    assert bed.box.starts == 0


def test_calls_that_the_policy_forbids_are_named(bed, pipeline):
    bed.faults.refuse.add("ec2:StopInstances")
    found = of_aws(pipeline("doctor", "--aws", "--json"))["aws: instance"]
    assert found["status"] == "fail"
    assert "stopping" in found["detail"]
    assert "OrchestratorPolicy" in found["fix"]


def test_expired_credentials_end_the_checks_there(bed, pipeline):
    bed.faults.expired = True
    found = of_aws(pipeline("doctor", "--aws", "--json"))
    assert found["aws: account"]["status"] == "fail"
    assert "aws: instance" not in found


def test_a_box_that_cannot_see_its_leases_is_told(bed, pipeline):
    bed.client("ec2").modify_instance_metadata_options(
        InstanceId=bed.instance_id, InstanceMetadataTags="disabled"
    )
    found = of_aws(pipeline("doctor", "--aws", "--json"))["aws: dead-man's switch"]
    assert found["status"] == "fail"
    assert bed.instance_id in found["fix"]


@pytest.mark.parametrize(("key", "status"), [(KEY, "ok"), (KEY[::-1], "fail")])
def test_a_pexels_key_is_tried(bed, pipeline, monkeypatch, key, status):
    with pexels() as pictures:
        monkeypatch.setenv("PIPELINE_PEXELS__API_URL", f"{pictures.base}/v1")
        monkeypatch.setenv("PEXELS_API_KEY", key)
        answer = pipeline("doctor", "--aws", "--json")
    assert of_aws(answer)["aws: pexels key"]["status"] == status
    assert key not in answer.out + answer.err


def test_no_secret_is_shown(bed, pipeline, server):
    answer = pipeline("doctor", "--aws")
    assert server.environment["AWS_SECRET_ACCESS_KEY"] not in answer.out + answer.err
