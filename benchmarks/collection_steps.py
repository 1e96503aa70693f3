"""What one file costs among 10,000 known ones, through the five steps of the example.

    python benchmarks/collection_steps.py [--files 10000] [--folder FOLDER]

Small pictures are made, all steps are run over them, and then, in this order: nothing, one more
file, one changed, one removed, one step's settings changed. Each is timed as a process of its own,
as a user starts it, and the datums that were worked on are counted. To compare: Pachyderm's issue
4340 tells of an hour for one new file among 10,000 through five pipelines.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from pipeline_project.examples.image_quality.files import YAML, example_dir

sys.path.insert(0, str(Path(__file__).parent))
from machine import machine

SIDE_PX = 64
LAST = "transform: {classify: talk}"
WORKED = ("new", "changed", "reused")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="collections-") as made:
        folder = options.folder or Path(made)
        prepare(folder, options.files)
        print(f"{'':<28}{'wall s':>9}{'CPU s':>9}{'worked on':>11}{'skipped':>10}{'removed':>9}")
        row(folder, f"all {options.files:,} files", "run")
        row(folder, "nothing changed: plan", "plan")
        row(folder, "nothing changed: run", "run")
        picture(folder / "images" / "one_more.jpg", options.files)
        row(folder, "one file more: plan", "plan")
        row(folder, "one file more: run", "run")
        picture(folder / "images" / "00000.jpg", options.files + 1)
        row(folder, "one file changed", "run")
        (folder / "images" / "one_more.jpg").unlink()
        row(folder, "one file removed", "run")
        text = (folder / YAML).read_text()
        (folder / YAML).write_text(text.replace(LAST, LAST + "\n      output: $0.label.json"))
        row(folder, "settings of the last step", "run")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"largest process: {children.ru_maxrss / 1024:.0f} MB")
    print(machine("pylance", "dagster", "numpy"))


def prepare(folder: Path, files: int) -> None:
    """A folder with the example's YAML and so many pictures, all different."""
    images = folder / "images"
    images.mkdir(parents=True)
    shutil.copyfile(example_dir() / YAML, folder / YAML)
    for number in range(files):
        picture(images / f"{number:05}.jpg", number)


def picture(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE_PX, SIDE_PX), np.uint8)
    cv2.imwrite(str(path), cv2.GaussianBlur(pixels, (0, 0), 1 + seed % 5))


def row(folder: Path, what: str, command: str) -> None:
    """Time one command and print what it did."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline_project.cli", "collections", command, YAML, "--json",
         "--home", str(folder / "home")],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    wall = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    steps = [fact for fact in map(json.loads, done.stdout.splitlines()) if "step" in fact]
    worked = sum(fact[name] for fact in steps for name in WORKED)
    skipped, removed = (sum(fact[name] for fact in steps) for name in ("skipped", "removed"))
    print(f"{what:<28}{wall:>9.2f}{cpu:>9.2f}{worked:>11,}{skipped:>10,}{removed:>9,}", flush=True)


if __name__ == "__main__":
    main()
