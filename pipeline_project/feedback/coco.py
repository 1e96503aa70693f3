"""Reads COCO JSON: objects of images, with boxes, polygons, masks or keypoints.

Format: https://cocodataset.org/#format-data
"""

from collections.abc import Iterator
from typing import Any

from pipeline_project.feedback.annotations import Annotation, LabelledPicture, box_of, is_finite

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
        _id(each.get("id")): str(each.get("name") or "")
        for each in _dicts(content.get("categories", []), "categories", problems)
    }
    pictures: dict[Any, LabelledPicture] = {}
    for number, image in enumerate(_dicts(content["images"], "images", problems)):
        where = f"images[{number}]"
        identity = _id(image.get("id"))
        if identity is None or not image.get("file_name"):
            problems.append(f"{where}: it has no id or no file_name")
            continue
        if identity in pictures:
            problems.append(f"{where}: id {identity} stands for another image already")
            continue
        frame = str(image.get("frame_id") or "")
        pictures[identity] = LabelledPicture(where, frame, [str(image["file_name"])])
    for number, each in enumerate(_dicts(content.get("annotations", []), "annotations", problems)):
        where = f"annotations[{number}]"
        picture = pictures.get(_id(each.get("image_id")))
        category = _id(each.get("category_id"))
        if picture is None:
            problems.append(f"{where}: no image has the id {each.get('image_id')}")
        elif category not in names:
            problems.append(f"{where}: no category has the id {each.get('category_id')}")
        elif not (name := names[category]):
            problems.append(f"{where}: its category {category} has no name")
        else:
            picture.annotations.append(_annotation(each, name, number, where, problems))
    yield from pictures.values()


def _annotation(
    each: dict[str, Any], name: str, number: int, where: str, problems: list[str]
) -> Annotation:
    box = each.get("bbox")
    place: tuple[float, float, float, float] | None = None
    if box:
        place = box_of(box)
        if place is None:
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
    if not is_finite({key: shape[key] for key in shape if key != "bbox"}):
        problems.append(f"{where}: it holds NaN or infinity")
    return Annotation(str(each.get("id", number)), name, kind, place, shape)


def _id(value: object) -> int | str | None:
    """What an id is; other values are none."""
    return value if isinstance(value, int | str) else None


def _dicts(content: object, where: str, problems: list[str]) -> list[dict[str, Any]]:
    if isinstance(content, list) and all(isinstance(each, dict) for each in content):
        return content
    problems.append(f"{where}: expected a list of objects")
    return []
