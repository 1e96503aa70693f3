"""Train the `talk` classifier and print how good it is on photographs it never saw.

Run it with `python -m pipeline_project.making.talk_classifier`; it writes
`core/quality/talk.json`. Takes some minutes.

Examples are crops of natural photographs (see `photographs.py`), in three sizes, each sharp,
blurred and photographed off a screen; one half are still images behind JPEG, the other half the
last frames of short camera moves behind H.264 at the sample's settings. Crops and moves are
drawn at random, so none is one of the sample's, though the photographs are partly the same.
Every label gets the same number of examples of every photograph, and the priors are equal.

Trained again, the parameters agree to three digits: OpenCV's last rounding depends on where
arrays lie in memory.

The figures are leave-one-photograph-out: each photograph is labelled by parameters fitted to
all the others.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline_project.core.quality import registry
from pipeline_project.core.quality.classifier_bayes import from_parameters
from pipeline_project.core.quality.classifier_features import Feature, feature_values
from pipeline_project.core.records import LABELS, Label, Pixels
from pipeline_project.making import photographs
from pipeline_project.making.camera_moves import View, between, see
from pipeline_project.making.degrade import (
    ScreenShot,
    defocus,
    gaussian_blur,
    motion_blur,
    photograph_screen,
    through_camera,
)
from pipeline_project.making.h264 import read_video, write_video

SEED = 20260101
VERSION = "1"
EXAMPLES_PER_LABEL = 12
SIZES_PX = ((640, 360), (480, 480), (320, 240))
MOVE_FRAMES = 4
FEATURES = (
    Feature("laplacian_variance", "log", -np.inf, np.inf),
    Feature("sobel_variance", "log", -np.inf, np.inf),
    Feature("fft_high_frequency", "linear", -np.inf, np.inf),
)


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled frame: which photograph it shows and what was measured."""

    photo: str
    label: Label
    moving: bool
    measures: Mapping[str, float]


