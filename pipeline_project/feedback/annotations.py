"""What labelling tools give back, in one form."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

# Kinds of annotations; `empty` says that a person looked and found nothing to label.
KINDS = ("box", "polygon", "mask", "keypoints", "class", "other", "empty")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation of one picture.

    Attributes:
        annotation_id: as its tool names it; unique within a file.
        class_name: what it is; empty for kind `empty`.
        kind: one of `KINDS`.
        box_px: x, y, width, height in pixels of the whole frame; None without a place.
        shape: the annotation as its tool wrote it; a JSON value.
    """

    annotation_id: str
    class_name: str
    kind: str
    box_px: tuple[float, float, float, float] | None = None
    shape: Any = None


@dataclass(slots=True)
class LabelledPicture:
    """One picture of a file of labels.

    Attributes:
        where: its place in the file, for messages.
        frame_id: as our exports wrote it; empty where the tool dropped it.
        file_names: names or addresses that it goes by.
        annotations: empty where nobody has labelled it yet.
    """

    where: str
    frame_id: str
    file_names: list[str]
    annotations: list[Annotation] = field(default_factory=list)


def box_of(values: Any) -> tuple[float, float, float, float] | None:
    """A box's four numbers; None where they are not four, or not finite."""
    try:
        x, y, width, height = (float(value) for value in values)
    except (TypeError, ValueError):
        return None
    box = (x, y, width, height)
    return box if all(math.isfinite(each) for each in box) else None


def is_finite(value: Any) -> bool:
    """Whether a JSON value holds no NaN and no infinity, which no other program would read."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True
