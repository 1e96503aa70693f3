"""Whether the default classifier's labels hold where the picture's defect stays and all else moves.

    python benchmarks/quality_robustness.py --packages DIR

DIR holds unpacked Debian packages, see `pipeline_project/making/corpus.py`. Photographs of half
a megapixel or more are left sharp, blurred (Gaussian, defocus or motion of the middle of the
strengths learned from) or photographed off a display, and then

- saved as JPEGs of quality 50 to 95;
- given 0.5 to 24 megapixels: shrunk, or where the photograph has fewer pixels continued by mirror
  images, and only then blurred; moiré is of the native pixels, so pictures that have it are cut
  or continued;
- taken at night: a twelfth of the light, and a sensor with more noise.

Moiré is counted where it is seen in the picture as delivered (`making/simulator/visibility.py`).
Each picture is judged by a model that was fitted to other scenes. The screenshots in `images/`,
of which nothing was learned, are judged by the default as it is shipped.
"""

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from machine import machine

from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.cli.pictures import read_for_measures
from pipeline_project.core.quality.classifier import classifier
from pipeline_project.core.quality.registry import measure_picture
from pipeline_project.core.quality.training import FEATURES, Labelled, cross_validate
from pipeline_project.core.records import LABELS, Label, Pixels
from pipeline_project.making import corpus
from pipeline_project.making.degrade import (
    defocus,
    gaussian_blur,
    motion_blur,
    to_light,
    to_pixels,
)
from pipeline_project.making.quality_classifier import WORK, labelled
from pipeline_project.making.quality_examples import make
from pipeline_project.making.simulator import moire
from pipeline_project.making.simulator.examples import BLUR_RANGES_PX
from pipeline_project.making.simulator.sensor import any_sensor, expose
from pipeline_project.making.simulator.visibility import visibility

MEGAPIXEL = 1_000_000
LEAST_PX = MEGAPIXEL // 2
QUALITIES, USUAL_QUALITY = (50, 60, 70, 80, 90, 95), 90
SIZES_MP = (0.5, 1.0, 2.0, 6.0, 24.0)
NIGHT_LIGHT, NIGHT_SHOT_NOISE, NIGHT_READ_NOISE = 1 / 12, 0.02, 0.004
# Most displays give moiré at once; some combinations of picture and grid never do.
TRIES = 12
BLURS = {"gaussian": gaussian_blur, "defocus": defocus}
MEASURED = [feature.measure for feature in FEATURES]
SCREENSHOTS = ("asset_checks", "job_graph", "lineage", "report", "run")

Made = tuple[str, Label, bytes]


def resized(pixels: Pixels, megapixels: float) -> Pixels:
    """The same scene with about so many pixels; as it is where it has fewer."""
    scale = (megapixels * MEGAPIXEL / (pixels.shape[0] * pixels.shape[1])) ** 0.5
    if scale >= 1:
        return pixels
    way = cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=way), np.uint8)


def continued(pixels: Pixels, megapixels: float) -> Pixels:
    """About so many of the same pixels: cut, or continued by mirror images."""
    scale = (megapixels * MEGAPIXEL / (pixels.shape[0] * pixels.shape[1])) ** 0.5
    height, width = (round(side * scale) for side in pixels.shape[:2])
    more = [
        (0, max(0, wanted - side))
        for wanted, side in zip((height, width), pixels.shape, strict=False)
    ]
    return np.ascontiguousarray(np.pad(pixels, [*more, (0, 0)], "symmetric")[:height, :width])


def blurred(pixels: Pixels, kind: str, angle_deg: float) -> Pixels:
    """Blur by the middle of the strengths learned from, more in larger pictures."""
    low, high = BLUR_RANGES_PX[kind]
    grown = max(1.0, (pixels.shape[0] * pixels.shape[1] / MEGAPIXEL) ** 0.5)
    strength_px = (low * high) ** 0.5 * grown
    if kind == "motion":
        return motion_blur(pixels, strength_px, angle_deg)
    return BLURS[kind](pixels, strength_px)


def with_moire(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels] | None:
    """Photograph it off a display until moiré is seen; also the same without it."""
    for _ in range(TRIES):
        made, plain = moire.spoil(pixels, "display", rng)
        if visibility(decoded(jpeg(made, USUAL_QUALITY)), made, plain) >= 1:
            return made, plain
    return None