def examples(photo: str, count: int = EXAMPLES_PER_LABEL, seed: int = SEED) -> Iterator[Example]:
    """Make `count` examples per label of one photograph, half stills, half video.

    The same name, count and seed give the same examples, but for a last rounding of OpenCV.
    """
    rng = np.random.default_rng([seed, sorted(photographs.FILES).index(photo)])
    pixels = photographs.photograph(photo)
    for number in range(count):
        moving = number % 2 == 1
        size = SIZES_PX[number // 2 % len(SIZES_PX)]
        for label in LABELS:
            frames = _move(pixels, size, rng, MOVE_FRAMES if moving else 1)
            spoiled = _spoil(frames, label, rng)
            seen = _through_h264(spoiled) if moving else _through_jpeg(spoiled[0], rng)
            yield Example(photo, label, moving, registry.measure_frame(seen))


def fit(found: list[Example]) -> dict[str, Any]:
    """Return the parameters of a Gaussian naive Bayes with equal priors, as they are stored."""
    values = feature_values(FEATURES, [example.measures for example in found])
    labels = np.array([example.label for example in found])
    by_label = [values[labels == label] for label in LABELS]
    features = [
        asdict(replace(feature, low=round(low, 4), high=round(high, 4)))
        for feature, low, high in zip(
            FEATURES, values.min(axis=0).tolist(), values.max(axis=0).tolist(), strict=True
        )
    ]
    return {
        "name": "talk",
        "version": VERSION,
        "features": features,
        "labels": list(LABELS),
        "means": [np.round(rows.mean(axis=0), 4).tolist() for rows in by_label],
        "variances": [np.round(rows.var(axis=0), 4).tolist() for rows in by_label],
        "priors": [1 / len(LABELS)] * len(LABELS),
    }


def cross_validate(found: list[Example]) -> str:
    """Return a table of leave-one-photograph-out results: true labels down, given across."""
    counts = np.zeros((len(LABELS), len(LABELS)), int)
    acted = np.zeros(len(LABELS), int)
    for photo in sorted({example.photo for example in found}):
        model = from_parameters(fit([example for example in found if example.photo != photo]))
        held = [example for example in found if example.photo == photo]
        for example, given in zip(
            held, model.classify_many([example.measures for example in held]), strict=True
        ):
            row = LABELS.index(example.label)
            counts[row, LABELS.index(given.label)] += 1
            acted[row] += max(given.p_blur, given.p_moire) >= 0.8
    lines = [f"{'true':>8}" + "".join(f"{label:>8}" for label in LABELS) + "  blur or moire >= 0.8"]
    for row, label in enumerate(LABELS):
        cells = "".join(f"{count:8d}" for count in counts[row])
        lines.append(f"{label:>8}{cells}{acted[row]:8d} of {counts[row].sum()}")
    lines.append(f"accuracy {np.trace(counts) / counts.sum():.3f}, {counts.sum()} examples")
    return "\n".join(lines)


def main() -> None:
    """Make the examples, print the cross-validation, write the parameters."""
    cv2.setNumThreads(1)
    found = [example for photo in photographs.FILES for example in examples(photo)]
    for title, part in (
        ("all", found),
        ("stills", [example for example in found if not example.moving]),
        ("video", [example for example in found if example.moving]),
    ):
        print(f"leave one photograph out, {title}\n{cross_validate(part)}\n")
    target = Path(registry.__file__).parent / "talk.json"
    target.write_text(json.dumps(fit(found), indent=2) + "\n", "utf-8")
    print(f"wrote {target}")


def _move(
    photo: Pixels, size: tuple[int, int], rng: np.random.Generator, frames: int
) -> list[Pixels]:
    """Take some frames of a slow move at a random place and zoom."""
    width, height = size
    # At most enlarged by 1.3, at most all that the photograph holds in this shape.
    largest = min(photo.shape[1], photo.shape[0] * width / height)
    start_width = rng.uniform(min(width / 1.3, 0.7 * largest), largest)

    def anywhere(view_width: float) -> View:
        reach_x, reach_y = view_width / 2, view_width * height / width / 2
        return View(
            rng.uniform(reach_x, max(photo.shape[1] - reach_x, reach_x + 1e-6)),
            rng.uniform(reach_y, max(photo.shape[0] - reach_y, reach_y + 1e-6)),
            view_width,
        )

    start = anywhere(start_width)
    end = View(
        start.centre_x_px + rng.uniform(-2, 2) * frames,
        start.centre_y_px + rng.uniform(-1, 1) * frames,
        start_width * rng.uniform(0.98, 1.02),
    )
    shares = np.linspace(0, 1, frames)
    return [see(photo, between(start, end, float(share)), width, height) for share in shares]


def _spoil(frames: list[Pixels], label: Label, rng: np.random.Generator) -> list[Pixels]:
    """Spoil all frames of one move alike."""
    if label == "blur":
        kind = rng.choice(["motion", "defocus", "gaussian"])
        strength, angle = rng.uniform(0.4, 1), rng.uniform(0, 180)
        if kind == "motion":
            return [motion_blur(frame, 40 * strength, angle) for frame in frames]
        if kind == "defocus":
            return [defocus(frame, 8 * strength) for frame in frames]
        return [gaussian_blur(frame, 5 * strength) for frame in frames]
    if label == "moire":
        shot = ScreenShot(
            camera_px_per_display_px=rng.uniform(1.3, 2.4),
            psf_sigma_px=rng.uniform(0.25, 0.4),
            rotation_deg=rng.uniform(-12, 12),
            perspective_x=rng.uniform(-6e-5, 6e-5),
            perspective_y=rng.uniform(-6e-5, 6e-5),
            noise=rng.uniform(0.004, 0.02),
        )
        return [photograph_screen(frame, shot, rng) for frame in frames]
    if rng.random() < 0.3:
        return [through_camera(frame, rng.uniform(0.004, 0.01), rng) for frame in frames]
    return frames


def _through_h264(frames: list[Pixels]) -> Pixels:
    """Encode as the sample is encoded, and return the last frame."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "move.mp4"
        write_video(path, frames)
        return read_video(path)[-1]


def _through_jpeg(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    quality = int(rng.integers(80, 96))
    encoded = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), np.uint8)


if __name__ == "__main__":
    main()
