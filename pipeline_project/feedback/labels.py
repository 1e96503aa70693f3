"""Imports labels: COCO or Label Studio JSON, tied to frames by the names that exports wrote."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.errors import ConfigError
from pipeline_project.feedback.annotations import Annotation, LabelledPicture
from pipeline_project.feedback.coco import is_coco, read_coco
from pipeline_project.feedback.known_frames import KnownFrames, datasets_of, known_frames
from pipeline_project.feedback.label_studio import is_label_studio, read_label_studio
from pipeline_project.feedback.problems import refuse
from pipeline_project.worker.review import newest_annotations

Labels = dict[str, list[Annotation]]


@dataclass(frozen=True, slots=True)
class ImportedLabels:
    """What an import came to.

    Attributes:
        tool: `coco` or `label-studio`.
        pictures: pictures in the file.
        frames: of them, frames that are labelled.
        classes: class -> how many annotations.
        changed: frames whose labels are new or other than before; only these were stored.
        commit_id: of the commit that holds them; empty where nothing changed.
    """

    tool: str
    pictures: int
    frames: int
    classes: dict[str, int]
    changed: int
    commit_id: str


def import_labels(lake: Lake, path: Path, dataset: str, *, run_id: str) -> ImportedLabels:
    """Store the labels of a file; of a frame that has labels, the new ones take their place.

    Raises:
        ConfigError: the file is neither format, or a picture of it cannot be told to be a frame
            of this dataset; then nothing is stored.
    """
    problems: list[str] = []
    tool, pictures = _read(path, problems)
    known = known_frames(lake, dataset)
    labels = _by_frame(lake, pictures, known, problems)
    refuse(path, problems)
    now = datetime.now(UTC)
    before = _stored(lake, dataset)
    rows = [
        _row(dataset, frame, each, import_id=run_id)
        for frame, annotations in labels.items()
        for each in annotations
    ]
    new = {frame: _facts(rows_of) for frame, rows_of in _grouped(rows).items()}
    changed = {frame for frame, facts in new.items() if before.get(frame) != facts}
    commit_id = ""
    if changed:
        stamp = {"tool": tool, "file_name": path.name, "imported_at": now}
        writer = lake.begin(run_id=run_id)
        writer.append(
            TABLES["annotations"], [{**row, **stamp} for row in rows if row["frame_id"] in changed]
        )
        message = f"labels: {len(changed)} frames of dataset {dataset}"
        commit_id = writer.commit(message).commit_id
    classes = Counter(row["class_name"] for row in rows if row["class_name"])
    return ImportedLabels(
        tool, len(pictures), len(labels), dict(classes.most_common()), len(changed), commit_id
    )


def _read(path: Path, problems: list[str]) -> tuple[str, list[LabelledPicture]]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"Reading {path}: {error.strerror}. Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"Reading {path}: it is not JSON ({error}). Give a COCO JSON file or a Label Studio "
            "JSON export."
        ) from error
    if is_coco(content):
        return "coco", list(read_coco(content, problems))
    if is_label_studio(content):
        return "label-studio", list(read_label_studio(content, problems))
    raise ConfigError(
        f"Reading {path}: it is JSON, but neither COCO (an object with `images`) nor a Label "
        "Studio export (a list of tasks with `data`). Export it again as one of them."
    )


def _by_frame(
    lake: Lake, pictures: list[LabelledPicture], known: KnownFrames, problems: list[str]
) -> Labels:
    labels: Labels = {}
    foreign = [each for each in pictures if each.frame_id and each.frame_id not in known.ids]
    elsewhere = datasets_of(lake, {each.frame_id for each in foreign})
    for picture in pictures:
        if not picture.annotations:
            continue
        frame = _frame_of(picture, known, elsewhere, problems)
        if frame is None:
            continue
        if frame in labels:
            problems.append(f"{picture.where}: its frame is labelled twice in this file")
            continue
        labels[frame] = picture.annotations
    return labels


def _frame_of(
    picture: LabelledPicture, known: KnownFrames, elsewhere: dict[str, str], problems: list[str]
) -> str | None:
    if picture.frame_id in known.ids:
        return picture.frame_id
    if picture.frame_id in elsewhere:
        other = elsewhere[picture.frame_id]
        problems.append(
            f"{picture.where}: its frame belongs to dataset {other!r}, not {known.dataset!r} "
            f"(--dataset {other})"
        )
        return None
    found = frozenset().union(*(known.of_file(name) for name in picture.file_names))
    if len(found) == 1:
        return next(iter(found))
    name = picture.file_names[0] if picture.file_names else "without a name"
    problems.append(
        f"{picture.where}: {name} is a name of {len(found)} frames; label the files that "
        "`pipeline export` writes, whose names are unique"
        if found
        else f"{picture.where}: {name} is no picture that dataset {known.dataset!r} picked or "
        "exported"
    )
    return None


def _row(dataset: str, frame: str, each: Annotation, *, import_id: str) -> dict[str, Any]:
    x, y, width, height = each.box_px or (None, None, None, None)
    return {
        "dataset": dataset,
        "frame_id": frame,
        "import_id": import_id,
        "annotation_id": each.annotation_id,
        "class_name": each.class_name,
        "kind": each.kind,
        "x_px": x,
        "y_px": y,
        "width_px": width,
        "height_px": height,
        "shape": json.dumps(each.shape),
    }


def _stored(lake: Lake, dataset: str) -> dict[str, list[tuple[str, ...]]]:
    """What was imported last of each frame, in a form that can be compared."""
    return {frame: _facts(rows) for frame, rows in newest_annotations(lake, dataset).items()}


def _grouped(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(row["frame_id"], []).append(row)
    return grouped


def _facts(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    names = ("annotation_id", "class_name", "kind", "shape")
    return sorted(tuple(str(row[name]) for name in names) for row in rows)
