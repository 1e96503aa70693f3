"""Ways in which a camera spoils a picture: motion, defocus, softness, and a photographed screen.

All take and give RGB uint8, shape (height, width, 3), and keep size and mean brightness. Light
is mixed in linear light, as a lens and a sensor do, not in the gamma-coded pixel values.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.records import Pixels

Light = npt.NDArray[np.float32]

GAMMA = 2.2
# Samples along each side of one display pixel: two per colour stripe.
CELL_SAMPLES = 6


def to_light(pixels: Pixels) -> Light:
    """Undo the gamma coding: float32, 0 to 1, proportional to light."""
    levels = (np.arange(256, dtype=np.float32) / 255) ** GAMMA
    return np.asarray(levels[pixels], np.float32)


def to_pixels(light: Light) -> Pixels:
    """Apply the gamma coding; what is beyond 0 and 1 is cut."""
    coded = np.clip(light, 0, 1) ** (1 / GAMMA)
    return np.asarray(np.rint(coded * 255), np.uint8)


def motion_blur(pixels: Pixels, length_px: float, angle_deg: float) -> Pixels:
    """Move the camera evenly along a straight line while the shutter is open.

    Args:
        pixels: the picture.
        length_px: length of the line.
        angle_deg: its direction, 0 to the right, 90 down.
    """
    side = 2 * math.ceil(length_px / 2) + 1
    kernel = np.zeros((side, side), np.float32)
    reach_x = length_px / 2 * math.cos(math.radians(angle_deg))
    reach_y = length_px / 2 * math.sin(math.radians(angle_deg))
    # Many points of the line, each shared among the four pixels around it.
    for along in np.linspace(-1, 1, 8 * side):
        x, y = side // 2 + along * reach_x, side // 2 + along * reach_y
        left, top = min(int(x), side - 2), min(int(y), side - 2)
        right_part, low_part = x - left, y - top
        kernel[top, left] += (1 - right_part) * (1 - low_part)
        kernel[top, left + 1] += right_part * (1 - low_part)
        kernel[top + 1, left] += (1 - right_part) * low_part
        kernel[top + 1, left + 1] += right_part * low_part
    return _convolve(pixels, kernel)


def defocus(pixels: Pixels, radius_px: float) -> Pixels:
    """Spread every point over a disc, as a lens out of focus does."""
    side = 2 * math.ceil(radius_px) + 1
    across = np.arange(side, dtype=np.float32) - side // 2
    distance = np.hypot(across[:, None], across[None, :])
    return _convolve(pixels, np.clip(radius_px + 0.5 - distance, 0, 1))


def gaussian_blur(pixels: Pixels, sigma_px: float) -> Pixels:
    """Soften with a Gaussian of this standard deviation."""
    return to_pixels(_as_light(cv2.GaussianBlur(to_light(pixels), (0, 0), sigma_px)))


def sharpen(pixels: Pixels, amount: float, sigma_px: float = 1.0) -> Pixels:
    """Add back `amount` times what a Gaussian takes away, as cameras do to their own pictures."""
    values = pixels.astype(np.float32)
    soft = cv2.GaussianBlur(values, (0, 0), sigma_px)
    return np.asarray(np.clip(np.rint(values + amount * (values - soft)), 0, 255), np.uint8)


def tone(pixels: Pixels, rgb: tuple[float, float, float]) -> Pixels:
    """Give a gray photograph one colour and keep its luma (up to what a channel can hold).

    Args:
        pixels: three equal channels.
        rgb: the colour; only its hue and saturation matter.
    """
    luma = float(np.dot(rgb, (0.299, 0.587, 0.114)))
    toned = pixels * (np.array(rgb) / luma)
    return np.asarray(np.clip(np.rint(toned), 0, 255), np.uint8)


@dataclass(frozen=True, slots=True)
class ScreenShot:
    """How a picture on an LCD screen is photographed.

    Attributes:
        camera_px_per_display_px: 0.9 to 2.6; the nearer to 1, the coarser the bands.
        psf_sigma_px: softness of the lens in camera pixels, 0.3 to 0.8.
        rotation_deg: of the camera against the screen.
        perspective_x: tilt, as in the last row of a homography, per display sample.
        perspective_y: the same from top to bottom.
        shift_px: how far the camera is moved aside.
        noise: standard deviation of the sensor's noise at full light.
        subpixel_contrast: 1 keeps the stripes of the screen as they are, 0 hides them.
    """

    camera_px_per_display_px: float
    psf_sigma_px: float
    rotation_deg: float
    perspective_x: float = 0.0
    perspective_y: float = 0.0
    shift_px: float = 0.0
    noise: float = 0.008
    subpixel_contrast: float = 1.0


def photograph_screen(pixels: Pixels, shot: ScreenShot, rng: np.random.Generator) -> Pixels:
    """Show the picture on an LCD screen and photograph that: moiré.

    Each display pixel is three vertical stripes, red, green and blue, over a dark row. The lens
    softens it, the camera is turned and tilted, and a sensor with a red, green or blue filter
    over each pixel (RGGB) samples it. Where the two grids beat, coloured bands appear.

    Args:
        pixels: the picture shown; the photograph has the same size and mean light.
        shot: how it is photographed.
        rng: source of the sensor's noise.
    """
    height, width = pixels.shape[:2]
    scale = shot.camera_px_per_display_px
    # The screen goes on past the picture's edge, so that a turned camera sees no border.
    margin = 0.14
    shown = cv2.resize(
        cv2.copyMakeBorder(
            pixels, *_margins(height, margin), *_margins(width, margin), cv2.BORDER_REFLECT_101
        ),
        (round(width * (1 + 2 * margin) / scale), round(height * (1 + 2 * margin) / scale)),
        interpolation=cv2.INTER_AREA,
    )
    lit = _stripes(to_light(np.asarray(shown, np.uint8)), shot.subpixel_contrast)
    soft = cv2.GaussianBlur(lit, (0, 0), shot.psf_sigma_px * CELL_SAMPLES / scale)
    view = cv2.warpPerspective(
        soft,
        _view(shot, lit.shape, (height, width)),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    seen = _as_light(view)
    seen *= float(to_light(pixels).mean()) / max(float(seen.mean()), 1e-6)
    return to_pixels(_through_sensor(seen, shot.noise, rng))


def through_camera(pixels: Pixels, noise: float, rng: np.random.Generator) -> Pixels:
    """Photograph the scene itself with the same sensor: a sharp picture's fair counterpart."""
    return to_pixels(_through_sensor(to_light(pixels), noise, rng))


