"""Moiré without a display: a texture finer than the pixels that see it, and careless shrinking."""

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.records import Pixels
from pipeline_project.making.degrade import Light, to_light, to_pixels

Field = npt.NDArray[np.float32]


def smooth_field(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> Field:
    """Return smooth random hills, shape as given, about -1 to 1, `cells` of them across."""
    rows = max(2, round(cells * shape[0] / max(shape)))
    columns = max(2, round(cells * shape[1] / max(shape)))
    hills = rng.standard_normal((rows + 2, columns + 2)).astype(np.float32)
    grown = cv2.resize(hills, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown / max(float(np.abs(grown).max()), 1e-6), np.float32)


def wear_fabric(
    pixels: Pixels,
    cycles_per_px: float,
    depth: float,
    share: float,
    rng: np.random.Generator,
) -> Light:
    """Clothe a part of the picture in a weave that the sensor cannot resolve.

    Args:
        pixels: the picture.
        cycles_per_px: of the threads, above 0.5 for aliasing.
        depth: dark between threads, 0 to 1.
        share: of the picture that is clothed, 0 to 1.
        rng: source of direction, folds and place.

    Returns:
        The light that point-like sensor pixels see; size stays.
    """
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    # Folds bend the threads: the phase wanders by some periods over the picture.
    reach = 0.006 * max(height, width)
    bent_x = x + reach * smooth_field((height, width), int(rng.integers(2, 5)), rng)
    bent_y = y + reach * smooth_field((height, width), int(rng.integers(2, 5)), rng)
    angle = rng.uniform(0, np.pi)
    along = bent_x * np.cos(angle) + bent_y * np.sin(angle)
    across = bent_y * np.cos(angle) - bent_x * np.sin(angle)
    threads = np.cos(2 * np.pi * cycles_per_px * along)
    if rng.random() < 0.7:
        other = cycles_per_px * rng.uniform(0.9, 1.1)
        threads = 0.5 * (threads + np.cos(2 * np.pi * other * across))
    weave = 1 + depth * 0.5 * (threads - 1)
    place = smooth_field((height, width), 3, rng)
    edge = np.quantile(place, 1 - share)
    worn = np.clip((place - edge) * 12 + 0.5, 0, 1) if share < 1 else np.ones_like(place)
    return np.asarray(to_light(pixels) * (1 + worn * (weave - 1))[..., None], np.float32)


def shrink_carelessly(pixels: Pixels, factor: float, rng: np.random.Generator) -> Pixels:
    """Take every `factor`-th pixel of a picture behind a fine screen, without a low-pass.

    The picture is first shown enlarged behind a screen of fine lines or dots of a period near
    the step, as on a scanned print, a video wall or a window's insect net, and then decimated.
    """
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) * np.float32(factor)
    period = factor * rng.uniform(0.75, 1.35)
    angle = rng.uniform(-0.2, 0.2) + rng.choice([0.0, np.pi / 4, np.pi / 2])
    half = factor * max(height, width) / 2
    tilt = (
        1
        + rng.uniform(-0.05, 0.05) * (x - half) / half
        + rng.uniform(-0.05, 0.05) * (y - half) / half
    )
    along = (x * np.cos(angle) + y * np.sin(angle)) / period / tilt
    across = (y * np.cos(angle) - x * np.sin(angle)) / period / tilt
    open_share = rng.uniform(0.55, 0.9)
    ramp = factor / period
    lines = _soft_square(along, open_share, ramp)
    if rng.random() < 0.7:
        lines = lines * _soft_square(across, open_share, ramp)
    dark = rng.uniform(0.3, 0.8)
    return to_pixels(np.asarray(to_light(pixels) * (1 - dark * (1 - lines))[..., None], np.float32))


def _soft_square(phase: Field, open_share: float, ramp: float) -> Field:
    """Open for a share of each period, its edges as soft as a fifth of a sample step."""
    away = np.abs(phase - np.round(phase))
    return np.asarray(np.clip((open_share / 2 - away) / (0.2 * ramp) + 0.5, 0, 1), np.float32)
