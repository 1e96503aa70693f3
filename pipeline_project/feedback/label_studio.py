"""Reads a Label Studio JSON export: tasks with their annotations.

Format: https://labelstud.io/guide/export (JSON), https://labelstud.io/guide/task_format
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pipeline_project.feedback.annotations import Annotation, LabelledPicture, box_of, is_finite

_CLASSES = (  # where a result of each kind holds its classes
    ("rectanglelabels", "box"),
    ("polygonlabels", "polygon"),
    ("brushlabels", "mask"),
    ("keypointlabels", "keypoints"),
    ("ellipselabels", "other"),
    ("choices", "class"),
    ("labels", "other"),
    ("taxonomy", "class"),
)


def is_label_studio(content: object) -> bool:
    """Tell a Label Studio export from other JSON."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(each, dict) and isinstance(each.get("data"), dict) for each in content)
    )


def read_label_studio(content: list[Any], problems: list[str]) -> Iterator[LabelledPicture]:
    """Read every task; of several annotations the newest that was not cancelled counts.

    An annotation without a result says that nothing is there to label.

    Args:
        content: of the file.
        problems: what is wrong is added here, in words.
    """
    for number, task in enumerate(content):
        where = f"task {task.get('id', number)}"
        data = task["data"]
        names = [
            name for value in data.values() if isinstance(value, str) for name in _names(value)
        ]
        if task.get("file_upload"):
            # Label Studio puts eight hex digits before the name of what was uploaded.
            names.append(str(task["file_upload"]).partition("-")[2] or str(task["file_upload"]))
        picture = LabelledPicture(where, str(data.get("frame_id") or ""), names)
        done = task.get("annotations", [])
        if not isinstance(done, list) or not all(
            isinstance(each, dict) and isinstance(each.get("result", []), list) for each in done
        ):
            problems.append(
                f"{where}: its annotations hold no results; export the project as JSON, not "
                "JSON-MIN"
            )
            continue
        valid = [each for each in done if not each.get("was_cancelled")]
        if valid:
            newest = max(valid, key=lambda each: str(each.get("updated_at", "")))
            picture.annotations = _annotations(newest, where, problems)
        yield picture


def _annotations(annotation: dict[str, Any], where: str, problems: list[str]) -> list[Annotation]:
    found: list[Annotation] = []
    for number, result in enumerate(annotation.get("result", [])):
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict):
            continue  # relations and the like
        identity = f"{annotation.get('id', 0)}:{result.get('id', number)}"
        wrong = next((key for key, _ in _CLASSES if not isinstance(value.get(key, []), list)), None)
        if wrong is not None:
            problems.append(f"{where}: {wrong} {str(value[wrong])[:60]} is no list of classes")
            continue
        if not is_finite(value):
            problems.append(f"{where}: {identity} holds NaN or infinity")
        named = [(name, kind) for key, kind in _CLASSES for name in value.get(key, [])]
        box = _box_px(result, value)
        if box is None and any(kind == "box" for _, kind in named):
            problems.append(
                f"{where}: the box of {identity} needs numbers in x, y, width, height, "
                "original_width and original_height"
            )
        for place, (name, kind) in enumerate(named):
            label = name[-1] if isinstance(name, list) and name else name
            one = f"{identity}:{place}" if place else identity
            found.append(Annotation(one, str(label), kind, box, value))
    return found or [Annotation(f"{annotation.get('id', 0)}:empty", "", "empty")]


def _box_px(
    result: dict[str, Any], value: dict[str, Any]
) -> tuple[float, float, float, float] | None:
    """Label Studio counts in percent of the picture."""
    try:
        width, height = float(result["original_width"]), float(result["original_height"])
        x, y = float(value["x"]) / 100 * width, float(value["y"]) / 100 * height
        size = float(value["width"]) / 100 * width, float(value["height"]) / 100 * height
        return box_of((x, y, *size))
    except (KeyError, TypeError, ValueError):
        return None


def _names(value: str) -> list[str]:
    """The names that an address goes by: its path, and a path that it carries (`?d=`)."""
    parts = urlsplit(value)
    return [unquote(parts.path), *parse_qs(parts.query).get("d", [])]
