"""Where the time of scoring goes: CPU ms per image of decoding and of each family of measures.

    python benchmarks/quality_families.py --packages PACKAGES

On the picture sets of `quality.py`; see there for the packages. One thread, everything in one
process. Each step is timed alone on each image, after the steps above it, whose results it uses;
the least of some rounds counts, and the table gives the mean over images.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
from machine import machine
from quality import make_sets, megapixels
from simplejpeg import decode_jpeg

from pipeline_project.adapters.measuring.processor import ProcessorMeasurer
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.cli.pictures import read_for_measures
from pipeline_project.cli.scorer import ALWAYS, Scorer
from pipeline_project.core.quality.classifier import classifier
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.registry import MEASURES

LEAST_SIDE_PX = 3
Steps = dict[str, Callable[[Picture], object]]
SHARED: Steps = {
    "tiles: cut, transformed, logarithms": lambda picture: picture.spectra,
    "heights over their neighbours": lambda picture: picture.spectra.heights,
    "means over rings and sectors": lambda picture: picture.sectors,
    "Laplacian of half the size": lambda picture: picture.pyramid.laplacian(1),
}
IN_ROWS = ", in every row"
WHOLE: Steps = {
    f"Laplacian of the native pixels{IN_ROWS}": lambda picture: picture.pyramid.laplacian(0),
    f"Sobel gradient{IN_ROWS}": lambda picture: picture.gradient,
}


def steps(names: set[str], shared: Steps, where: str = "") -> Steps:
    """What is shared, then what is left of each family, named by its module."""
    families: dict[str, list[str]] = {}
    for name in MEASURES:
        if name in names:
            family = MEASURES[name].function.__module__.rpartition(".")[2]
            families.setdefault(family, []).append(name)

    def rest(wanted: list[str]) -> Callable[[Picture], object]:
        return lambda picture: [MEASURES[name].function(picture) for name in wanted]

    return {
        **shared,
        **{f"rest of {family}{where}": rest(each) for family, each in families.items()},
    }


def table(paths: list[Path], rounds: int) -> None:
    judge, reader = classifier("default"), LocalMediaReader()
    looked_at = {feature.measure for feature in judge.features}
    scorer = Scorer(judge, (), LEAST_SIDE_PX, ProcessorMeasurer())
    of_default = steps(looked_at, SHARED)
    of_rows = steps(set(ALWAYS) - looked_at, WHOLE, IN_ROWS)
    least: dict[str, np.ndarray] = {}

    def timed(step: str, place: int, work: Callable[..., object], *given: object) -> None:
        started = time.thread_time()
        work(*given)
        spent = time.thread_time() - started
        times = least.setdefault(step, np.full(len(paths), np.inf))
        times[place] = min(times[place], spent)

    def read(path: Path) -> Picture:
        return read_for_measures(reader, path, LEAST_SIDE_PX, colour=False)

    for _ in range(rounds):
        for place, path in enumerate(paths):
            timed("decode", place, lambda path: decode_jpeg(path.read_bytes(), "GRAY"), path)
            timed("read", place, read, path)
            picture = read(path)
            for step, work in [*of_default.items(), *of_rows.items()]:
                timed(step, place, work, picture)
            timed("row", place, scorer, [path])

    mean = {step: float(times.mean()) for step, times in least.items()}

    def line(step: str, value_s: float) -> None:
        print(f"| {step} | {1e3 * value_s:.3f} | {value_s / mean['decode']:.2f} |")

    print("| step | CPU ms per image | of decode only |\n|---|---|---|")
    line("decode only", mean["decode"])
    line("recognise the file, read its header", mean["read"] - mean["decode"])
    for step in of_default:
        line(step, mean[step])
    default_s = mean["read"] + sum(mean[step] for step in of_default)
    line("**all that the default classifier looks at**", default_s)
    for step in of_rows:
        line(step, mean[step])
    row_s = default_s + sum(mean[step] for step in of_rows)
    line("classifier and row, one image at a time", mean["row"] - row_s)
    line("**a row of `pipeline score`**", mean["row"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packages", type=Path, default=Path("packages"), help="unpacked .debs")
    parser.add_argument("--rounds", type=int, default=7, help="of which the least counts")
    parser.add_argument("--every", type=int, default=1, help="take every so manyth file alone")
    parser.add_argument("--sets", nargs="*", default=["capped", "native"])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as made:
        sets = make_sets(Path(made), options.packages, 1)
        for name in options.sets:
            paths = sets[name][:: options.every]
            size = megapixels(paths) / len(paths)
            print(f"\n{name}: {len(paths)} JPEGs, mean {size:.2f} megapixels\n")
            table([Path(path) for path in paths], options.rounds)
    print(f"\n{machine('opencv-python-headless', 'simplejpeg', 'numpy')}")


if __name__ == "__main__":
    main()
