"""The graph: which branch runs, what comes out, and what is let go of when a run fails."""

import dagster as dg
import pytest

from pipeline_project_tests.jobs.wiring import House

ALWAYS = {
    "download_random_video_from_pexels",
    "collect_media",
    "start_instance",
    "upload_video_to_s3",
    "shutdown_instance",
    "record_lineage",
    "publish_selection",
}


@pytest.fixture
def house(tmp_path):
    return House(tmp_path).add_media("a.mp4", "b c.jpg", "notes.txt")


@pytest.fixture(scope="module")
def instance():
    with dg.instance_for_test() as ephemeral:
        yield ephemeral


def run(house, config, instance, job="curation_job", **overrides):
    job_def = house.definitions(config, **overrides).resolve_job_def(job)
    return job_def.execute_in_process(instance=instance, raise_on_error=False)


def steps(result, kind):
    return {event.step_key for event in result.all_events if event.event_type_value == kind}


def failure_of(result):
    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    return event.step_key, event.step_failure_data.user_failure_data


def metadata_of(result, step):
    (event,) = [
        e for e in result.all_events if e.event_type_value == "STEP_OUTPUT" and e.step_key == step
    ]
    return event.step_output_data.metadata


def test_our_worker_selects_in_the_curation_job(house, instance):
    result = run(house, house.config(), instance)
    assert result.success
    assert steps(result, "STEP_SUCCESS") == ALWAYS | {"run_worker"}
    assert steps(result, "STEP_SKIPPED") == {"run_lightly_onprem", "schedule_lightly_run"}
    assert result.output_for_node("run_worker").counts["media"] == 2
    assert result.output_for_node("publish_selection") == str(house.home / "out" / "sel-1")
    assert house.leases() == []


def test_the_service_selects_in_the_twin_job(house, instance):
    result = run(house, house.config(), instance, job="aws_example_job")
    assert result.success
    assert steps(result, "STEP_SUCCESS") == ALWAYS | {"run_lightly_onprem", "schedule_lightly_run"}
    assert steps(result, "STEP_SKIPPED") == {"run_worker"}
    assert result.output_for_node("schedule_lightly_run").selection_id == "sel-1"
    assert house.leases() == []


def test_the_service_can_be_chosen_in_the_run_configuration(house, instance):
    job_def = house.definitions(house.config()).resolve_job_def("curation_job")
    result = job_def.execute_in_process(
        run_config={"resources": {"curation": {"config": {"service": "lightly"}}}},
        instance=instance,
    )
    assert "schedule_lightly_run" in steps(result, "STEP_SUCCESS")


def test_the_run_page_shows_counts_stages_and_the_way_to_the_report(house, instance):
    result = run(house, house.config(), instance)
    collected = metadata_of(result, "collect_media")
    assert collected["media"].value == 2
    assert collected["ignored"].value == 1
    assert [r.data["name"] for r in collected["first 20 files"].records] == ["a.mp4", "b c.jpg"]
    worker = metadata_of(result, "run_worker")
    assert "| probe | 1 | 2 |" in worker["stages"].value
    assert worker["warnings"].value == "- look | here"
    page = metadata_of(result, "publish_selection")
    assert page["report"].value == (house.home / "out" / "sel-1" / "report.html").as_uri()
    assert page["first picks"].value.count("data:image/jpeg;base64,") == 3


def test_a_failed_worker_fails_the_run_with_its_last_words_and_the_lease_is_released(
    house, instance
):
    result = run(house, house.config(dataset="fail"), instance)
    step, failure = failure_of(result)
    assert step == "run_worker"
    assert "the disk is full" in failure.description
    assert failure.metadata["error_class"].value == "RemoteFailed"
    assert "shutdown_instance" not in steps(result, "STEP_START")
    assert house.leases() == []


def test_the_error_that_the_worker_ended_with_keeps_its_class(house, instance):
    result = run(house, house.config(dataset="refuse"), instance)
    _, failure = failure_of(result)
    assert failure.description == "the strategy is unknown.\nTake another."
    assert failure.metadata["error_class"].value == "ConfigError"


def test_a_failed_service_fails_the_run_and_the_lease_is_released(house, instance):
    result = run(house, house.config(dataset="fail"), instance, job="aws_example_job")
    step, failure = failure_of(result)
    assert step == "schedule_lightly_run"
    assert "the disk is full" in failure.description
    assert house.leases() == []


def test_a_worker_without_a_result_fails_the_run(house, instance):
    result = run(house, house.config(dataset="no-result"), instance)
    step, failure = failure_of(result)
    assert step == "run_worker"
    assert "result.json" in failure.description


@pytest.mark.parametrize("job", ["curation_job", "aws_example_job"])
def test_a_worker_that_takes_too_long_is_ended(house, instance, job):
    config = house.config(dataset="sleep", limits={"max_runtime_s": 1.0})
    result = run(house, config, instance, job=job)
    _, failure = failure_of(result)
    assert failure.metadata["error_class"].value in ("RemoteTimedOut", "RemoteFailed")
    assert house.commands.running() == []
    assert house.leases() == []


def test_a_folder_without_media_is_wrong_use_and_nothing_starts(tmp_path, instance):
    house = House(tmp_path).add_media("notes.txt")
    result = run(house, house.config(), instance)
    step, failure = failure_of(result)
    assert step == "collect_media"
    assert "no images or videos" in failure.description
    assert failure.metadata["error_class"].value == "ConfigError"
    assert "start_instance" not in steps(result, "STEP_START")


def test_what_is_unusable_is_told_before_anything_starts(house, instance):
    (house.home / "store" / "leases").mkdir(parents=True)
    (house.home / "store" / "leases" / "local.json").write_text("{")
    (house.home / "store" / "checks").write_text("in the way")
    result = run(house, house.config(), instance)
    step, failure = failure_of(result)
    assert step == "collect_media"
    assert "leases/local.json" in failure.description
    assert "object store" in failure.description


def test_a_pexels_query_without_a_key_is_wrong_use(house, instance):
    result = run(house, house.config(source="pexels:cats"), instance)
    step, failure = failure_of(result)
    assert step == "download_random_video_from_pexels"
    assert "PEXELS_API_KEY" in failure.description


def test_the_worker_reports_to_the_sink_that_was_put_in(house, instance):
    seen = []

    class Sink:
        def update(self, stage, done, total, unit, message):
            seen.append((stage, done, total, unit))

    assert run(house, house.config(), instance, progress=lambda log: Sink()).success
    assert seen == [("probe", 1, 2, "files"), ("probe", 2, 2, "files")]
