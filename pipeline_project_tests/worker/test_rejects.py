import pytest

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.worker.identify import Identified
from pipeline_project.worker.ledger import reject_row
from pipeline_project.worker.rejects import rejects_of_run


@pytest.fixture
def lake(tmp_path):
    return LanceLake(tmp_path.as_uri(), LocalObjectStore(tmp_path))


def unreadable(run_id):
    return reject_row(
        uri="file:///a.mp4",
        name="a.mp4",
        sha256="",
        stage="probe",
        key="",
        error_class="MediaUnreadable",
        message=f"seen by {run_id}",
        damaged=False,
        run_id=run_id,
    )


def test_two_runs_at_once_each_keep_their_reject_of_the_same_unreadable_file(lake):
    for run_id in ("run-1", "run-2"):
        writer = lake.begin(run_id=run_id)
        writer.append(TABLES["rejects"], [unreadable(run_id)])
        writer.commit("rejects")
    for run_id in ("run-1", "run-2"):
        rows = rejects_of_run(lake, Identified(), {}, (), run_id=run_id)
        assert [row["message"] for row in rows] == [f"seen by {run_id}"]
