"""FiftyOne and LightlyStudio: the pictures, and a small program that loads them."""

from collections.abc import Sequence
from pathlib import Path

from pipeline_project.exports.added import Added
from pipeline_project.exports.coco import add_coco
from pipeline_project.exports.folder import read_json, write_json, write_text
from pipeline_project.exports.frames import ExportFrame
from pipeline_project.exports.places import Place, beside

_FIFTYONE = '''"""Loads this folder into FiftyOne; run again to add what is new; --app opens it."""

import json
import sys
from pathlib import Path

import fiftyone as fo

folder = Path(__file__).resolve().parent
content = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
name = content["name"]
dataset = fo.load_dataset(name) if fo.dataset_exists(name) else fo.Dataset(name, persistent=True)
known = {sample["frame_id"]: sample for sample in dataset}
samples, labelled = [], 0
for each in content["samples"]:
    boxes, path = each.pop("boxes"), each.pop("path")
    path = path if "://" in path else str(folder / path)
    sample = known.get(each["frame_id"])
    if sample is None:
        sample = fo.Sample(filepath=path, **{k: v for k, v in each.items() if v is not None})
        samples.append(sample)
    if boxes and not (sample.has_field("ground_truth") and sample["ground_truth"]):
        found = [fo.Detection(label=label, bounding_box=box) for label, box in boxes]
        sample["ground_truth"] = fo.Detections(detections=found)
        labelled += 1
        if each["frame_id"] in known:
            sample.save()
if samples:
    dataset.add_samples(samples)
print(f"{len(samples)} samples added to the FiftyOne dataset {name}; it has {len(dataset)}.")
print(f"{labelled} of them have labels for the first time.")
if "--app" in sys.argv:
    fo.launch_app(dataset).wait()
'''

_STUDIO = '''"""Loads this folder into LightlyStudio and opens it."""

from pathlib import Path

import lightly_studio as ls

folder = Path(__file__).resolve().parent
dataset = ls.ImageDataset.load_or_create(name=folder.name)
dataset.add_images_from_path(path=str(folder / "images"))
ls.start_gui()
'''


def add_fiftyone(folder: Path, frames: Sequence[ExportFrame], place: Place) -> Added:
    """Add to `samples.json`, and write the program that loads it.

    References:
        https://docs.voxel51.com/user_guide/using_datasets.html
    """
    path = folder / "samples.json"
    content = read_json(path, dict, {"name": folder.name, "samples": []})
    known = {each.get("frame_id") for each in content.get("samples", [])}
    new = [frame for frame in frames if frame.frame_id not in known]
    content.setdefault("samples", []).extend(_sample(frame, place) for frame in new)
    now = {frame.frame_id: frame for frame in frames}
    for each in content["samples"]:  # labels may come after the pictures
        if not each.get("boxes") and each.get("frame_id") in now:
            each["boxes"] = _boxes(now[each["frame_id"]])
    write_json(path, content)
    program = folder / "into_fiftyone.py"
    write_text(program, _FIFTYONE)
    return Added(len(new), program, f"With `pip install fiftyone`:\n  python {program} --app")


def add_lightly_studio(folder: Path, frames: Sequence[ExportFrame], place: Place) -> Added:
    """Write `coco.json` beside the pictures, and the program that loads them.

    References:
        https://docs.lightly.ai/studio/dataset_setup/image_dataset/
    """
    added = add_coco(folder, frames, beside)
    program = folder / "into_lightly_studio.py"
    write_text(program, _STUDIO)
    return Added(
        added.new,
        program,
        "With `pip install lightly-studio` (LIGHTLY_STUDIO_ANALYTICS_ENABLED=false switches its "
        f"analytics off):\n  python {program}",
    )


def _boxes(frame: ExportFrame) -> list[list[object]]:
    """Label and box of each object, the box in shares of the picture."""
    return [
        [
            row["class_name"],
            [
                row["x_px"] / frame.width_px,
                row["y_px"] / frame.height_px,
                row["width_px"] / frame.width_px,
                row["height_px"] / frame.height_px,
            ],
        ]
        for row in frame.annotations
        if row["x_px"] is not None
    ]


def _sample(frame: ExportFrame, place: Place) -> dict[str, object]:
    return {
        "path": place(frame.name),
        "frame_id": frame.frame_id,
        "source": frame.source,
        "timestamp_s": frame.timestamp_s,
        "rank": frame.rank,
        "selection_id": frame.selection_id,
        "quality": frame.quality,
        "reason": frame.reason,
        "boxes": _boxes(frame),
    }
