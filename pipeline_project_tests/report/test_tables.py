import csv
import io

import pyarrow as pa
import pytest

from pipeline_project.report.gather import SelectionRows, Source
from pipeline_project.report.tables import as_csv, candidates_table, selection_table

FRAMES = [f"{'a' * 64}:{pts}" for pts in range(4)]


@pytest.fixture
def rows():
    """A pick, one judged out, one rejected by people, and one that looks like the pick."""
    outcomes = ("picked", "excluded", "excluded", "duplicate")
    judged = {"selection_id": "s", "value": 0.9, "threshold": 0.8}
    return SelectionRows(
        header={},
        picks=[{"frame_id": FRAMES[0], "rank": 1, "file_name": "=1.jpg", "reason": "first"}],
        candidates=pa.table({"frame_id": FRAMES, "outcome": list(outcomes)}),
        exclusions=[
            {**judged, "frame_id": FRAMES[1], "judgement": "blur", "measure": "p_blur"},
            {**judged, "frame_id": FRAMES[2], "judgement": "rejected", "measure": "review"},
        ],
        duplicates=[
            {"frame_id": FRAMES[3], "group_id": FRAMES[0], "keeper": False, "kind": "exact"},
            {"frame_id": FRAMES[0], "group_id": FRAMES[0], "keeper": True, "kind": "exact"},
        ],
        frames={
            frame: {"width_px": 4, "height_px": 3, "timestamp_s": 61.0, "kind": "video"}
            for frame in FRAMES
        },
        scores={},
        labels={},
        sources={"a" * 64: Source("=cmd.mp4", "file:///a.mp4", {})},
    )


def test_every_frame_stands_there_once_with_what_became_of_it_and_why(rows):
    table = candidates_table(rows, {})
    assert [(row["frame_id"], row["outcome"], row["reason"]) for row in table] == [
        (FRAMES[0], "Picked", "first"),
        (FRAMES[1], "Excluded", "blur: probability of blur 0.9, threshold 0.8"),
        (FRAMES[2], "Excluded", "rejected by people"),
        (FRAMES[3], "Duplicate", "exact duplicate of =cmd.mp4 at 0:01:01.0"),
    ]


def test_what_was_decided_before_stands_in_both(rows):
    decisions = {FRAMES[0]: "accept", FRAMES[2]: "reject"}
    assert [row["decision"] for row in selection_table(rows, decisions)] == ["accept"]
    table = candidates_table(rows, decisions)
    assert [row["decision"] for row in table] == ["accept", "", "reject", ""]


def test_no_cell_is_taken_for_a_formula_and_ids_stay(rows):
    written = as_csv(candidates_table(rows, {})).decode()
    for row in csv.DictReader(io.StringIO(written)):
        assert row["source"] == "'=cmd.mp4"
        assert row["frame_id"] in FRAMES


def test_an_empty_table_has_its_headings():
    assert as_csv([]) == b"rank,file,source,timestamp_s,decision,frame_id\n"
