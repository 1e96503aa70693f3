"""The real Lightly client against a local server: states, errors, and the token nowhere."""

import logging
import threading
import traceback

import pytest

from pipeline_project.adapters.selection_service.lightly_api import (
    Access,
    LightlyApi,
    _download,
)
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import ConfigError, PermanentError, TransientError
from pipeline_project_tests.stand_ins.http import Answer, json_answer, serving
from pipeline_project_tests.stand_ins.lightly import TOKEN, lightly, object_id

ACCESS = Access("eu-central-1", "arn:aws:iam::123456789012:role/lightly", "an-external-id")


@pytest.fixture
def service(monkeypatch):
    with lightly() as it:
        monkeypatch.setenv("LIGHTLY_SERVER_LOCATION", it.base)
        monkeypatch.setenv("LIGHTLY_DID_VERSION_CHECK", "True")
        yield it


@pytest.fixture
def api(service):
    return LightlyApi(TOKEN, sleep=lambda seconds: None)


@pytest.fixture
def dataset(api):
    return api.dataset("holiday clips", "Videos")


def make_config(api):
    from lightly.openapi_generated.swagger_client.models import SelectionConfigV4

    selection = SelectionConfigV4.from_dict(
        {
            "proportionSamples": 0.1,
            "strategies": [{"input": {"type": "EMBEDDINGS"}, "strategy": {"type": "DIVERSITY"}}],
        }
    )
    return api.make_config(
        worker_config={"use_datapool": True}, lightly_config={}, selection=selection
    )


def schedule(api, dataset):
    return api.schedule(dataset, make_config(api), [])


def test_a_dataset_is_made_once_and_then_found(service, api):
    made = api.dataset("holiday clips", "Videos")
    assert api.dataset("holiday clips", "Videos") == made
    assert [each["type"] for each in service.datasets.values()] == ["Videos"]


def test_a_dataset_that_another_run_made_meanwhile_is_taken(service, api):
    there = api.dataset("raced", "Videos")
    service.faults = [("GET", "/query/name/raced", json_answer([]))]
    assert api.dataset("raced", "Videos") == there


def test_a_dataset_of_another_kind_is_refused(api):
    api.dataset("mixed up", "Images")
    with pytest.raises(ConfigError, match="it holds Images, and this run has Videos"):
        api.dataset("mixed up", "Videos")


def test_both_datasources_are_set_with_delegated_access(service, api, dataset):
    api.set_datasources(dataset, read="s3://b/in", write="s3://b/lightly", access=ACCESS)
    for purpose, address in (("INPUT", "s3://b/in"), ("LIGHTLY", "s3://b/lightly")):
        body = service.datasources[dataset, purpose]
        assert body["type"] == "S3DelegatedAccess"
        assert (body["fullPath"], body["s3Region"]) == (address, ACCESS.region)
        assert (body["s3ARN"], body["s3ExternalId"]) == (ACCESS.role_arn, ACCESS.external_id)


def test_a_run_goes_through_the_states_of_the_service(service, api, dataset):
    scheduled = schedule(api, dataset)
    seen = [api.poll(dataset, scheduled) for _ in range(4)]
    assert [each.state for each in seen] == ["open", "running", "running", "completed"]
    assert seen[0].message == "waiting for a Lightly Worker to take it"
    assert seen[2].message == "SAMPLING: as told by the worker"


@pytest.mark.parametrize("state", ["FAILED", "CRASHED", "ABORTED"])
def test_every_bad_end_is_a_failure_with_the_workers_words(service, api, dataset, state):
    service.states = [state]
    status = api.poll(dataset, schedule(api, dataset))
    assert (status.state, status.message) == ("failed", f"{state}: as told by the worker")


def test_a_state_that_a_worker_between_two_looks_is_in_counts_as_running(service, api, dataset):
    service.states = ["LOCKED"]
    scheduled = schedule(api, dataset)
    service.faults = [("GET", f"/schedule/{scheduled}", json_answer({}, 404))]
    assert api.poll(dataset, scheduled).state == "running"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ConfigError),
        (403, ConfigError),
        (429, TransientError),
        (500, TransientError),
        (503, TransientError),
    ],
)
def test_trouble_is_never_taken_for_a_run_that_does_not_exist(service, api, dataset, status, kind):
    scheduled = schedule(api, dataset)
    service.faults = [("GET", f"/schedule/{scheduled}", json_answer({"error": "no"}, status))]
    with pytest.raises(kind, match=f"HTTP {status}"):
        api.poll(dataset, scheduled)
    assert api.poll(dataset, scheduled).state == "open"


