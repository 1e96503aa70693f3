"""CVAT: pictures with a dataset manifest, and the list of files of one task.

Format: https://docs.cvat.ai/docs/dataset_management/dataset_manifest
"""

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline_project.errors import ConfigError
from pipeline_project.exports.added import Added
from pipeline_project.exports.folder import read_lines, write_text
from pipeline_project.exports.frames import ExportFrame
from pipeline_project.exports.places import Place, beside

_HEAD = ('{"version": "1.1"}', '{"type": "images"}')


def add_cvat(folder: Path, frames: Sequence[ExportFrame], place: Place) -> Added:
    """Add to `manifest.jsonl`, and list the new pictures in `task-<selection>.txt`.

    The manifest lies beside `images/`, as in a bucket that CVAT reads as cloud storage. The list
    has the paths of the pictures, or their addresses.
    """
    path = folder / "manifest.jsonl"
    lines = read_lines(path)
    known = _known(path, lines)
    new = [frame for frame in frames if beside(frame.name) not in known]
    body = lines or list(_HEAD)
    body += [_line(frame) for frame in new]
    write_text(path, "".join(f"{line}\n" for line in body))
    if not new:
        return Added(0, None, f"No new task: {folder} has these frames already.")
    listed = folder / f"task-{new[0].selection_id}.txt"
    before = read_lines(listed)
    write_text(listed, "".join(f"{each}\n" for each in [*before, *(place(f.name) for f in new)]))
    kind = "local" if place is beside else "remote"
    return Added(
        len(new),
        listed,
        "Make a task of the new pictures (cvat-cli; labels.json holds your classes):\n"
        f"  cd {folder} && xargs -a {listed.name} cvat-cli task create {new[0].selection_id} "
        f"--labels labels.json {kind}\n"
        "Or put images/ and manifest.jsonl into a bucket that CVAT knows as cloud storage.",
    )


def _known(path: Path, lines: Sequence[str]) -> set[str]:
    known = set()
    for line in lines:
        try:
            entry = json.loads(line)
            if "name" in entry:
                known.add(f"{entry['name']}{entry['extension']}")
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(
                f"Adding to {path}: it is no manifest of CVAT. Move it away, or give --out "
                "another folder."
            ) from error
    return known


def _line(frame: ExportFrame) -> str:
    stem, dot, suffix = beside(frame.name).rpartition(".")
    entry: dict[str, object] = {
        "name": stem,
        "extension": f"{dot}{suffix}",
        "width": frame.width_px,
        "height": frame.height_px,
        "meta": {"related_images": []},
    }
    return json.dumps(entry)
