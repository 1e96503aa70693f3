"""A user's labelled folders: which image has which label and shows which scene."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_project.cli.console import shown
from pipeline_project.cli.pictures import list_pictures
from pipeline_project.errors import ConfigError

if TYPE_CHECKING:
    from pipeline_project.core.records import Label

LEAST_PER_LABEL = 10
SCENE_MARK = "__"


@dataclass(frozen=True, slots=True)
class LabelledPath:
    """One image file below a folder named after its label."""

    path: Path
    label: "Label"
    scene: str


def list_labelled(folder: Path, groups: Path | None) -> list[LabelledPath]:
    """List the images below `sharp/`, `blur/` and `moire/` with their scenes.

    A scene is what `groups` says; without it, the first folder below the label's, whose name
    means the same scene below every label; for an image in no such folder, its name up to `__`,
    or all of it but the suffix.

    Raises:
        ConfigError: a folder is not there or holds too few images, or `groups` does not fit.
    """
    from pipeline_project.core.records import LABELS

    folder = folder.expanduser()
    absent = [label for label in LABELS if not (folder / label).is_dir()]
    if absent:
        raise ConfigError(
            f"Looking for labelled images in {shown(folder)}: there is no folder "
            f"{', '.join(f'{label}/' for label in absent)}. Put sharp, blurred and moiré-ridden "
            f"images into {', '.join(f'{label}/' for label in LABELS)} below it."
        )
    scenes = _read_groups(groups) if groups else None
    found = []
    for label in LABELS:
        paths = list_pictures([folder / label]) if any((folder / label).iterdir()) else []
        if len(paths) < LEAST_PER_LABEL:
            raise ConfigError(
                f"Looking for labelled images in {shown(folder / label)}: {len(paths)} are there, "
                f"and at least {LEAST_PER_LABEL} of each label are needed. Add some."
            )
        for path in paths:
            name = path.relative_to(folder)
            scene = _scene(name) if scenes is None else _grouped(scenes, name, groups)
            found.append(LabelledPath(path, label, scene))
    return found


def check_enough(found: Sequence[LabelledPath]) -> None:
    """Raise unless readable images can be split by scene with every label on both sides.

    Raises:
        ConfigError: too few images of a label, or all those of a label show one scene.
    """
    from pipeline_project.core.records import LABELS

    for label in LABELS:
        mine = [each for each in found if each.label == label]
        if len(mine) < LEAST_PER_LABEL:
            raise ConfigError(
                f"Fitting a classifier: {len(mine)} readable images are labelled {label}, and at "
                f"least {LEAST_PER_LABEL} of each label are needed. Add some."
            )
        if len({each.scene for each in mine}) < 2:
            raise ConfigError(
                f"Fitting a classifier: all images labelled {label} are of one scene, "
                f"{mine[0].scene!r}, so nothing tells whether it would know another. Add images of "
                "other scenes, or say with --groups which image shows which scene."
            )


def _scene(name: Path) -> str:
    """`name` is below the labelled folder: `blur/beach/1.jpg` or `blur/beach__1.jpg`."""
    return name.parts[1] if len(name.parts) > 2 else name.stem.partition(SCENE_MARK)[0]


def _read_groups(groups: Path) -> dict[str, str]:
    try:
        with groups.expanduser().open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
            scenes = {row["path"].removeprefix("./"): row["scene"] for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError) as cause:
        raise ConfigError(
            f"Reading scenes from {shown(groups)}: {type(cause).__name__}: {cause}. Give --groups "
            "a CSV file with the columns path and scene, path being below the labelled folder."
        ) from cause
    return scenes


def _grouped(scenes: dict[str, str], name: Path, groups: Path | None) -> str:
    scene = scenes.get(name.as_posix())
    if not scene:
        raise ConfigError(
            f"Reading scenes from {groups}: there is no scene for {shown(name)}. "
            "Add a line for it, with its path below the labelled folder."
        )
    return scene
