"""What ops put on the run's page."""

import base64
from types import SimpleNamespace

from pipeline_project.core.records import MediaRef
from pipeline_project.ops.batch import Batch
from pipeline_project.ops.listing import SHOWN_FILES, Tally, batch_metadata
from pipeline_project.ops.publish import contact_sheet
from pipeline_project.ops.results import headline, result_metadata
from pipeline_project.worker.request import WorkerResult


def worker_result(**more):
    fields = {
        "run_id": "r",
        "selection_id": "s",
        "commit_id": "c",
        "reused": False,
        "output_prefix": "output/s",
        "counts": {"candidates": 1200.0, "picked": 7.0},
        "stages": [{"name": "a|b", "version": "1", "done": 3, "duration_s": 1.5}],
        "warnings": [],
        "duration_s": 2.0,
    }
    return WorkerResult.model_validate({**fields, **more})


def test_the_headline_says_how_many_of_how_many():
    assert headline(worker_result()) == "Selection s: picked 7 of 1,200 candidates."
    assert "the same selection as before" in headline(worker_result(reused=True))


def test_tables_survive_bars_in_names():
    metadata = result_metadata(worker_result())
    assert metadata["stages"].value.splitlines()[2] == "| a\\|b | 1 | 3 | 0 | 0 | 1.50 |"
    assert metadata["warnings"].value == "none"


def test_the_contact_sheet_stays_below_its_size():
    previews = [bytes([number]) * 900 for number in range(50)]
    sheet = contact_sheet(SimpleNamespace(previews=previews), max_bytes=10_000)
    assert 0 < len(sheet) <= 10_000
    first = sheet.splitlines()[0].partition("base64,")[2].rstrip(")")
    assert base64.b64decode(first) == previews[0]
    assert contact_sheet(SimpleNamespace(previews=[])) == ""


def test_only_the_first_files_are_shown_and_odd_names_do_not_break_the_page():
    refs = [MediaRef(f"file:///{n}", f"n{n}\udcff", "src", 10, "1") for n in range(50)]
    tally = Tally()
    assert list(tally.count(iter(refs))) == refs
    assert (tally.media, tally.size_bytes) == (50, 500)
    metadata = batch_metadata(Batch("r", "src", "worker", 50, 500, 0, True), tally)
    records = metadata[f"first {SHOWN_FILES} files"].records
    assert len(records) == SHOWN_FILES
    assert records[0].data["name"] == r"n0\xff"
