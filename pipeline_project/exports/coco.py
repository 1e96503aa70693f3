"""COCO JSON: the images, and the labels that came back so far.

Format: https://cocodataset.org/#format-data
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline_project.core.frame_names import number_of
from pipeline_project.exports.added import Added
from pipeline_project.exports.folder import read_json, write_json
from pipeline_project.exports.frames import ExportFrame
from pipeline_project.exports.places import Place, beside

FILE = "coco.json"


def add_coco(folder: Path, frames: Sequence[ExportFrame], place: Place) -> Added:
    """Add images to `coco.json`; what is in it stays as it is.

    An image's id is made of its frame's id, so it is the same in every export.
    """
    path = folder / FILE
    content = read_json(path, dict, {})
    content.setdefault("info", {"description": "picked by pipeline_project", "version": "1"})
    for name in ("licenses", "images", "annotations", "categories"):
        content.setdefault(name, [])
    known = {image.get("id") for image in content["images"]}
    new = [frame for frame in frames if number_of(frame.frame_id) not in known]
    content["images"] += [_image(frame, place) for frame in new]
    write_json(path, content)
    return Added(len(new), path, f"Images with their known labels: {path}")


def add_labels(folder: Path, labels: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Add labels to images of `coco.json` that have none yet, whichever selection they are of.

    Args:
        folder: holds `coco.json`.
        labels: frame id -> rows of the table `annotations`.
    """
    path = folder / FILE
    content = read_json(path, dict, {})
    annotated = {each.get("image_id") for each in content["annotations"]}
    for image in content["images"]:
        if image.get("id") not in annotated:
            _annotate(image, labels.get(str(image.get("frame_id")), ()), content)
    write_json(path, content)


def _image(frame: ExportFrame, place: Place) -> dict[str, object]:
    image: dict[str, object] = {
        "id": number_of(frame.frame_id),
        "file_name": frame.name,
        "width": frame.width_px,
        "height": frame.height_px,
        "frame_id": frame.frame_id,
        "source": frame.source,
        "timestamp_s": frame.timestamp_s,
    }
    return image if place is beside else {**image, "coco_url": place(frame.name)}


def _annotate(
    image: Mapping[str, Any], labels: Sequence[Mapping[str, Any]], content: dict[str, Any]
) -> None:
    categories = {each["name"]: each["id"] for each in content["categories"]}
    next_id = max((int(each["id"]) for each in content["annotations"]), default=0) + 1
    for row in labels:
        if row["x_px"] is None:
            continue  # COCO has no place for classes of whole pictures
        name = row["class_name"]
        if name not in categories:
            categories[name] = max(categories.values(), default=0) + 1
            content["categories"].append({"id": categories[name], "name": name})
        shape = json.loads(row["shape"])
        segmentation = shape.get("segmentation") if isinstance(shape, dict) else None
        content["annotations"].append(
            {
                "id": next_id,
                "image_id": image["id"],
                "category_id": categories[name],
                "bbox": [row["x_px"], row["y_px"], row["width_px"], row["height_px"]],
                "area": row["width_px"] * row["height_px"],
                "iscrowd": 0,
                # Datumaro and CVAT pass over a box without this field.
                "segmentation": segmentation or [],
            }
        )
        next_id += 1
