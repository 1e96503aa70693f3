"""The embedded service over real subprocesses."""

import json
import sys

import pytest

from pipeline_project.adapters.commands.local import LocalCommands
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.selection_service.embedded import EmbeddedSelectionService
from pipeline_project.errors import PermanentError, RemoteFailed
from pipeline_project_tests.contracts.commands import wait_for
from pipeline_project_tests.contracts.selection_service import SelectionServiceContract

RESULT = {"run_id": "r1", "selection_id": "s1", "reused": False, "counts": {"picked": 7}}


@pytest.fixture
def store(tmp_path):
    return LocalObjectStore(tmp_path / "store")


@pytest.fixture
def service(tmp_path, store):
    """Give a service whose worker runs the code that lies under the request key."""

    def argv(request_key):
        return [sys.executable, "-c", store.get(request_key).decode()]

    return EmbeddedSelectionService(LocalCommands(tmp_path / "commands"), store, argv)


class TestEmbeddedSelectionService(SelectionServiceContract):
    @pytest.fixture
    def service(self, store, tmp_path):
        programs = {
            "completes": f"open({str(store.path('runs/r1/result.json'))!r}, 'w')"
            f".write({json.dumps(RESULT)!r})",
            "fails": "import sys; sys.exit('the reason')",
            "runs": "import time; time.sleep(60)",
        }

        def argv(request_key):
            return [sys.executable, "-c", programs[store.get(request_key).decode()]]

        self.store = store
        return EmbeddedSelectionService(LocalCommands(tmp_path / "commands"), store, argv)

    def schedule(self, service, fate):
        self.store.put("runs/r1/request.json", fate.encode())
        return service.schedule("runs/r1/request.json", timeout_s=30, label="r1")


def schedule(service, store, code):
    store.put("runs/r1/request.json", code.encode())
    return service.schedule("runs/r1/request.json", timeout_s=30, label="r1")


def end_state(service, scheduled_id):
    assert wait_for(lambda: service.poll(scheduled_id).ended)
    return service.poll(scheduled_id)


def test_a_completed_selection_is_fetched(service, store):
    path = store.path("runs/r1/result.json")
    scheduled_id = schedule(
        service, store, f"open({str(path)!r}, 'w').write({json.dumps(RESULT)!r})"
    )
    assert end_state(service, scheduled_id).state == "completed"
    outcome = service.fetch(scheduled_id)
    assert (outcome.selection_id, outcome.picked, outcome.reused) == ("s1", 7, False)
    assert outcome.facts == RESULT


def test_a_failed_selection_tells_the_last_line_and_cannot_be_fetched(service, store):
    scheduled_id = schedule(
        service, store, "import sys; print('first\\nthe reason', file=sys.stderr); sys.exit(1)"
    )
    status = end_state(service, scheduled_id)
    assert (status.state, status.message) == ("failed", "the reason")
    with pytest.raises(RemoteFailed, match="the reason"):
        service.fetch(scheduled_id)


@pytest.mark.parametrize("result", [None, b"{", b"[]", b"{}"])
def test_a_worker_that_ends_well_without_a_usable_result_has_failed(service, store, result):
    scheduled_id = schedule(service, store, "pass")
    if result is not None:
        store.put("runs/r1/result.json", result)
    assert end_state(service, scheduled_id).state == "completed"
    with pytest.raises(RemoteFailed, match=r"runs/r1/result\.json"):
        service.fetch(scheduled_id)


def test_a_running_selection_can_be_cancelled(service, store):
    scheduled_id = schedule(service, store, "import time; time.sleep(60)")
    assert service.poll(scheduled_id).state == "running"
    service.cancel(scheduled_id)
    assert end_state(service, scheduled_id).state == "cancelled"


def test_only_requests_can_be_scheduled(service):
    with pytest.raises(PermanentError, match="elsewhere"):
        service.schedule("elsewhere.json", timeout_s=30, label="x")
