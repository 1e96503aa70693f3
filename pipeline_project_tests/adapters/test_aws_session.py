import base64
import contextlib
import json
import subprocess
import sys
import threading
from datetime import timedelta
from urllib.parse import quote

import pytest
import requests
from moto.server import ThreadedMotoServer

from pipeline_project.adapters.aws_session import AwsAccess, AwsSession
from pipeline_project.errors import ConfigError
from pipeline_project_tests.seaweed import KEY_ID, REGION, account, environment

ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture
def own_account(tmp_path):
    with environment(account(tmp_path)):
        yield


@pytest.fixture
def sts(own_account, tmp_path, monkeypatch):
    """A server for STS that notes what is asked of it."""
    monkeypatch.setenv("MOTO_RECORDER_FILEPATH", str(tmp_path / "asked"))
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    requests.post(f"http://{host}:{port}/moto-api/recorder/start-recording", timeout=10)
    yield f"http://{host}:{port}"
    server.stop()


def test_a_client_is_made_once_for_all_threads(seaweed):
    session = seaweed.session()
    made: list[object] = []
    threads = [threading.Thread(target=lambda: made.append(session.client("s3"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8 and len(set(map(id, made))) == 1


def test_a_client_says_who_it_is_and_tries_again_as_often_as_told(seaweed):
    config = seaweed.session(attempts=7, read_timeout_s=5).client("s3").meta.config
    assert "pipeline_project/" in config.user_agent
    assert config.retries == {"mode": "standard", "total_max_attempts": 7}
    assert (config.connect_timeout, config.read_timeout) == (10.0, 5)


def test_the_address_of_a_service_comes_from_the_settings_else_the_environment(
    own_account, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1111")
    access = AwsAccess(region=REGION, endpoint_urls={"ec2": "http://127.0.0.1:2222"})
    session = AwsSession(access)
    assert session.client("s3").meta.endpoint_url == "http://127.0.0.1:1111"
    assert session.client("ec2").meta.endpoint_url == "http://127.0.0.1:2222"
    assert session.client("ssm").meta.endpoint_url == f"https://ssm.{REGION}.amazonaws.com"
    assert session.client("s3").meta.config.s3["addressing_style"] == "path"


def test_a_role_is_assumed_with_its_external_id_and_renewed(sts):
    session = AwsSession(AwsAccess(REGION, None, ROLE, "shared-word", {"sts": sts}))
    frozen = session.credentials()
    assert frozen.token and frozen.access_key != KEY_ID
    [asked] = [each for each in _asked(sts) if "AssumeRole" in each]
    assert f"RoleArn={quote(ROLE, safe='')}" in asked and "ExternalId=shared-word" in asked
    assert session.credentials().access_key == frozen.access_key  # still good
    with _later(timedelta(minutes=58)):
        assert session.credentials().access_key != frozen.access_key


def _asked(server: str) -> list[str]:
    """Bodies of the requests that the server has had."""
    url = f"{server}/moto-api/recorder/download-recording"
    lines = requests.get(url, timeout=10).text.splitlines()
    return [base64.b64decode(json.loads(line)["body"]).decode() for line in lines]


@contextlib.contextmanager
def _later(by: timedelta):
    """botocore's clock goes ahead."""
    from botocore import credentials

    kind, now = credentials.RefreshableCredentials, credentials._local_now
    left = kind._seconds_remaining
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "_local_now", lambda: now() + by)
        patch.setattr(kind, "_seconds_remaining", lambda self: left(self) - by.total_seconds())
        yield


def test_without_credentials_the_ways_to_give_them_are_told(own_account, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    session = AwsSession(AwsAccess(REGION, endpoint_urls={"s3": "http://127.0.0.1:9"}))
    with pytest.raises(ConfigError, match="AWS_PROFILE"):
        session.storage_options("bucket")


def test_without_a_region_that_is_told(own_account, monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match="Set AWS_REGION"):
        AwsSession().client("ec2")


def test_nothing_of_boto3_is_imported_before_it_is_used():
    code = (
        "import sys; import pipeline_project.adapters.aws_session, pipeline_project.definitions; "
        "sys.exit(any(name.startswith(('boto', 'moto')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