def _margins(side_px: int, share: float) -> tuple[int, int]:
    return (round(side_px * share), round(side_px * share))


def _stripes(shown: Light, contrast: float) -> Light:
    """Draw each display pixel as stripes; shape grows by CELL_SAMPLES along both axes."""
    cell = np.zeros((CELL_SAMPLES, CELL_SAMPLES, 3), np.float32)
    for colour in range(3):
        cell[:, 2 * colour, colour] = 1.0
        cell[:, 2 * colour + 1, colour] = 0.55
    cell[-1] = 0
    cell = contrast * cell + (1 - contrast) * cell.mean(axis=(0, 1))
    large = shown.repeat(CELL_SAMPLES, axis=0).repeat(CELL_SAMPLES, axis=1)
    return np.asarray(large * np.tile(cell, (*shown.shape[:2], 1)), np.float32)


def _view(
    shot: ScreenShot, lit_shape: tuple[int, ...], seen_shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Homography from display samples to camera pixels, centre to centre."""
    scale = shot.camera_px_per_display_px / CELL_SAMPLES
    turn = math.radians(shot.rotation_deg)
    to_centre = np.array(
        [[1, 0, -lit_shape[1] / 2], [0, 1, -lit_shape[0] / 2], [0, 0, 1]], np.float64
    )
    turned = np.array(
        [
            [scale * math.cos(turn), -scale * math.sin(turn), 0],
            [scale * math.sin(turn), scale * math.cos(turn), 0],
            [shot.perspective_x, shot.perspective_y, 1],
        ]
    )
    back = np.array(
        [
            [1, 0, seen_shape[1] / 2 + shot.shift_px],
            [0, 1, seen_shape[0] / 2 + shot.shift_px],
            [0, 0, 1],
        ]
    )
    return np.asarray(back @ turned @ to_centre, np.float64)


def _through_sensor(light: Light, noise: float, rng: np.random.Generator) -> Light:
    """Sample with RGGB filters, add noise that grows with the square root of light, demosaic."""
    mosaic = np.empty(light.shape[:2], np.float32)
    mosaic[0::2, 0::2] = light[0::2, 0::2, 0]
    mosaic[0::2, 1::2] = light[0::2, 1::2, 1]
    mosaic[1::2, 0::2] = light[1::2, 0::2, 1]
    mosaic[1::2, 1::2] = light[1::2, 1::2, 2]
    mosaic += (
        noise * np.sqrt(np.maximum(mosaic, 0)) * rng.standard_normal(mosaic.shape, dtype=np.float32)
    )
    # 16 bits, as demosaicing takes integers and raw sensors give 12 to 14 bits.
    raw = np.rint(np.clip(mosaic, 0, 1) * 65535).astype(np.uint16)
    # OpenCV names the pattern by its second row and column: BG there is RGGB here.
    return _as_light(cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2RGB) / 65535)


def _convolve(pixels: Pixels, kernel: npt.NDArray[np.float32]) -> Pixels:
    spread = cv2.filter2D(
        to_light(pixels), -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101
    )
    return to_pixels(_as_light(spread))


def _as_light(values: npt.NDArray[Any]) -> Light:
    return np.asarray(values, np.float32)
