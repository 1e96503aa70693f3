"""Labelled pictures of one source: sharp, blurred, moiré-ridden, each along many paths.

What a person sees at 100 % is labelled, nothing in between: a Gaussian of sigma 1.2 px or more, a
disc of radius 2 px or more, a straight path of 7 px or a
curved one of 10 px or more (in a picture of up to a megapixel; above, in
one shrunk to that), and moiré above the floor of `visibility.py`. Moiré from a half of that
floor up to it is made too, as `faint`: nothing is fitted to it or counted with it, but how much
of it is found is told.

Every label goes the same ways: some straight to a file, most through a sensor, sharpening and
compression. So a label cannot be told by the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline_project.core.records import LABELS, Label, Pixels
from pipeline_project.making.degrade import (
    defocus,
    gaussian_blur,
    motion_blur,
    sharpen,
    to_light,
    to_pixels,
)
from pipeline_project.making.simulator import moire
from pipeline_project.making.simulator.delivery import (
    any_delivery,
    change_tone,
    deliver,
)
from pipeline_project.making.simulator.lens import shake_blur
from pipeline_project.making.simulator.sensor import any_sensor, expose
from pipeline_project.making.simulator.visibility import visibility

BLURS = ("gaussian", "defocus", "motion", "shake")
WORDS = ("weak", "medium", "strong")
# From the floor to the strongest, as standard deviation, radius and length of path, in pixels.
BLUR_RANGES_PX = {
    "gaussian": (1.2, 5.5),
    "defocus": (2.0, 9.5),
    "motion": (7.0, 36.0),
    "shake": (10.0, 40.0),
}
# In units of the floor of `visibility.py`.
FAINT = "faint"
FAINT_FROM, MOIRE_LEVELS = 0.5, (2.0, 4.0)
VIEWS, TRIES_PER_VIEW = 2, 4
JUDGED_PX = 1_000_000
LEAST_PX, MOST_PX, LARGE_PX = 110_000, 1_100_000, 4_200_000
SCREEN_MOST_PX = 300_000


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled picture.

    Attributes:
        label: what it is.
        kind: how it became that; `as it is` for sharp ones.
        strength: weak, medium or strong, or faint, under the floor; empty for sharp ones.
        way: the sensor, if any, and the delivery.
        pixels: RGB, as decoded.
        jpeg: the bytes that it was decoded from, if these are a JPEG.
    """

    label: Label
    kind: str
    strength: str
    way: str
    pixels: Pixels
    jpeg: bytes | None


def examples(picture: Pixels, seed: int, per_label: int) -> Iterator[Example]:
    """Make labelled examples of one sharp picture.

    The same picture and seed give the same examples, one by one.

    Args:
        picture: RGB.
        seed: of this picture alone.
        per_label: as many of each label, but for moiré that stays invisible; for each of moiré
            one more at most that is faint.
    """
    for place, label in enumerate(LABELS):
        for number in range(per_label):
            rng = np.random.default_rng([seed, place, number])
            if label == "moire":
                yield from _moire(picture, rng)
            else:
                yield _sharp_or_blurred(picture, label, number, rng)


def _sharp_or_blurred(
    picture: Pixels, label: Label, number: int, rng: np.random.Generator
) -> Example:
    """Make one example; `number` chooses among kinds of blur."""
    seen = change_tone(any_view(picture, rng, MOST_PX), rng)
    kind, word = "as it is", ""
    if label == "blur":
        kind = BLURS[number % len(BLURS)]
        seen, share = _blurred(seen, kind, rng)
        word = WORDS[min(2, int(3 * share))]
    way = ""
    if rng.random() < 0.7:
        seen = to_pixels(expose(to_light(seen), any_sensor(rng), rng))
        way = "sensor, "
    if rng.random() < 0.35:
        seen = sharpen(seen, float(rng.uniform(0.2, 0.9)), float(rng.uniform(0.6, 1.2)))
    how = any_delivery(rng)
    pixels, jpeg = deliver(seen, how, rng)
    return Example(label, kind, word, way + how, pixels, jpeg)


