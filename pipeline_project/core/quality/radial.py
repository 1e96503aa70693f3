"""The spectrum over frequency alone, all directions together: its slope, bands and residual."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.spectra import (
    PEAK_HIGH,
    PEAK_LOW,
    Floats,
    Spectra,
    frequencies,
)

# In cycles per pixel. Two rings make a band.
_RING_EDGES = (0.02, 0.03, 0.04, 0.06, 0.08, 0.11, 0.16, 0.2, 0.25, 0.3, 0.36, 0.43, 0.5)


def spectral_slope(picture: Picture) -> float:
    """Return the slope of log power against log frequency: nearer to 0 is sharper.

    A straight line through the means of 12 rings of the tiles' mean spectrum, from 0.02 to 0.5
    cycles per pixel.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Natural logarithm of power per natural logarithm of frequency. Sharp photographs have
        about -2, blurred ones -3 to -4, noise 0; a constant image has 0.

    Notes:
        Depends on how many pixels the scene has; compare pictures of one camera.

    References:
        Field (1987), DOI 10.1364/JOSAA.4.002379; Liu, Li, Jia, CVPR 2008,
        DOI 10.1109/CVPR.2008.4587465, feature 1.
    """
    return float(_ring_means(picture.spectra) @ _rings().slope)


def spectral_band(number: int) -> Callable[[Picture], float]:
    """Make the measure of one band of frequencies against the lowest one.

    The bands end at 0.04, 0.08, 0.16, 0.25, 0.36 and 0.5 cycles per pixel; the first begins at
    0.02. The measure is the mean log power of the tiles' mean spectrum in the band, less that in
    the first: ln of a power ratio, negative in photographs; nearer to 0 is sharper.

    Args:
        number: 2 to 6, from low to high.
    """

    def band(picture: Picture) -> float:
        """Return mean log power of one band less that of the lowest: higher is sharper."""
        means, bins = _ring_means(picture.spectra), _rings().bins
        mine, lowest = slice(2 * number - 2, 2 * number), slice(0, 2)
        return float(
            means[mine] @ bins[mine] / bins[mine].sum()
            - means[lowest] @ bins[lowest] / bins[lowest].sum()
        )

    band.__name__ = f"spectral_band_{number}"
    return band


def radial_residual(picture: Picture) -> float:
    """Return how far the mean spectrum's highest bin stands over its ring: higher is moiré.

    The ring is the mean over all directions at about the same frequency, interpolated between
    rings; the band is 0.06 to 0.5 cycles per pixel.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Natural logarithm of a power ratio, 0 or more.

    Notes:
        Straight edges of one direction stand over their ring too, so buildings score higher than
        foliage; `spectral_peak_mean` looks at a bin's neighbours instead.
    """
    rings = _rings()
    expected = np.interp(rings.log_radius, rings.log_middles, _ring_means(picture.spectra))
    residual = picture.spectra.mean.ravel()[rings.peak_bins] - expected
    return max(float(residual.max()), 0.0)


def _ring_means(spectra: Spectra) -> Floats:
    rings = _rings()
    sums = np.add.reduceat(spectra.mean.ravel()[rings.order], rings.starts)
    return np.asarray(sums / rings.bins, np.float32)


@dataclass(frozen=True)
class _Rings:
    """Which bins are in which ring, and what is done with the rings' means.

    Attributes:
        order: bins from the lowest ring to the highest.
        starts: where in `order` each ring starts.
        bins: how many each ring has.
        slope: weights that give the least-squares slope over ln frequency.
        log_middles: ln of the rings' middle frequencies.
        peak_bins: bins from 0.06 to 0.5 cycles per pixel.
        log_radius: ln of their frequencies.
    """

    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    bins: Floats
    slope: Floats
    log_middles: npt.NDArray[np.float64]
    peak_bins: npt.NDArray[np.intp]
    log_radius: npt.NDArray[np.float64]


@cache
def _rings() -> _Rings:
    radius, edges = frequencies().ravel(), np.array(_RING_EDGES)
    ring = np.digitize(radius, edges) - 1
    inside = np.flatnonzero((ring >= 0) & (ring < len(edges) - 1))
    order = inside[np.argsort(ring[inside], kind="stable")]
    bins = np.bincount(ring[inside])
    log_middles = np.log(np.sqrt(edges[1:] * edges[:-1]))
    away = log_middles - log_middles.mean()
    peak_bins = np.flatnonzero((radius >= PEAK_LOW) & (radius <= PEAK_HIGH))
    return _Rings(
        order,
        np.concatenate([[0], np.cumsum(bins)[:-1]]),
        bins.astype(np.float32),
        (away / (away @ away)).astype(np.float32),
        log_middles,
        peak_bins,
        np.log(radius[peak_bins]),
    )
