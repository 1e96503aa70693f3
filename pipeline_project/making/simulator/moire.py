"""Moiré-ridden pictures of a given one, with the same one without the pattern beside each.

Whether a person sees the pattern is decided in `visibility.py`; `examples.py` tries again until
one does.
"""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from pipeline_project.core.records import Pixels
from pipeline_project.making import degrade
from pipeline_project.making.degrade import Light, ScreenShot, to_light, to_pixels
from pipeline_project.making.simulator import aliasing, screen
from pipeline_project.making.simulator.screen import LAYOUTS, Screen
from pipeline_project.making.simulator.sensor import Sensor, any_sensor, expose

KINDS = ("display", "display, other optics", "fabric", "undersampled", "display, shrunk")
SHARES = (0.46, 0.18, 0.1, 0.13, 0.13)


def any_kind(rng: np.random.Generator) -> str:
    """Draw one of `KINDS`."""
    return KINDS[int(rng.choice(len(KINDS), p=SHARES))]


def spoil(pixels: Pixels, kind: str, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Return the picture with moiré of this kind, visible or not, and without it; both RGB."""
    return _MAKERS[kind](pixels, rng)


def _developed(
    light: Light, plain: Light, sensor: Sensor | None, rng: np.random.Generator
) -> tuple[Pixels, Pixels]:
    """Send both through one sensor with the same noise, which so cancels in their difference."""
    if sensor is None:
        return to_pixels(light), to_pixels(plain)
    seed = int(rng.integers(2**32))
    one, other = (
        to_pixels(expose(each, sensor, np.random.default_rng(seed))) for each in (light, plain)
    )
    return one, other


def _sensor(rng: np.random.Generator, bayer_share: float) -> Sensor | None:
    return any_sensor(rng) if rng.random() < bayer_share else None


def _display(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    scale = float(np.exp(rng.uniform(np.log(0.7), np.log(2.6))))
    shown = Screen(
        layout=LAYOUTS[int(rng.choice(len(LAYOUTS), p=(0.4, 0.12, 0.1, 0.14, 0.12, 0.12)))],
        camera_px_per_display_px=scale,
        # A grid that the lens blurs by more than 0.4 of its period is not seen any more.
        psf_sigma_px=max(0.12, float(rng.uniform(0.08, 0.4)) * scale),
        gap=float(rng.uniform(0.05, 0.3)),
        rotation_rad=float(np.radians(rng.uniform(-15, 15))),
        perspective=(float(rng.uniform(-0.12, 0.12)), float(rng.uniform(-0.12, 0.12))),
        contrast=float(rng.uniform(0.6, 1)),
    )
    light, plain = screen.photograph(pixels, shown)
    return _developed(light, plain, _sensor(rng, 0.9), rng)


def _other_optics(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    shot = ScreenShot(
        camera_px_per_display_px=float(rng.uniform(0.9, 2.6)),
        psf_sigma_px=float(rng.uniform(0.25, 0.8)),
        rotation_deg=float(rng.uniform(-12, 12)),
        perspective_x=float(rng.uniform(-6e-5, 6e-5)),
        perspective_y=float(rng.uniform(-6e-5, 6e-5)),
        shift_px=float(rng.uniform(-10, 10)),
        noise=float(rng.uniform(0.004, 0.02)),
    )
    seed = int(rng.integers(2**32))
    one, other = (
        degrade.photograph_screen(
            pixels, replace(shot, subpixel_contrast=contrast), np.random.default_rng(seed)
        )
        for contrast in (1.0, 0.0)
    )
    return one, other


def _fabric(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    light = aliasing.wear_fabric(
        pixels,
        cycles_per_px=float(rng.uniform(0.68, 1.32)),
        depth=float(rng.uniform(0.25, 0.8)),
        share=float(rng.choice([1.0, rng.uniform(0.35, 0.9)])),
        rng=rng,
    )
    plain = to_light(pixels)
    gain = float(plain.mean()) / max(float(light.mean()), 1e-6)
    return _developed(np.asarray(light * gain, np.float32), plain, _sensor(rng, 0.8), rng)


def _undersampled(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    made = aliasing.shrink_carelessly(pixels, float(rng.choice([2, 2.5, 3, 4])), rng)
    plain = to_light(pixels)
    light = to_light(made)
    gain = float(light.mean()) / max(float(plain.mean()), 1e-6)
    return _developed(light, np.asarray(plain * gain, np.float32), _sensor(rng, 0.4), rng)


def _shrunk(pixels: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """A photographed display that was made smaller afterwards; coarse bands survive that."""
    factor = rng.uniform(0.45, 0.85)
    grown = cv2.resize(pixels, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_CUBIC)
    one, other = _display(np.asarray(grown, np.uint8), rng)
    way = cv2.INTER_AREA if rng.random() < 0.7 else cv2.INTER_LINEAR
    size = (pixels.shape[1], pixels.shape[0])
    return (
        np.asarray(cv2.resize(one, size, interpolation=way), np.uint8),
        np.asarray(cv2.resize(other, size, interpolation=way), np.uint8),
    )


_MAKERS: dict[str, Callable[[Pixels, np.random.Generator], tuple[Pixels, Pixels]]] = {
    "display": _display,
    "display, other optics": _other_optics,
    "fabric": _fabric,
    "undersampled": _undersampled,
    "display, shrunk": _shrunk,
}