def any_view(picture: Pixels, rng: np.random.Generator, most_px: int) -> Pixels:
    """See the whole picture, or a part of it with something in focus, at a random size."""
    pixels = picture.shape[0] * picture.shape[1]
    if pixels > 2 * most_px > MOST_PX and rng.random() < 0.06:
        most_px = LARGE_PX
        wanted = float(min(pixels, LARGE_PX))
    else:
        most = max(LEAST_PX, min(most_px, pixels))
        wanted = float(np.exp(rng.uniform(np.log(LEAST_PX), np.log(most))))
    whole_scale = min(1.0, (wanted / pixels) ** 0.5)
    # All of it, shrunk, or a part of it, less shrunk.
    scale = float(rng.uniform(whole_scale, 1)) if rng.random() < 0.5 else whole_scale
    shrunk = picture
    if scale < 0.999:
        shrunk = np.asarray(
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    height, width = shrunk.shape[:2]
    if height * width <= 1.05 * wanted:
        return shrunk
    shape = float(np.exp(rng.uniform(np.log(0.75), np.log(1.8))))
    high = min(height, round((wanted / shape) ** 0.5))
    wide = min(width, round(wanted / high))
    return _cut_in_focus(shrunk, high, wide, rng)


def _cut_in_focus(pixels: Pixels, high: int, wide: int, rng: np.random.Generator) -> Pixels:
    """Cut a part with nearly as fine detail as there is; the best of some where none has it."""
    enough, most = 0.3 * _most_detail(pixels), -1.0
    best = pixels
    for _ in range(8):
        top = int(rng.integers(pixels.shape[0] - high + 1))
        left = int(rng.integers(pixels.shape[1] - wide + 1))
        cut = np.ascontiguousarray(pixels[top : top + high, left : left + wide])
        detail = _most_detail(cut)
        if detail > most:
            best, most = cut, detail
        if detail >= enough:
            break
    return best


def _most_detail(pixels: Pixels) -> float:
    """Laplacian variance of the most detailed of 5 x 5 tiles."""
    edges = cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.CV_16S)
    tiles = [tile for rows in np.array_split(edges, 5) for tile in np.array_split(rows, 5, 1)]
    return max(float(tile.var()) for tile in tiles if tile.size)


def _blurred(pixels: Pixels, kind: str, rng: np.random.Generator) -> tuple[Pixels, float]:
    """Blur by a strength between floor and strongest, and say where between, 0 to 1."""
    low, high = BLUR_RANGES_PX[kind]
    share = float(rng.random())
    grown = max(1.0, (pixels.shape[0] * pixels.shape[1] / JUDGED_PX) ** 0.5)
    strength = low * (high / low) ** share * grown
    if kind == "gaussian":
        return gaussian_blur(pixels, strength), share
    if kind == "defocus":
        return defocus(pixels, strength), share
    if kind == "motion":
        return motion_blur(pixels, strength, float(rng.uniform(0, 180))), share
    return shake_blur(pixels, strength, float(rng.uniform(-2.5, 2.5)), rng), share


def _moire(picture: Pixels, rng: np.random.Generator) -> list[Example]:
    """Try until moiré is seen; the last that was faint comes along."""
    kind = moire.any_kind(rng)
    most = SCREEN_MOST_PX if kind in ("display, other optics", "display, shrunk") else MOST_PX
    faint: list[Example] = []
    for _ in range(VIEWS):
        view = change_tone(any_view(picture, rng, most), rng)
        for _ in range(TRIES_PER_VIEW):
            made, seen_as = _delivered_moire(view, kind, rng)
            if seen_as >= 1:
                return [*faint, made]
            if seen_as >= FAINT_FROM:
                faint = [made]
    return faint


def _delivered_moire(view: Pixels, kind: str, rng: np.random.Generator) -> tuple[Example, float]:
    """One try, and how clearly its moiré is seen once it was sharpened and compressed."""
    made, plain = moire.spoil(view, kind, rng)
    seen = made
    if rng.random() < 0.35:
        seen = sharpen(seen, float(rng.uniform(0.2, 0.9)), float(rng.uniform(0.6, 1.2)))
    how = any_delivery(rng)
    pixels, jpeg = deliver(seen, how, rng)
    clear = visibility(pixels, made, plain)
    word = WORDS[sum(clear >= level for level in MOIRE_LEVELS)] if clear >= 1 else FAINT
    return Example("moire", kind, word, how, pixels, jpeg), clear
