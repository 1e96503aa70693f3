import numpy as np
import pytest

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.worker.identify import Identified
from pipeline_project.worker.known import recollect
from pipeline_project.worker.ledger import reject_row
from pipeline_project.worker.listing import Listing
from pipeline_project.worker.rejects import rejects_of_run


@pytest.fixture
def lake(tmp_path):
    return LanceLake(tmp_path.as_uri(), LocalObjectStore(tmp_path))


def nothing_listed(lake):
    listing = Listing(b"")
    memory = recollect(lake, listing)
    none = np.zeros(0, bool)
    return Identified(listing, [], memory.sha256, none, {}, memory, failed=0, copies=0)


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
        rows = rejects_of_run(lake, nothing_listed(lake), {}, (), run_id=run_id)
        assert [row["message"] for row in rows] == [f"seen by {run_id}"]
