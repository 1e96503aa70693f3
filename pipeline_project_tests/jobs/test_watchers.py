"""Watchers as the daemon evaluates them, and what becomes of files whose run ends badly."""

import json

import dagster as dg
import pytest

from pipeline_project.adapters.sources import open_source
from pipeline_project.core.trigger_config import TriggerConfig
from pipeline_project.errors import TransientError
from pipeline_project.jobs.stale import stale_sensor
from pipeline_project.jobs.watchers import BATCH_TAG, TRIGGER_TAG, watcher
from pipeline_project.jobs.watches import watches


@dg.op
def nothing():
    pass


@dg.job
def curation_job():
    nothing()


class Scene:
    """One watched folder, one Dagster."""

    def __init__(self, folder, instance):
        self.folder, self.instance = folder / "footage", instance
        self.folder.mkdir()
        self.books = folder / "books"
        self.trouble = None

    def open(self, place):
        if self.trouble:
            raise self.trouble
        return open_source(place)

    def sensor(self, **more):
        config = TriggerConfig(folder=str(self.folder), **{"retry_after_s": 0, **more})
        (watch,) = watches(config, self.books, self.open, lambda: pytest.fail("no queue"))
        return watcher(watch, curation_job, config)

    def tick(self, **more):
        """A tick in a daemon that knows nothing of the last one."""
        context = dg.build_sensor_context(self.instance)
        answer = self.sensor(**more)(context)
        self.cursor = json.loads(context.cursor)
        return answer

    def add(self, name, body=b"1"):
        (self.folder / name).write_bytes(body)

    def made(self, request, status):
        return self.instance.create_run_for_job(
            curation_job, status=status, tags={**request.tags, "dagster/run_key": request.run_key}
        )

    def asked(self, *names, **more):
        """Files that have settled, and the run that they led to."""
        for name in names:
            self.add(name)
        assert isinstance(self.tick(**more), dg.SkipReason)
        request = self.tick(**more)
        assert isinstance(request, dg.RunRequest), request
        return request


@pytest.fixture(scope="module")
def storage():
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def scene(tmp_path, storage):
    return Scene(tmp_path, storage)


def test_settled_files_lead_to_one_run_on_the_folder(scene):
    request = scene.asked("a.mp4", "b.jpg")
    assert request.run_config["resources"]["curation"]["config"] == {"source": str(scene.folder)}
    assert request.tags[TRIGGER_TAG] == "watch_folder"
    assert request.tags[BATCH_TAG] == request.run_key
    assert scene.cursor["batch"] == request.run_key
    run = scene.made(request, dg.DagsterRunStatus.STARTED)
    assert run.run_id in scene.tick().skip_message
    scene.instance.handle_run_event(run.run_id, _ended("SUCCESS", run))
    assert "0 files wait" in scene.tick().skip_message
    assert scene.cursor == {"waiting": 0, "waiting_bytes": 0, "moving": 0, "batch": None}


def _ended(how, run):
    event_type = dg.DagsterEventType[f"RUN_{how}"]
    return dg.DagsterEvent(event_type.value, curation_job.name, message="")


def test_a_tick_that_died_before_its_run_was_made_asks_for_the_same_again(scene):
    request = scene.asked("a.mp4")
    assert scene.tick().run_key == request.run_key


def test_files_wait_until_there_are_enough(scene):
    limits = {"min_files": 2, "max_wait_s": 3600}
    scene.add("a.mp4")
    scene.tick(**limits)
    assert "1 files wait" in scene.tick(**limits).skip_message
    scene.asked("b.mp4", **limits)
    assert "takes" not in json.dumps(scene.cursor)


def test_enough_bytes_or_age_will_do(scene):
    scene.add("a.mp4", b"x" * 100)
    scene.tick(min_files=9)
    assert isinstance(scene.tick(min_files=9, min_bytes=101), dg.SkipReason)
    assert isinstance(scene.tick(min_files=9, min_bytes=100), dg.RunRequest)


def test_a_failed_run_does_not_lose_its_files(scene):
    first = scene.asked("a.mp4")
    scene.made(first, dg.DagsterRunStatus.FAILURE)
    second = scene.tick()
    assert second.run_key != first.run_key
    scene.made(second, dg.DagsterRunStatus.FAILURE)
    third = scene.tick()
    scene.made(third, dg.DagsterRunStatus.FAILURE)
    assert "until another one comes" in scene.tick().skip_message
    assert scene.cursor["waiting"] == 1
    fourth = scene.asked("b.mp4")
    scene.made(fourth, dg.DagsterRunStatus.SUCCESS)
    scene.tick()
    assert scene.cursor["waiting"] == 0


def test_a_failed_run_is_not_tried_again_at_once(scene):
    request = scene.asked("a.mp4")
    scene.made(request, dg.DagsterRunStatus.FAILURE)
    assert "for 600 s" in scene.tick(retry_after_s=600).skip_message


def test_a_run_that_a_person_cancelled_is_not_started_again_by_itself(scene):
    scene.made(scene.asked("a.mp4"), dg.DagsterRunStatus.CANCELED)
    assert "until another one comes" in scene.tick().skip_message


def test_a_run_that_was_re_executed_with_success_counts(scene):
    request = scene.asked("a.mp4")
    scene.made(request, dg.DagsterRunStatus.FAILURE)
    scene.made(request, dg.DagsterRunStatus.SUCCESS)
    assert "0 files wait" in scene.tick().skip_message


def test_trouble_in_looking_is_the_reason_shown_and_loses_nothing(scene):
    scene.add("a.mp4")
    scene.tick(min_files=5)
    scene.tick(min_files=5)
    scene.trouble = TransientError("the server is away")
    assert "the server is away" in scene.tick(min_files=5).skip_message
    assert isinstance(scene.tick(), dg.RunRequest)  # what waits need not wait for it


def test_a_folder_that_is_not_there_is_no_crash(scene):
    scene.folder.rmdir()
    assert "Check the path" in scene.tick().skip_message


def test_a_book_that_cannot_be_kept_is_told(scene):
    scene.books.write_text("in the way")
    context = dg.build_sensor_context(scene.instance)
    assert "Keeping the book" in scene.sensor()(context).skip_message


def test_nothing_is_watched_unless_asked_for(tmp_path):
    assert watches(TriggerConfig(), tmp_path, open_source, lambda: pytest.fail("asked")) == []


def test_all_three_can_be_watched_at_once(tmp_path):
    config = TriggerConfig(
        folder="f", bucket="s3://b/p", queue_url="https://q", queue_source="s3://b/p"
    )
    found = watches(config, tmp_path, open_source, lambda: pytest.fail("asked"))
    sensors = [watcher(each, curation_job, config) for each in found]
    assert [each.name for each in sensors] == ["watch_folder", "watch_bucket", "watch_queue"]
    assert {each.default_status for each in sensors} == {dg.DefaultSensorStatus.RUNNING}


@pytest.mark.parametrize("asked", [True, False])
def test_stale_tables_are_made_anew_only_where_asked_for(asked):
    sensor = stale_sensor(TriggerConfig(stale=asked))
    assert (sensor.default_status == dg.DefaultSensorStatus.RUNNING) is asked
