"""Moiré against texture: how many peaks there are, where, and whether they stand alone."""

import math
from functools import cache
from statistics import median

import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.rings import rings
from pipeline_project.core.quality.spectra import COLUMNS, NEIGHBOURHOOD_BINS, TILE_PX


def spectral_peak_upper(picture: Picture) -> float:
    """Return the upper quartile over tiles of the highest isolated peak: higher is moiré.

    As `spectral_peak_median`, for moiré that fills a third of the picture. The quartile is the
    second highest of six tiles, the third of nine.
    """
    peaks = sorted(picture.spectra.peaks.tolist())
    return float(peaks[(3 * len(peaks)) // 4])


def spectral_peak_second(picture: Picture) -> float:
    """Return the second highest isolated peak of the tiles' mean spectrum: higher is moiré.

    As `spectral_peak_mean`, with the 9x9 bins around the highest left out. The pixels of a
    screen lie in rows and columns, so its peaks come in pairs; one set of lines has but one.
    """
    heights = picture.spectra.mean_heights.copy()
    row, column = divmod(int(heights.argmax()), COLUMNS)
    reach = NEIGHBOURHOOD_BINS // 2
    heights[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = 0
    return float(heights.max())


def spectral_peak_broad(picture: Picture) -> float:
    """Return the highest mean height of 3x3 bins, the median over tiles: higher is moiré.

    As `spectral_peak_median`, for peaks smeared by a grid whose period changes within a tile, as
    when the camera looks at a screen from aside; single bins of noise average out.
    """
    heights = picture.spectra.heights
    # The mask keeps no bin of the first row, nor of the first two columns and the last. So the
    # next in memory is the next in the spectrum, or 0 as its mirror image is; but beside the last
    # row and the last column, which are mirrored here.
    flat = heights.ravel()
    across = np.zeros_like(flat)
    np.add(flat[:-2], flat[1:-1], out=across[1:-1])
    across[1:-1] += flat[2:]
    rows = across.reshape(heights.shape)
    rows[:, :, -1] = 2 * heights[:, :, -2]
    sums = np.zeros_like(flat)
    np.add(across[: -2 * COLUMNS], across[COLUMNS:-COLUMNS], out=sums[COLUMNS:-COLUMNS])
    sums[COLUMNS:-COLUMNS] += across[2 * COLUMNS :]
    squares = sums.reshape(heights.shape)
    squares[:, 0] = 2 * rows[:, 1]
    squares[:, -1] = rows[:, -1] + 2 * rows[:, -2]
    return float(median(squares.reshape(len(squares), -1).max(axis=1).tolist())) / 9


def spectral_peak_half(picture: Picture) -> float:
    """Return the height at half the frequency of each tile's peak, the median: higher is texture.

    Threads, bricks and tiles repeat with the period of their whole pattern, of which the
    highest peak is often a harmonic; moiré seldom has a peak there.
    """
    found = picture.spectra
    near = around_half_frequency().take(found.highest, axis=0)
    return float(median(found.heights_at(near).max(axis=1).tolist()))


@cache
def around_half_frequency() -> npt.NDArray[np.intp]:
    """For every bin the 3x3 bins around the one of half its frequency, shape (4704, 9)."""
    rows, columns = np.divmod(np.arange(TILE_PX * COLUMNS), COLUMNS)
    middle = TILE_PX // 2
    rows = np.clip((rows - middle) // 2 + middle, 1, TILE_PX - 2)
    around = (np.arange(-1, 2)[:, None] * COLUMNS + np.arange(-1, 2)).ravel()
    return np.asarray((rows * COLUMNS + np.maximum(columns // 2, 1))[:, None] + around)


def spectral_excess_max(picture: Picture) -> float:
    """Return how much of the spectrum stands out in the fullest tile: higher is moiré.

    ln(1 + sum of what heights exceed 2) over the peak band: real textures with their harmonics
    have many such bins, moiré has few but high ones (see `spectral_peak_max`).
    """
    return math.log1p(picture.spectra.excess.max())


def spectral_excess_median(picture: Picture) -> float:
    """Return how much of the spectrum stands out, the median over tiles: higher is moiré."""
    return math.log1p(median(picture.spectra.excess.tolist()))


def radial_residual_median(picture: Picture) -> float:
    """Return how far coarse peaks stand over their ring, the median over tiles: higher is moiré.

    As `radial_residual`, tile by tile, from 0.05 to 0.2 cycles per pixel and off the axes: wide
    bands of moiré, which are too near to zero frequency for a local mean.
    """
    away = rings().coarse.largest(picture.spectra.log_power, picture.tile_rings)
    return float(median(away.tolist()))
