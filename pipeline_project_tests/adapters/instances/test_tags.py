"""Letting go of an instance whose lease book cannot be used: its tags decide."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline_project.adapters.instances.tags import STARTED, last_by_tags, lease_tag
from pipeline_project.errors import StoreError
from pipeline_project_tests.adapters.instances.test_ec2 import ec2_instance
from pipeline_project_tests.aws_bed.fixtures import aws_bed  # noqa: F401
from pipeline_project_tests.contracts.commands import wait_for


@pytest.fixture
def instance(aws_bed, tmp_path):  # noqa: F811
    return ec2_instance(aws_bed, tmp_path)


def garbage(instance):
    instance._book._store.put(instance._book.key, b"{not a book")


def test_the_last_run_out_stops_the_instance_also_without_a_book(instance, aws_bed):  # noqa: F811
    instance.start("run-1", lease_s=60)
    instance.wait_ready(timeout_s=20)
    garbage(instance)
    outcome = instance.release("run-1")
    assert outcome.stopped and "By its tags" in outcome.message
    assert wait_for(lambda: aws_bed.state() == "stopped")


def test_without_a_book_nothing_is_stopped_under_another_run(instance, aws_bed):  # noqa: F811
    instance.start("run-1", lease_s=60)
    instance.start("run-2", lease_s=60)
    instance.wait_ready(timeout_s=20)
    garbage(instance)
    with pytest.raises(StoreError, match="damaged"):
        instance.release("run-1")
    assert aws_bed.state() == "running"


def test_without_a_book_an_instance_that_a_person_started_stays(instance, aws_bed):  # noqa: F811
    aws_bed.box.become("running")
    instance.start("run-1", lease_s=60)
    garbage(instance)
    with pytest.raises(StoreError):
        instance.release("run-1")
    assert aws_bed.state() == "running"


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changed", "last"),
    [
        ({}, True),
        ({lease_tag("b"): "2026-01-01T11:59:59Z"}, True),  # ended
        ({lease_tag("b"): "2026-01-01T12:00:01Z"}, False),
        ({lease_tag("b"): "garbage"}, False),  # better left to the switch
        ({lease_tag("a"): "garbage"}, True),
        ({lease_tag("a"): None}, False),
        ({STARTED: None}, False),
        ({STARTED: "garbage"}, False),
        ({STARTED: "2026-01-01T10:00:00Z"}, False),  # of an earlier start
    ],
)
def test_what_the_tags_alone_say(changed, last):
    tags = {STARTED: "2026-01-01T10:59:58Z", lease_tag("a"): "2026-01-01T12:10:00Z", "Name": "x"}
    tags = {name: value for name, value in {**tags, **changed}.items() if value is not None}
    assert last_by_tags(tags, "a", NOON - timedelta(hours=1), NOON) is last
