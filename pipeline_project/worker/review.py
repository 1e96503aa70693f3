"""Reads what people said of a dataset's frames: decisions, and labels that came back."""

from collections import Counter

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.selection.decisions import DECISIONS, Decision, Review


def read_review(lake: Lake, dataset: str, rev: str = "main") -> Review:
    """Read the newest decision and the newest labels of each frame of a dataset.

    Labels of a frame come together: those that were imported last replace all earlier ones.
    """
    of_it = ("dataset", {dataset})
    decided: dict[str, Decision] = {}
    for row in lake.read(TABLES["decisions"], where=of_it, rev=rev).to_pylist():
        for word in DECISIONS:
            if row["decision"] == word:
                decided[row["frame_id"]] = word
    rows = lake.read(TABLES["annotations"], where=of_it, rev=rev).to_pylist()
    newest: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row["imported_at"]):
        newest[row["frame_id"]] = row["import_id"]
    classes: dict[str, Counter[str]] = {frame: Counter() for frame in newest}
    for row in rows:
        if row["import_id"] == newest[row["frame_id"]] and row["class_name"]:
            classes[row["frame_id"]][row["class_name"]] += 1
    return Review(decided, classes)