def test_a_run_that_nobody_knows_is_told(api, dataset):
    with pytest.raises(PermanentError, match="knows no such run"):
        api.poll(dataset, object_id(4711))


def test_scheduling_that_broke_off_after_it_worked_is_not_done_twice(service, api, dataset):
    config = make_config(api)
    true, broken = service.server.answer, []

    def answer(request):
        given = true(request)
        if not broken and request.method == "POST" and request.path.endswith("/schedule"):
            broken.append(request)
            return Answer(502)
        return given

    service.server.answer = answer
    scheduled = api.schedule(dataset, config, [])
    assert broken
    assert list(service.scheduled) == [scheduled]


def test_only_a_run_that_nobody_has_begun_can_be_cancelled(service, api, dataset):
    scheduled = schedule(api, dataset)
    assert api.cancel(dataset, scheduled)
    assert api.poll(dataset, scheduled).state == "cancelled"
    service.states = ["SAMPLING"]
    assert not api.cancel(dataset, schedule(api, dataset))


def test_all_names_and_artifacts_of_a_finished_run_come(service, api, dataset, tmp_path):
    service.states = ["COMPLETED"]
    service.names = [f"{number:05d}.png" for number in range(12_000)]
    service.artifacts = {"report.pdf": b"%PDF" * 100_000, "log.txt": b"log", "epoch.ckpt": b"big"}
    run = api.finished(dataset, schedule(api, dataset))
    assert run.names == service.names
    assert set(run.artifacts) == {"report.pdf", "log.txt"}
    api.download(run.run_id, run.artifacts["report.pdf"], tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes() == b"%PDF" * 100_000


def test_a_run_that_picked_nothing_has_no_names(service, api, dataset):
    service.states = ["COMPLETED"]
    assert api.finished(dataset, schedule(api, dataset)).names == []


def test_trouble_that_passes_is_waited_out_where_nothing_is_lost_by_it(service, api):
    service.faults = [("GET", "/docker/worker", Answer(503))] * 3
    service.add_worker("one", state="IDLE")
    assert [each.state for each in api.workers()] == ["IDLE"]


def test_a_service_that_falls_silent_is_given_up(service):
    served, go_on = service.server.answer, threading.Event()

    def stall(request):
        if request.path.endswith("/docker/worker"):
            go_on.wait(20)
        return served(request)

    service.server.answer = stall
    api = LightlyApi(TOKEN, timeout_s=0.3)
    try:
        with pytest.raises(TransientError, match="no answer from the Lightly service"):
            api.try_token()
    finally:
        go_on.set()


def test_an_artifact_that_drips_is_given_up_at_the_deadline(tmp_path):
    with serving(lambda request: Answer(200, b"a part")) as server:
        given_up = _download("it", server.base, tmp_path / "report.pdf", Deadline(0))
    assert "too slowly" in str(given_up.error)


def test_a_wrong_token_is_told_without_it(service):
    wrong = "wrong0wrong0wrong0"
    with pytest.raises(
        ConfigError, match="HTTP 401, the token is refused. Check LIGHTLY_TOKEN"
    ) as e:
        LightlyApi(wrong, sleep=lambda seconds: None).try_token()
    assert wrong not in "".join(traceback.format_exception(e.value))


@pytest.mark.parametrize("token", ["a b", "tök", "a\nb"])
def test_a_token_that_cannot_be_one_is_refused_and_not_shown(token):
    with pytest.raises(ConfigError, match="not shown") as caught:
        LightlyApi(token).try_token()
    assert token not in str(caught.value)


def test_the_token_is_in_no_error_and_no_log_whatever_goes_wrong(service, monkeypatch, caplog):
    api = LightlyApi(TOKEN, sleep=lambda s: None)
    api.try_token()
    # After the client is made: it sets the levels of these loggers itself.
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="urllib3")
    # Dagster, where another test has used it, disables the loggers that it finds.
    monkeypatch.setattr(logging.getLogger("urllib3.connectionpool"), "disabled", False)
    told = []
    with pytest.raises(ConfigError) as caught:
        service.faults = [
            ("GET", "/docker/worker", json_answer({"error": f"bad token={TOKEN}"}, 422))
        ]
        api.try_token()
    told += traceback.format_exception(caught.value)
    monkeypatch.setenv("LIGHTLY_SERVER_LOCATION", "http://127.0.0.1:1")
    with pytest.raises(TransientError, match="no answer from the Lightly service") as caught:
        LightlyApi(TOKEN, sleep=lambda s: None).try_token()
    told += traceback.format_exception(caught.value)
    assert "token=***" in caplog.text  # the HTTP library does log addresses
    assert "Retrying" not in caplog.text
    assert TOKEN not in caplog.text + "".join(told)
