"""Label Studio tasks, format https://labelstud.io/guide/task_format as JSON."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from pipeline_project.exports.added import Added
from pipeline_project.exports.folder import read_json, write_json
from pipeline_project.exports.frames import ExportFrame
from pipeline_project.exports.places import Place, beside


def add_label_studio(folder: Path, frames: Sequence[ExportFrame], place: Place) -> Added:
    """Write a file with the tasks of the frames that no earlier file in the folder has.

    Label Studio makes a new task of everything it imports, so each file is imported once.
    """
    earlier = sorted(folder.glob("tasks-*.json"))
    known = {
        task.get("data", {}).get("frame_id")
        for path in earlier
        for task in read_json(path, list, [])
    }
    new = [frame for frame in frames if frame.frame_id not in known]
    if not new:
        return Added(0, None, f"Nothing to import: {folder} has these frames already.")
    path = _free(folder, new[0].selection_id)
    local = place is beside
    write_json(path, [_task(frame, place, folder if local else None) for frame in new])
    steps = f"Import {path} into a project (Import, or label-studio-sdk); the image is $image."
    if local:
        steps += (
            "\nLet Label Studio serve the pictures from this machine:\n"
            "  LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true "
            f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={folder} label-studio start\n"
            "and add to the project a Cloud Storage of type Local Files, with the path\n"
            f"  {folder / 'images'}\n(it need not be synchronized)."
        )
    return Added(len(new), path, steps)


def _task(frame: ExportFrame, place: Place, folder: Path | None) -> dict[str, object]:
    address = place(frame.name)
    return {
        "data": {
            "image": f"/data/local-files/?d={quote(address)}" if folder else address,
            "frame_id": frame.frame_id,
            "source": frame.source,
            "timestamp_s": frame.timestamp_s,
            "selection_id": frame.selection_id,
            "rank": frame.rank,
            "reason": frame.reason,
        }
    }


def _free(folder: Path, selection_id: str) -> Path:
    """A name that no earlier file has: a selection that gained frames gets a second file."""
    path, number = folder / f"tasks-{selection_id}.json", 2
    while path.exists():
        path, number = folder / f"tasks-{selection_id}-{number}.json", number + 1
    return path
