"""Reads what people said of a dataset's frames: decisions, and labels that came back."""

from collections import Counter
from typing import Any

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
    classes = {
        frame: Counter(row["class_name"] for row in rows if row["class_name"])
        for frame, rows in newest_annotations(lake, dataset, rev).items()
    }
    return Review(decided, classes)


def newest_annotations(
    lake: Lake, dataset: str, rev: str = "main"
) -> dict[str, list[dict[str, Any]]]:
    """Read the annotations of each labelled frame of a dataset, those of its newest import."""
    rows = lake.read(TABLES["annotations"], where=("dataset", {dataset}), rev=rev).to_pylist()
    newest = {
        row["frame_id"]: row["import_id"] for row in sorted(rows, key=lambda r: r["imported_at"])
    }
    found: dict[str, list[dict[str, Any]]] = {frame: [] for frame in newest}
    for row in rows:
        if row["import_id"] == newest[row["frame_id"]]:
            found[row["frame_id"]].append(row)
    return found