def jpeg(pixels: Pixels, quality: int) -> bytes:
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def decoded(coded: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def made_of(pixels: Pixels, rng: np.random.Generator) -> Iterator[Made]:
    """All pictures of one photograph: condition, label, JPEG."""
    base = resized(pixels, 1.0)
    kind, angle_deg = str(rng.choice(["gaussian", "defocus", "motion"])), float(rng.uniform(0, 180))
    soft, found = blurred(base, kind, angle_deg), with_moire(base, rng)
    for quality in QUALITIES:
        name = f"JPEG quality {quality}"
        yield name, "sharp", jpeg(base, quality)
        yield name, "blur", jpeg(soft, quality)
        if found:
            coded = jpeg(found[0], quality)
            if visibility(decoded(coded), *found) >= 1:
                yield name, "moire", coded
    for size in SIZES_MP:
        name = f"{size:g} megapixels"
        scene = continued(resized(pixels, size), size)
        yield name, "sharp", jpeg(scene, USUAL_QUALITY)
        yield name, "blur", jpeg(blurred(scene, kind, angle_deg), USUAL_QUALITY)
        if found:
            yield name, "moire", jpeg(continued(found[0], size), USUAL_QUALITY)
    sensor = replace(any_sensor(rng), shot_noise=NIGHT_SHOT_NOISE, read_noise=NIGHT_READ_NOISE)
    for label, each in {"sharp": base, "blur": soft}.items():
        dark = to_pixels(expose(to_light(each) * np.float32(NIGHT_LIGHT), sensor, rng))
        yield "night", label, jpeg(dark, USUAL_QUALITY)


def measured(source: corpus.Source, packages: Path) -> list[tuple[str, Labelled]]:
    """Make and measure all pictures of one photograph."""
    cv2.setNumThreads(1)
    pixels = corpus.read(source, packages)
    if pixels.shape[0] * pixels.shape[1] < LEAST_PX:
        return []
    reader, rows = LocalMediaReader(), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.jpg"
        for name, label, coded in made_of(pixels, np.random.default_rng([source.seed, 50])):
            path.write_bytes(coded)
            measures = measure_picture(read_for_measures(reader, path, 3, colour=False), MEASURED)
            rows.append((name, Labelled(measures, label, source.scene, fitted=False)))
    return rows


def table(rows: list[tuple[str, Labelled]], right: np.ndarray) -> str:
    """Recall of each label by condition."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for (name, each), hit in zip(rows, right.tolist(), strict=True):
        found[name][each.label].append(hit)
    lines = [f"| recall | {' | '.join(LABELS)} |", "|---" * (1 + len(LABELS)) + "|"]
    for name, labels in found.items():
        cells = [
            f"{np.mean(labels[label]):.2f} of {len(labels[label])}" if labels[label] else ""
            for label in LABELS
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def screenshots() -> str:
    """What the shipped default says of pictures of a screen that no camera took."""
    judge, reader, lines = classifier("default"), LocalMediaReader(), []
    folder = Path(__file__).resolve().parent.parent / "images"
    for name in SCREENSHOTS:
        picture = read_for_measures(reader, folder / f"{name}.png", 3, colour=False)
        given = judge.classify(measure_picture(picture, MEASURED))
        lines.append(f"| {name}.png | {given.label} | {given.p_sharp:.2f} |")
    return "\n".join(["| screenshot | label | P(sharp) |", "|---|---|---|", *lines])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--packages", type=Path, required=True, help="unpacked Debian packages")
    options.add_argument("--work", type=Path, default=WORK, help="where examples are kept")
    options.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    asked = options.parse_args()
    folder, pictures = make(asked.work, asked.packages)
    found, _ = labelled(folder, pictures, asked.work)
    sources = [each for each in corpus.sources() if each.kind == "photograph"]
    with ProcessPoolExecutor(asked.workers) as pool:
        jobs = [pool.submit(measured, each, asked.packages) for each in sources]
        rows = [row for job in jobs for row in job.result()]
    given = cross_validate([*found, *(each for _, each in rows)])[len(found) :]
    truth = np.array([LABELS.index(each.label) for _, each in rows])
    print(f"{len({each.scene for _, each in rows})} scenes\n")
    print(table(rows, given.argmax(axis=1) == truth), f"\n\n{screenshots()}\n")
    print(machine("numpy", "scikit-learn", "opencv-python-headless"))


if __name__ == "__main__":
    main()
