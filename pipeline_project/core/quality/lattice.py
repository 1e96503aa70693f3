"""Moiré against texture: how many peaks there are, where, and whether they stand alone."""

from statistics import median

import cv2
import numpy as np

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.rings import rings
from pipeline_project.core.quality.spectra import (
    COLUMNS,
    NEIGHBOURHOOD_BINS,
    TILE_PX,
    Floats,
    over_local_mean,
)

# Noise seldom stands higher over its neighbours than this, in natural logarithms of power.
NOISE_HEIGHT = 2.0


def spectral_peak_upper(picture: Picture) -> float:
    """Return the upper quartile over tiles of the highest isolated peak: higher is moiré.

    As `spectral_peak_median`, for moiré that fills a third of the picture. The quartile is the
    third highest of nine tiles.
    """
    peaks = np.sort(picture.spectra.peaks)
    return float(peaks[(3 * len(peaks)) // 4])


def spectral_peak_second(picture: Picture) -> float:
    """Return the second highest isolated peak of the tiles' mean spectrum: higher is moiré.

    As `spectral_peak_mean`, with the 9x9 bins around the highest left out. The pixels of a
    screen lie in rows and columns, so its peaks come in pairs; one set of lines has but one.
    """
    heights = over_local_mean(picture.spectra.mean[None])[0]
    row, column = divmod(int(heights.argmax()), COLUMNS)
    reach = NEIGHBOURHOOD_BINS // 2
    heights[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = 0
    return float(heights.max())


def spectral_peak_broad(picture: Picture) -> float:
    """Return the highest mean height of 3x3 bins, the median over tiles: higher is moiré.

    As `spectral_peak_median`, for peaks smeared by a grid whose period changes within a tile, as
    when the camera looks at a screen from aside; single bins of noise average out.
    """
    return median(float(cv2.blur(each, (3, 3)).max()) for each in picture.spectra.heights)


def spectral_peak_half(picture: Picture) -> float:
    """Return the height at half the frequency of each tile's peak, the median: higher is texture.

    Threads, bricks and tiles repeat with the period of their whole pattern, of which the
    highest peak is often a harmonic; moiré seldom has a peak there.
    """
    return median(_at_half(each) for each in picture.spectra.heights)


def spectral_excess_max(picture: Picture) -> float:
    """Return how much of the spectrum stands out in the fullest tile: higher is moiré.

    ln(1 + sum of what heights exceed 2) over the peak band: real textures with their harmonics
    have many such bins, moiré has few but high ones (see `spectral_peak_max`).
    """
    return float(np.log1p(_excess(picture).max()))


def spectral_excess_median(picture: Picture) -> float:
    """Return how much of the spectrum stands out, the median over tiles: higher is moiré."""
    return float(np.log1p(np.median(_excess(picture))))


def radial_residual_median(picture: Picture) -> float:
    """Return how far coarse peaks stand over their ring, the median over tiles: higher is moiré.

    As `radial_residual`, tile by tile, from 0.05 to 0.2 cycles per pixel and off the axes: wide
    bands of moiré, which are too near to zero frequency for a local mean.
    """
    table, means = rings(), picture.tile_rings
    lower = means[:, table.coarse_upper - 1]
    expected = lower + table.coarse_share * (means[:, table.coarse_upper] - lower)
    flat = picture.spectra.log_power.reshape(len(means), -1)
    return float(np.median((flat[:, table.coarse_bins] - expected).max(axis=1)))


def _excess(picture: Picture) -> Floats:
    over = picture.spectra.heights - np.float32(NOISE_HEIGHT)
    np.maximum(over, 0, out=over)
    return np.asarray(over.reshape(len(over), -1).sum(axis=1))


def _at_half(heights: Floats) -> float:
    row, column = divmod(int(heights.argmax()), COLUMNS)
    middle = TILE_PX // 2
    row, column = min(max((row - middle) // 2 + middle, 1), TILE_PX - 2), max(column // 2, 1)
    return float(heights[row - 1 : row + 2, column - 1 : column + 2].max())
