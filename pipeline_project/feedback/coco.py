"""Reads COCO JSON: objects of images, with boxes, polygons, masks or keypoints.

Format: https://cocodataset.org/#format-data
"""

from collections.abc import Iterator
from typing import Any

from pipeline_project.feedback.annotations import Annotation, LabelledPicture

_SHAPE = ("bbox", "segmentation", "keypoints", "iscrowd", "area", "attributes")


def is_coco(content: object) -> bool:
    """Tell COCO from other JSON."""
    return isinstance(content, dict) and isinstance(content.get("images"), list)


def read_coco(content: dict[str, Any], problems: list[str]) -> Iterator[LabelledPicture]:
    """Read every image with its annotations; an image without any is not labelled yet.

    Args:
        content: of the file.
        problems: what is wrong is added here, in words.
    """
    names = {
        each.get("id"): str(each.get("name", ""))
        for each in _dicts(content.get("categories", []), "categories", problems)
    }
    pictures: dict[Any, LabelledPicture] = {}
    for number, image in enumerate(_dicts(content["images"], "images", problems)):
        where = f"images[{number}]"
        if "id" not in image or not image.get("file_name"):
            problems.append(f"{where}: it has no id or no file_name")
            continue
        if image["id"] in pictures:
            problems.append(f"{where}: id {image['id']} stands for another image already")
            continue
        frame = str(image.get("frame_id") or "")
        pictures[image["id"]] = LabelledPicture(where, frame, [str(image["file_name"])])
    for number, each in enumerate(_dicts(content.get("annotations", []), "annotations", problems)):
        where = f"annotations[{number}]"
        picture = pictures.get(each.get("image_id"))
        if picture is None:
            problems.append(f"{where}: no image has the id {each.get('image_id')}")
        elif each.get("category_id") not in names:
            problems.append(f"{where}: no category has the id {each.get('category_id')}")
        else:
            name = names[each["category_id"]]
            picture.annotations.append(_annotation(each, name, number, where, problems))
    yield from pictures.values()


def _annotation(
    each: dict[str, Any], name: str, number: int, where: str, problems: list[str]
) -> Annotation:
    box = each.get("bbox")
    place: tuple[float, float, float, float] | None = None
    if box:
        try:
            x, y, width, height = (float(value) for value in box)
            place = (x, y, width, height)
        except (TypeError, ValueError):
            problems.append(f"{where}: bbox {str(box)[:60]} is not [x, y, width, height]")
    segmentation = each.get("segmentation")
    kind = (
        "keypoints"
        if each.get("keypoints")
        else "mask"
        if isinstance(segmentation, dict)
        else "polygon"
        if segmentation
        else "box"
        if place
        else "class"
    )
    shape = {key: each[key] for key in _SHAPE if key in each}
    return Annotation(str(each.get("id", number)), name, kind, place, shape)


def _dicts(content: object, where: str, problems: list[str]) -> list[dict[str, Any]]:
    if isinstance(content, list) and all(isinstance(each, dict) for each in content):
        return content
    problems.append(f"{where}: expected a list of objects")
    return []
