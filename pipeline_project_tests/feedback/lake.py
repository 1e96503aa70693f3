"""A lake with two datasets, written as selections write it."""

from datetime import UTC, datetime
from pathlib import Path

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore

FRAMES = [f"{'a' * 64}:{pts}" for pts in range(6)]  # the first three are picked
ELSEWHERE = f"{'b' * 64}:0"


def lake_of_two_datasets(folder: Path) -> LanceLake:
    lake = LanceLake(folder.as_uri(), LocalObjectStore(folder))
    writer = lake.begin(run_id="r")
    for selection, dataset, frames in (
        ("s1", "default", FRAMES),
        ("s2", "other", [ELSEWHERE]),
    ):
        header = dict.fromkeys(TABLES["selection_sets"].schema.names[:-1], "{}")
        header |= {"selection_id": selection, "dataset": dataset, "created_at": datetime.now(UTC)}
        writer.append(TABLES["selection_sets"], [header])
        empty = dict.fromkeys(TABLES["candidates"].schema.names[:-1])
        looked = [{**empty, "selection_id": selection, "frame_id": frame} for frame in frames]
        writer.append(TABLES["candidates"], looked)
        picks = [
            {
                "selection_id": selection,
                "frame_id": frame,
                "rank": rank,
                "reason": "",
                "file_name": f"{rank:04d}_clip_00h00m{rank:06.3f}s.jpg",
            }
            for rank, frame in enumerate(frames[:3], start=1)
        ]
        writer.append(TABLES["selections"], picks)
    writer.commit("two selections")
    return lake
