"""Means of spectra over bands of frequency and sectors of direction, tile by tile."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.rings import RING_EDGES
from pipeline_project.core.quality.spectra import COLUMNS, TILE_PX, Floats, frequencies

# Two rings make a band.
BAND_EDGES = RING_EDGES[::2]
BANDS = len(BAND_EDGES) - 1
DIRECTIONS = 8


def sector_means(log_power: Floats) -> Floats:
    """Take the mean over each of 6 bands and 8 directions.

    Args:
        log_power: shape (tiles, 96, 49), as `Spectra.log_power`.

    Returns:
        Shape (tiles, 6, 8), bands from low to high frequency. Direction n is about the angle
        n x 22.5 degrees from the horizontal axis of the spectrum.
    """
    table = sectors()
    gathered = log_power.reshape(len(log_power), -1).take(table.order, axis=1)
    sums = np.add.reduceat(gathered, table.starts, axis=1)
    return np.asarray((sums / table.bins).reshape(-1, BANDS, DIRECTIONS), np.float32)


@dataclass(frozen=True)
class Sectors:
    """Which bins are in which sector of which band.

    Attributes:
        order: bins, sector by sector, those of the lowest band first.
        starts: where in `order` each sector starts, shape (48,).
        bins: how many each sector has, shape (48,).
        second: weights of the second harmonic over directions, complex, shape (8,).
    """

    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    bins: Floats
    second: npt.NDArray[np.complex64]


@cache
def sectors() -> Sectors:
    """Make the tables once."""
    down = (np.arange(TILE_PX) / TILE_PX - 0.5)[:, None]
    across = (np.arange(COLUMNS) / TILE_PX)[None, :]
    angle = np.arctan2(*np.broadcast_arrays(down, across)) % np.pi
    direction = np.round(angle / (np.pi / DIRECTIONS)).astype(int) % DIRECTIONS
    band = np.digitize(frequencies(), BAND_EDGES) - 1
    number = (band * DIRECTIONS + direction).ravel()
    inside = np.flatnonzero(((band >= 0) & (band < BANDS)).ravel())
    order = inside[np.argsort(number[inside], kind="stable")]
    bins = np.bincount(number[inside], minlength=BANDS * DIRECTIONS)
    return Sectors(
        order,
        np.concatenate([[0], np.cumsum(bins)[:-1]]),
        bins.astype(np.float32),
        (np.exp(2j * np.pi * np.arange(DIRECTIONS) / DIRECTIONS) / DIRECTIONS).astype(np.complex64),
    )
