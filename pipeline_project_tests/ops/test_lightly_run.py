"""The guide's job with the Lightly service: what is wrong is found before anything starts."""

import pytest

from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.adapters.selection_service.lightly import LightlySelectionService
from pipeline_project.adapters.selection_service.lightly_api import LightlyApi
from pipeline_project.resources.selection_service import SelectionClient
from pipeline_project_tests.adapters.selection_service.test_lightly import ACCESS, BucketAtHome
from pipeline_project_tests.jobs.test_curation import failure_of, run, steps
from pipeline_project_tests.jobs.wiring import House
from pipeline_project_tests.stand_ins.lightly import TOKEN, lightly

BUCKETS = {**ACCESS, "input": "s3://bucket/in", "output": "s3://bucket/out"}


@pytest.fixture
def cloud(monkeypatch):
    with lightly() as it:
        monkeypatch.setenv("LIGHTLY_SERVER_LOCATION", it.base)
        yield it


@pytest.fixture
def house(tmp_path):
    return House(tmp_path).add_media("a.mp4")


def go(house, token, job="aws_example_job", store=None, **section):
    recorder = EmbeddedSelectionService(house.commands, house.objects, house.argv)
    service = LightlySelectionService(
        LightlyApi(token, sleep=lambda s: None), store or house.objects, recorder
    )
    return run(
        house,
        house.config(lightly={**BUCKETS, **section}),
        None,
        job=job,
        selection_service=SelectionClient(service, interval_s=0.01),
    )


@pytest.mark.parametrize(
    ("token", "section", "words"),
    [
        (TOKEN, {"role_arn": None}, "lightly.role_arn is not set"),
        (TOKEN, {"worker_config": {"numProcessess": 1}}, "refuses lightly.worker_config"),
    ],
)
def test_what_is_wrong_is_one_line_of_the_first_step_and_nothing_was_started(
    house, cloud, token, section, words
):
    result = go(house, token, **section)
    step, failure = failure_of(result)
    assert step == "collect_media"
    assert words in failure.description
    assert "Nothing was started" in failure.description
    assert "\n" not in failure.description
    assert failure.metadata["error_class"].value == "ConfigError"
    assert "start_instance" not in steps(result, "STEP_START")
    assert house.leases() == []
    assert cloud.datasets == {}
    assert token not in str(result.all_events)


def test_media_that_lightly_cannot_reach_are_told_by_the_first_step_in_one_line(house, cloud):
    cloud.add_worker("one", state="IDLE")
    step, failure = failure_of(go(house, TOKEN, input="s3://bucket/in"))
    assert step == "collect_media"
    assert "does not lie below s3://bucket/in" in failure.description
    assert house.leases() == []


def test_a_refused_token_is_one_line_of_the_first_step_and_nothing_was_started(house, cloud):
    result = go(house, "nobodystoken1", store=BucketAtHome(house.home / "store"), input=None)
    step, failure = failure_of(result)
    assert step == "collect_media"
    assert "HTTP 401, the token is refused. Check LIGHTLY_TOKEN" in failure.description
    assert "start_instance" not in steps(result, "STEP_START")
    assert "nobodystoken1" not in str(result.all_events)
    assert house.leases() == [] and cloud.datasets == {}


def test_videos_and_images_together_are_found_before_anything_starts(house, cloud):
    house.add_media("b.png")
    result = go(house, TOKEN, store=BucketAtHome(house.home / "store"), input=None)
    step, failure = failure_of(result)
    assert step == "collect_media"
    assert "the source has both (a.mp4, b.png)" in failure.description
    assert "start_instance" not in steps(result, "STEP_START")
    assert house.leases() == []


def test_without_being_asked_for_the_service_is_not_even_checked(house, cloud):
    assert go(house, "nobodystoken1", job="curation_job").success
    assert cloud.server.asked == []
