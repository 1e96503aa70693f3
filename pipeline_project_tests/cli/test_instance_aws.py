"""`pipeline instance` with `on: aws`, on the test bed."""

import sys

import pytest

from pipeline_project.build import aws_instance
from pipeline_project.settings import load_settings
from pipeline_project_tests.aws_bed.fixtures import aws_bed  # noqa: F401
from pipeline_project_tests.contracts.commands import wait_for


@pytest.fixture
def rented(pipeline, aws_bed, monkeypatch):  # noqa: F811
    """A running box that one run holds; `pipeline` first, because it clears the variables."""
    monkeypatch.setenv("PIPELINE_AWS__BUCKET", aws_bed.bucket)
    monkeypatch.setenv("PIPELINE_AWS__INSTANCE_ID", aws_bed.instance_id)
    settings = load_settings(flags={"on": "aws"})
    instance = aws_instance(settings)
    instance.start("run-1", lease_s=600)
    assert wait_for(lambda: aws_bed.box.online)
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    command_id = instance._commands.send(argv, env={}, timeout_s=60, label="run-1")
    return aws_bed, command_id


def test_status_names_state_leases_commands_and_cost(pipeline, rented):
    bed, command_id = rented
    (status,) = pipeline("instance", "status", "--on", "aws", "--json").rows
    assert (status["instance_id"], status["kind"]) == (bed.instance_id, "g4dn.xlarge")
    assert (status["state"], status["cost_usd"] > 0) == ("running", True)
    assert [lease["run_id"] for lease in status["leases"]] == ["run-1"]
    assert status["commands"] == [{"command_id": command_id, "run_id": "run-1"}]
    words = pipeline("instance", "status", "--on", "aws").out
    assert "running; g4dn.xlarge since" in words and "about $0.01" in words


def test_stop_ends_what_runs_and_stops_the_instance(pipeline, rented):
    bed, _ = rented
    answer = pipeline("instance", "stop", "--on", "aws")
    assert answer.code == 0
    assert "Commands ended: 1; leases dropped: 1" in answer.err
    assert wait_for(lambda: bed.state() == "stopped")
    assert bed.box.processes() == []
    words = pipeline("instance", "status", "--on", "aws").out
    assert "stopped; g4dn.xlarge, costs nothing but its disk" in words


def test_without_settings_it_says_which_are_missing(pipeline):
    answer = pipeline("instance", "status", "--on", "aws")
    assert answer.code == 2
    assert "aws.bucket and aws.instance_id not set" in answer.err


def test_a_place_that_is_none_is_wrong_use(pipeline):
    answer = pipeline("instance", "status", "--on", "moon")
    assert answer.code == 2
    assert "'local' or 'aws'" in answer.err
