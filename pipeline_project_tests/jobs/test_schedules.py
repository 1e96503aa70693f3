from datetime import UTC, datetime

import dagster as dg
import pytest

from pipeline_project.core.config import CurationConfig
from pipeline_project.core.schedule_config import ScheduleConfig
from pipeline_project.core.trigger_config import TriggerConfig
from pipeline_project.jobs.schedules import nightly_pexels_collection, weekly_selection
from pipeline_project_tests.jobs.wiring import House


@pytest.fixture
def job(tmp_path) -> dg.JobDefinition:
    house = House(tmp_path)
    return house.definitions(house.config()).resolve_job_def("curation_job")


def evaluated(job, storage, source=None, **schedule):
    nightly = nightly_pexels_collection(
        job, CurationConfig(source=source), ScheduleConfig(**schedule)
    )
    context = dg.build_schedule_context(storage, datetime(2026, 11, 21, 2, tzinfo=UTC))
    return nightly.evaluate_tick(context)


@pytest.mark.parametrize(
    ("source", "spec"),
    [("pexels:coffee", "pexels:coffee"), ("footage", "pexels:popular"), (None, "pexels:popular")],
)
def test_a_night_asks_for_a_run_on_the_query(job, source, spec):
    with dg.instance_for_test() as storage:
        (request,) = evaluated(job, storage, source).run_requests
    assert request.run_config["resources"]["curation"]["config"] == {"source": spec}
    assert dg.validate_run_config(job, request.run_config)


def test_a_night_is_left_out_while_the_last_one_is_under_way(job):
    with dg.instance_for_test() as storage:
        tags = {"dagster/schedule_name": "nightly_pexels_collection"}
        run = storage.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
        tick = evaluated(job, storage)
        assert tick.run_requests == []
        assert run.run_id in tick.skip_message
        other = {"dagster/schedule_name": "another"}
        storage.delete_run(run.run_id)
        storage.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=other)
        assert len(evaluated(job, storage).run_requests) == 1


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_on_only_where_it_was_asked_for(job, enabled):
    nightly = nightly_pexels_collection(job, CurationConfig(), ScheduleConfig(enabled=enabled))
    assert (nightly.default_status == dg.DefaultScheduleStatus.RUNNING) is enabled


def test_a_time_zone_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no time zone 'Mars/Olympus'"):
        ScheduleConfig(timezone="Mars/Olympus")


def test_a_week_selects_from_the_source_of_the_settings_unless_the_last_is_under_way(job):
    weekly = weekly_selection(job, TriggerConfig(weekly=True, weekly_timezone="Europe/Berlin"))
    assert weekly.default_status == dg.DefaultScheduleStatus.RUNNING
    assert weekly_selection(job, TriggerConfig()).default_status == dg.DefaultScheduleStatus.STOPPED
    with dg.instance_for_test() as storage:

        def tick():
            # A context of its own each time: one that is used twice leaves the instance entered.
            monday = datetime(2026, 11, 23, 6, tzinfo=UTC)
            return weekly.evaluate_tick(dg.build_schedule_context(storage, monday))

        (request,) = tick().run_requests
        assert dg.validate_run_config(job, request.run_config)
        tags = {"dagster/schedule_name": "weekly_selection"}
        run = storage.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
        assert run.run_id in tick().skip_message
