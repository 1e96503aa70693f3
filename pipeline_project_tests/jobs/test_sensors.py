"""The watchers, each evaluated as the daemon does, over an instance on the bed."""

import dagster as dg
import pytest

from pipeline_project.jobs.sensors import reaper_sensor, release_sensors
from pipeline_project_tests.adapters.instances.test_ec2 import ec2_instance
from pipeline_project_tests.aws_bed.fixtures import aws_bed  # noqa: F401
from pipeline_project_tests.contracts.commands import wait_for
from pipeline_project_tests.contracts.instances import MovableClock


@dg.op
def fails():
    raise ValueError("on purpose")


@dg.job
def failing():
    fails()


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def instance(aws_bed, tmp_path, clock):  # noqa: F811
    return ec2_instance(aws_bed, tmp_path, clock)


def reap(instance):
    return reaper_sensor(lambda: instance)(dg.build_sensor_context())


def test_the_reaper_stops_a_box_whose_run_died_without_a_word(aws_bed, instance, clock):  # noqa: F811
    instance.start("dead", lease_s=60)
    assert wait_for(lambda: aws_bed.state() == "running")
    assert "left as it is" in str(reap(instance).skip_message)
    assert aws_bed.box.stops == 0
    clock.pass_s(61)
    assert "asked to stop" in str(reap(instance).skip_message)
    assert wait_for(lambda: aws_bed.state() == "stopped")


def test_the_reaper_leaves_a_box_that_a_person_started(aws_bed, instance, clock):  # noqa: F811
    aws_bed.client("ec2").start_instances(InstanceIds=[aws_bed.instance_id])
    assert wait_for(lambda: aws_bed.state() == "running")
    instance.start("ours", lease_s=60)
    clock.pass_s(600)
    assert "left as it is" in str(reap(instance).skip_message)
    assert aws_bed.state() == "running"


def test_a_failed_run_is_let_go_of_by_its_sensor(aws_bed, instance):  # noqa: F811
    after_failure, _ = release_sensors(lambda: instance)
    with dg.instance_for_test() as storage:
        result = failing.execute_in_process(instance=storage, raise_on_error=False)
        instance.start(result.run_id, lease_s=600)
        assert wait_for(lambda: aws_bed.state() == "running")
        (event,) = [each for each in result.all_events if each.is_run_failure]
        context = dg.build_run_status_sensor_context(
            after_failure.name, event, storage, result.dagster_run
        ).for_run_failure()
        after_failure(context)
    assert wait_for(lambda: aws_bed.state() == "stopped")
    assert instance.status().leases == []


def test_both_sensors_run_from_the_start():
    watchers = [*release_sensors(lambda: pytest.fail("asked"))]
    watchers.append(reaper_sensor(lambda: pytest.fail("asked")))
    assert {each.default_status for each in watchers} == {dg.DefaultSensorStatus.RUNNING}
