"""Blur by a hand that shakes: the camera's path while the shutter is open, straight or curved.

The other blurs, by a straight even motion, by a lens out of focus and by a Gaussian, are in
`making/degrade.py`.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.records import Pixels
from pipeline_project.making.degrade import to_light, to_pixels


def shake_kernel(
    length_px: float, turn_rad: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return how long the light stays where, for a camera that moves along a curved path.

    Args:
        length_px: length of the path.
        turn_rad: by how much its direction changes from beginning to end.
        rng: source of the first direction and of the pace.

    Returns:
        Odd square shape, float32, centred on the path, sum 1.
    """
    steps = max(32, 8 * math.ceil(length_px))
    start = rng.uniform(0, 2 * math.pi)
    heading = start + turn_rad * np.linspace(0, 1, steps) ** rng.uniform(0.7, 1.5)
    # The hand slows down and speeds up, but never by more than a half.
    pace = 1 + 0.5 * np.sin(rng.uniform(0, 2 * math.pi) + np.linspace(0, math.pi, steps))
    pace *= length_px / pace.sum()
    x, y = np.cumsum(pace * np.cos(heading)), np.cumsum(pace * np.sin(heading))
    x, y = x - (x.min() + x.max()) / 2, y - (y.min() + y.max()) / 2
    side = 2 * math.ceil(max(np.ptp(x), np.ptp(y)) / 2 + 1) + 1
    kernel = np.zeros((side, side), np.float32)
    left, top = np.floor(x + side // 2).astype(int), np.floor(y + side // 2).astype(int)
    right_part, low_part = x + side // 2 - left, y + side // 2 - top
    # Each point of the path is shared among the four pixels around it.
    for down, across, part in (
        (0, 0, (1 - right_part) * (1 - low_part)),
        (0, 1, right_part * (1 - low_part)),
        (1, 0, (1 - right_part) * low_part),
        (1, 1, right_part * low_part),
    ):
        np.add.at(kernel, (top + down, left + across), part)
    return np.asarray(kernel / kernel.sum(), np.float32)


def shake_blur(
    pixels: Pixels, length_px: float, turn_rad: float, rng: np.random.Generator
) -> Pixels:
    """Blur by a shaking hand; see `shake_kernel`."""
    kernel = shake_kernel(length_px, turn_rad, rng)
    spread = cv2.filter2D(to_light(pixels), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return to_pixels(np.asarray(spread, np.float32))
