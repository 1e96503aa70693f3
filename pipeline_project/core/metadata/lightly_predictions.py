"""Predictions of other models in Lightly's folder format, `.lightly/predictions`."""

import math
from dataclasses import dataclass

from pipeline_project.core.metadata.boxes import Box
from pipeline_project.core.metadata.lightly_json import load_json, load_object, shown
from pipeline_project.errors import ConfigError

CLASSIFICATION = "classification"
_TASK_TYPES = (CLASSIFICATION, "object-detection", "keypoint-detection", "instance-segmentation")
_OFF_ONE = 0.01  # how far the probabilities of a classification may sum from 1


@dataclass(frozen=True, slots=True)
class TaskSchema:
    """What one task predicts.

    Attributes:
        task: its name, the name of its folder.
        kind: `classification` or a kind of detection.
        ids: category ids, ascending; probabilities come in this order.
        classes: names of the categories, in the same order.
    """

    task: str
    kind: str
    ids: tuple[int, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One predicted object, or one predicted class of a picture.

    Attributes:
        place: of its class in `TaskSchema.classes`.
        score: confidence, 0 to 1; None where the file has none.
        probabilities: of each class; None where the file has none.
        box: where the object is, in pixels; None where the file does not say.
    """

    place: int
    score: float | None
    probabilities: tuple[float, ...] | None
    box: Box | None = None


def parse_tasks(data: bytes, origin: str) -> list[str]:
    """Read `tasks.json`: a list of names of folders.

    Raises:
        ConfigError: it is something else.
    """
    tasks = load_json(data, origin)
    if not isinstance(tasks, list) or not all(isinstance(each, str) and each for each in tasks):
        raise ConfigError(
            f"Reading {origin}: expected a list of task names, as text; saw {shown(tasks)}."
        )
    return tasks


def parse_task_schema(data: bytes, origin: str, task: str) -> TaskSchema:
    """Read a task's `schema.json`: `task_type` and `categories` of `id` and `name`.

    Raises:
        ConfigError: names what was seen, and what is allowed.
    """
    schema = load_object(data, origin, "task_type", "categories")
    kind, categories = schema["task_type"], schema["categories"]
    if kind not in _TASK_TYPES:
        raise ConfigError(
            f"Reading {origin}: task_type {shown(kind)} is not supported; allowed: "
            f"{', '.join(_TASK_TYPES)}."
        )
    names: dict[int, str] = {}
    if not isinstance(categories, list) or not categories:
        raise ConfigError(f"Reading {origin}: categories must be a list; saw {shown(categories)}.")
    for each in categories:
        id_, name = (each.get("id"), each.get("name")) if isinstance(each, dict) else (None, None)
        if not isinstance(id_, int) or isinstance(id_, bool) or not isinstance(name, str):
            raise ConfigError(
                f"Reading {origin}: each category needs a whole number as id and a name; saw "
                f"{shown(each)}."
            )
        if id_ in names or name in names.values():
            raise ConfigError(f"Reading {origin}: category {shown(each)} is there twice.")
        names[id_] = name
    ids = tuple(sorted(names))
    return TaskSchema(task, str(kind), ids, tuple(names[each] for each in ids))


def parse_predictions(data: bytes, origin: str, schema: TaskSchema) -> tuple[Prediction, ...]:
    """Read what was predicted for one picture or frame.

    Raises:
        ConfigError: no such file; an unknown category; probabilities or a score that are none.
    """
    found = load_object(data, origin, "file_name", "predictions")["predictions"]
    if not isinstance(found, list):
        raise ConfigError(f"Reading {origin}: predictions must be a list; saw {shown(found)}.")
    return tuple(
        _prediction(each, f"{origin}, prediction {number}", schema)
        for number, each in enumerate(found, start=1)
    )


def _prediction(each: object, where: str, schema: TaskSchema) -> Prediction:
    if not isinstance(each, dict) or each.get("category_id") not in schema.ids:
        known = ", ".join(map(str, schema.ids))
        seen = each.get("category_id") if isinstance(each, dict) else each
        raise ConfigError(
            f"Reading {where}: category_id {shown(seen)} is not in the task's schema.json; "
            f"it has {known}."
        )
    score = each.get("score")
    if score is not None and not _is_share(score):
        raise ConfigError(f"Reading {where}: score {shown(score)} is no number from 0 to 1.")
    return Prediction(
        place=schema.ids.index(each["category_id"]),
        score=None if score is None else float(score),
        probabilities=_probabilities(each.get("probabilities"), where, schema),
        box=_box(each.get("bbox"), where),
    )


def _box(given: object, where: str) -> Box | None:
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 4 or not all(map(_is_finite, given)):
        raise ConfigError(
            f"Reading {where}: bbox {shown(given)} is no box; expected [x, y, width, height] in "
            "pixels, from the top left corner."
        )
    x, y, width, height = map(float, given)
    return x, y, width, height


def _probabilities(given: object, where: str, schema: TaskSchema) -> tuple[float, ...] | None:
    if given is None:
        return None
    count = len(schema.classes)
    if not isinstance(given, list) or len(given) != count:
        seen = f"{len(given)}" if isinstance(given, list) else shown(given)
        raise ConfigError(
            f"Reading {where}: {count} probabilities are needed, one for each of "
            f"{', '.join(schema.classes)}; saw {seen}."
        )
    if not all(_is_share(each) for each in given):
        raise ConfigError(
            f"Reading {where}: probabilities must be numbers from 0 to 1; saw {shown(given)}."
        )
    total = sum(given)
    if schema.kind == CLASSIFICATION and abs(total - 1) > _OFF_ONE:
        raise ConfigError(f"Reading {where}: probabilities must sum to 1; they sum to {total:g}.")
    return tuple(float(each) for each in given)


def _is_finite(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]  # a number


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
