"""Moiré in colour: a colour filter before the sensor turns fine grids into coloured bands."""

import numpy as np

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.spectra import Spectra

_RANK = 0.999


def cr_peak(picture: Picture) -> float:
    """Return the 99.9th percentile of the red difference's spectral heights: higher is moiré.

    Heights as in `spectral_peak_median`, on the Cr channel of BT.601, all tiles together.

    Args:
        picture: needs its colours; without them the value is 0.

    Returns:
        Natural logarithm of a power ratio, 0 or more.

    Notes:
        JPEG keeps colour at half the resolution, so frequencies above 0.25 cycles per pixel are
        missing. Coloured fabrics score too.
    """
    return _high(picture.red_difference)


def cb_peak(picture: Picture) -> float:
    """Return the 99.9th percentile of the blue difference's spectral heights: higher is moiré.

    As `cr_peak`, on the Cb channel.
    """
    return _high(picture.blue_difference)


def _high(spectra: Spectra) -> float:
    heights = spectra.heights.ravel()
    rank = int(_RANK * (len(heights) - 1))
    return max(float(np.partition(heights, rank)[rank]), 0.0)
