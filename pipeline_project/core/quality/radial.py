"""The spectrum over frequency alone, all directions together: its slope, bands and residual."""

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.spectra import Floats, frequencies

# Edges of the rings in cycles per pixel, an octave holding three; the first two rings of 128
# pixels hold the tile's own outline.
_RING_EDGES = np.geomspace(0.02, 0.5, 15)
_BAND_EDGES = (0.02, 0.04, 0.08, 0.16, 0.25, 0.36, 0.5)
BANDS = len(_BAND_EDGES) - 1


def spectral_slope(picture: Picture) -> float:
    """Return the slope of log power against log frequency: nearer to 0 is sharper.

    A straight line through the means of 14 rings of the tiles' mean spectrum, from 0.02 to 0.5
    cycles per pixel.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Natural logarithm of power per natural logarithm of frequency. Sharp photographs have
        about -2, blurred ones -3 to -5, noise 0; a constant image has 0.

    Notes:
        Depends on how many pixels the scene has; compare pictures of one camera.

    References:
        Field (1987), DOI 10.1364/JOSAA.4.002379; Liu, Li, Jia, CVPR 2008,
        DOI 10.1109/CVPR.2008.4587465, feature 1.
    """
    return float(_slope_weights() @ _ring_means(picture))


def spectral_band(number: int) -> Callable[[Picture], float]:
    """Make the measure of one ring of frequencies against the lowest one.

    Args:
        number: 2 to 6, from low to high.
    """

    def band(picture: Picture) -> float:
        """Return mean log power of one band less that of the lowest: higher is sharper."""
        bands = _band_weights() @ picture.spectra.mean.ravel()
        return float(bands[number - 1] - bands[0])

    band.__name__ = f"spectral_band_{number}"
    return band


def radial_residual(picture: Picture) -> float:
    """Return how far the mean spectrum's highest bin stands over its ring: higher is moiré.

    The ring is the mean over all directions at the same frequency; the band is 0.06 to 0.5
    cycles per pixel.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Natural logarithm of a power ratio, 0 or more.

    Notes:
        Straight edges of one direction stand over their ring too, so buildings score higher than
        foliage; `spectral_peak_mean` looks at a bin's neighbours instead.
    """
    table = _rings()
    residual = picture.spectra.mean.ravel() - _ring_means(picture)[table.ring]
    return max(float((residual * table.peak_band).max()), 0.0)


def _ring_means(picture: Picture) -> npt.NDArray[np.float32]:
    return np.asarray(_rings().weights @ picture.spectra.mean.ravel())


class _Rings:
    """Which ring each bin is in, and the weights that give the rings' means."""

    def __init__(self) -> None:
        radius = frequencies().ravel()
        self.ring = np.clip(np.digitize(radius, _RING_EDGES) - 1, 0, len(_RING_EDGES) - 2)
        self.weights = _means(radius, _RING_EDGES)
        self.peak_band = ((radius >= 0.06) & (radius <= 0.5)).astype(np.float32)


@cache
def _rings() -> _Rings:
    return _Rings()


@cache
def _band_weights() -> Floats:
    return _means(frequencies().ravel(), np.array(_BAND_EDGES))


@cache
def _slope_weights() -> Floats:
    """The least-squares slope over ln of the rings' middle frequencies, as one weight a ring."""
    middle = np.log(np.sqrt(_RING_EDGES[1:] * _RING_EDGES[:-1]))
    away = middle - middle.mean()
    return np.asarray(away / (away @ away), np.float32)


def _means(radius: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> Floats:
    inside = (radius >= edges[:-1, None]) & (radius < edges[1:, None])
    return np.asarray(inside / inside.sum(axis=1, keepdims=True), np.float32)
