"""Runs that go on where an earlier run failed, as `Re-execute from failure` in Dagster's pages."""

import dagster as dg
import pytest

from pipeline_project_tests.jobs.wiring import House, defs


def curation_job():
    return defs().resolve_job_def("curation_job")


def aws_example_job():
    return defs().resolve_job_def("aws_example_job")


def steps(result, kind):
    return {e.step_key for e in result.all_events if e.event_type_value == kind}


@pytest.mark.parametrize(
    ("job", "failing"),
    [(curation_job, "run_worker"), (aws_example_job, "schedule_lightly_run")],
    ids=["curation_job", "aws_example_job"],
)
def test_a_failed_run_can_be_gone_on_with_and_holds_a_lease_of_its_own(
    tmp_path, monkeypatch, job, failing
):
    house = House(tmp_path / "house")
    house.home.mkdir()
    house.add_media("a.mp4")
    monkeypatch.setenv("HOUSE", str(house.home))
    monkeypatch.setenv("BEHAVIOUR", "fail-once")
    again = dg.reconstructable(job)
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        first = dg.execute_job(again, instance=instance)
        assert steps(first, "STEP_FAILURE") == {failing}
        options = dg.ReexecutionOptions.from_failure(first.run_id, instance)
        second = dg.execute_job(again, instance=instance, reexecution_options=options)
        assert second.success
        assert steps(second, "STEP_SUCCESS") == {
            failing,
            "shutdown_instance",
            "record_lineage",
            "publish_selection",
        }
    assert house.leases() == []
