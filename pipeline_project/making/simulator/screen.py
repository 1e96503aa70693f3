"""Moiré by photographing a display: the grid of its sub-pixels beats with that of the sensor.

The display's light is worked out where the sensor looks, from one period of the grid that the
lens and the area of a sensor pixel have already softened. So no grid is ever sampled too
coarsely but by the sensor itself, whose doing the moiré is.
"""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from pipeline_project.core.records import Pixels
from pipeline_project.making.degrade import Light, to_light

Layout = Literal["rgb", "bgr", "vertical", "pentile", "delta", "mono"]
LAYOUTS: tuple[Layout, ...] = ("rgb", "bgr", "vertical", "pentile", "delta", "mono")
# Samples along each side of the two by two display pixels that every layout repeats after.
CELL = 96
# Part of the side of a sensor pixel that takes light.
LIT_SIDE_PX = 0.8


@dataclass(frozen=True, slots=True)
class Screen:
    """A display and how the camera stands before it.

    Attributes:
        layout: arrangement of the sub-pixels; `mono` is a plain grid of dark lines.
        camera_px_per_display_px: 0.7 to 2.6.
        psf_sigma_px: softness of the lens in camera pixels.
        gap: share of a display pixel that is dark between rows, and a third of it between
            sub-pixels.
        rotation_rad: of the camera against the display.
        perspective: change of scale over the picture's half width, right and down.
        contrast: 1 shows the grid as it is, 0 hides it.
    """

    layout: Layout
    camera_px_per_display_px: float
    psf_sigma_px: float
    gap: float
    rotation_rad: float
    perspective: tuple[float, float]
    contrast: float = 1.0


def grid(layout: Layout, gap: float) -> Light:
    """Return two by two display pixels as they shine for white, mean 1 in each channel."""
    half = CELL // 2
    y, x = np.mgrid[0:CELL, 0:CELL] / half
    column, row = np.floor(x), np.floor(y)
    across, down = x - column, y - row
    lit = np.zeros((CELL, CELL, 3), np.float32)
    if layout == "vertical":
        across, down = down, across
    if layout == "delta":
        across = (across + 0.5 * (row % 2)) % 1
    if layout == "mono":
        lit[:] = ((across >= gap) & (down >= gap))[..., None]
    elif layout == "pentile":
        # Green in each pixel, red and blue in every other one.
        lit[..., 1] = (np.abs(across - 0.25) < 0.2) & (down >= gap)
        even = (column + row) % 2 == 0
        diamond = np.abs(across - 0.75) + np.abs(down - 0.5) < 0.4
        lit[..., 0], lit[..., 2] = diamond & even, diamond & ~even
    else:
        for channel in range(3):
            place = 2 - channel if layout == "bgr" else channel
            inside = (across >= place / 3 + gap / 6) & (across < (place + 1) / 3 - gap / 6)
            lit[..., channel] = inside & (down >= gap)
    return np.asarray(lit / lit.mean(axis=(0, 1)), np.float32)


def photograph(pixels: Pixels, screen: Screen) -> tuple[Light, Light]:
    """Return the light on the sensor when the picture is on the display, with and without grid.

    Args:
        pixels: what the display shows, RGB.
        screen: the display, the lens and where the camera is.

    Returns:
        Two arrays of the picture's size and mean light: as it is seen, and as it would be seen
        if the display had no grid.
    """
    height, width = pixels.shape[:2]
    across, down, growth = _seen(screen, height, width)
    scale = screen.camera_px_per_display_px
    # What the display can show of the picture, and what the lens leaves of it.
    shown = cv2.resize(
        pixels,
        (max(2, round(width / scale)), max(2, round(height / scale))),
        interpolation=cv2.INTER_AREA,
    )
    shown_light = cv2.GaussianBlur(
        to_light(np.asarray(shown, np.uint8)), (0, 0), max(0.3, screen.psf_sigma_px / scale)
    )
    middle_x, middle_y = shown.shape[1] / 2, shown.shape[0] / 2
    picture = cv2.remap(
        shown_light,
        (across + middle_x - 0.5).astype(np.float32),
        (down + middle_y - 0.5).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    period_px = scale * float(np.median(growth))
    softened = _soften(grid(screen.layout, screen.gap), screen, period_px)
    lit = cv2.remap(
        np.pad(softened, ((0, 1), (0, 1), (0, 0)), mode="wrap"),
        ((across % 2) * CELL / 2).astype(np.float32),
        ((down % 2) * CELL / 2).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    shone = picture * (1 + screen.contrast * (lit - 1))
    gain = float(to_light(pixels).mean()) / max(float(shone.mean()), 1e-6)
    return np.asarray(shone * gain, np.float32), np.asarray(picture * gain, np.float32)


def _seen(screen: Screen, height: int, width: int) -> tuple[Light, Light, Light]:
    """Where on the display each sensor pixel looks, in display pixels from its middle."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x - np.float32(width / 2 - 0.5), y - np.float32(height / 2 - 0.5)
    half = max(height, width) / 2
    tilt = 1 + (screen.perspective[0] * x + screen.perspective[1] * y) / half
    cos, sin = math.cos(screen.rotation_rad), math.sin(screen.rotation_rad)
    scale = screen.camera_px_per_display_px
    return (cos * x - sin * y) / tilt / scale, (sin * x + cos * y) / tilt / scale, tilt


def _soften(lit: Light, screen: Screen, period_px: float) -> Light:
    """Blur the grid by the lens and by the area of one sensor pixel."""
    samples_per_px = CELL / 2 / period_px
    # A square has a standard deviation of its side over the root of 12.
    sigma = samples_per_px * float(np.hypot(screen.psf_sigma_px, LIT_SIDE_PX / 12**0.5))
    tiled = np.tile(lit, (3, 3, 1))
    soft = cv2.GaussianBlur(tiled, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(soft[CELL : 2 * CELL, CELL : 2 * CELL], np.float32)
