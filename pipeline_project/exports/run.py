"""Exports one selection to one folder, in one form; again and again without harm."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from pipeline_project.adapters.aws_session import AwsSession
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import ConfigError
from pipeline_project.exports.added import Added
from pipeline_project.exports.coco import add_coco, add_labels
from pipeline_project.exports.cvat import add_cvat
from pipeline_project.exports.folder import add_pictures, make_folder
from pipeline_project.exports.frames import ExportFrame, labels_of, read_frames
from pipeline_project.exports.label_studio import add_label_studio
from pipeline_project.exports.lists import add_files, add_lightly_tag, demand_tag
from pipeline_project.exports.places import Place, below, beside, presigned
from pipeline_project.exports.viewers import add_fiftyone, add_lightly_studio

Target = Literal[
    "files", "label-studio", "cvat", "coco", "fiftyone", "lightlystudio", "lightly-tag"
]
TARGETS: tuple[Target, ...] = get_args(Target)
_WRITERS: dict[str, Callable[[Path, Sequence[ExportFrame], Place], Added]] = {
    "files": add_files,
    "label-studio": add_label_studio,
    "cvat": add_cvat,
    "coco": add_coco,
    "fiftyone": add_fiftyone,
    "lightlystudio": add_lightly_studio,
}
_WITH_LABELS = ("coco", "lightlystudio")  # whose labels may come after their pictures


def export_selection(
    lake: Lake,
    store: ObjectStore,
    selection_id: str,
    *,
    to: str,
    out: Path,
    url_prefix: str | None = None,
    presign_hours: float | None = None,
    session: AwsSession | None = None,
    images: bool = True,
    tag: str = "picked",
) -> Added:
    """Add a selection's picks to a folder; what is in it stays, with its names and ids.

    Args:
        lake: holds the selection.
        store: holds the pictures.
        selection_id: which.
        to: one of `TARGETS`.
        out: the folder; made where it is not there.
        url_prefix: where the pictures lie for the tool; None for `images/` of the folder.
        presign_hours: sign addresses in S3 for so long.
        session: whose credentials sign them; None is whatever boto3 finds.
        images: put the pictures into `images/`.
        tag: name of the Lightly tag.

    Raises:
        ConfigError: an unknown form or selection, a wrong address, a folder of something else.
        PermanentError: the folder cannot be written.
    """
    if to not in TARGETS:
        raise ConfigError(f"--to {to}: unknown; allowed: {', '.join(TARGETS)}.")
    place = _place(url_prefix, presign_hours, session)
    if not images and place is beside and to != "lightly-tag":
        raise ConfigError("--no-images needs --url-prefix: the tool must find the pictures.")
    if to == "lightly-tag":
        demand_tag(tag)
    frames = read_frames(lake, selection_id)
    there = [frame for frame in frames if store.exists(frame.key)]
    folder = make_folder(out)
    if to == "lightly-tag":
        return add_lightly_tag(folder, frames, place, tag)
    if images:
        add_pictures(folder, there, store)
    added = _WRITERS[to](folder, there, place)
    if to in _WITH_LABELS:
        add_labels(folder, labels_of(lake, selection_id))
    notes = list(added.notes)
    if len(there) < len(frames):
        notes.append(
            f"{len(frames) - len(there)} picks are left out: their pictures are not in the store. "
            "`pipeline curate` with the same files and settings writes them."
        )
    if place is not beside and images and url_prefix is not None:
        notes.append(
            f"The addresses are right once the pictures lie there: copy {folder / 'images'} to "
            f"{url_prefix}"
            + (
                f" (aws s3 sync {folder / 'images'} {url_prefix})"
                if url_prefix.startswith("s3://")
                else ""
            )
        )
    return replace(added, notes=notes)


def _place(
    url_prefix: str | None, presign_hours: float | None, session: AwsSession | None
) -> Place:
    if presign_hours is not None:
        if url_prefix is None:
            raise ConfigError("--presign needs --url-prefix s3://BUCKET/PREFIX.")
        return presigned(url_prefix, presign_hours, session or AwsSession())
    return beside if url_prefix is None else below(url_prefix)
