"""Means of spectra over rings of frequency and sectors of direction, tile by tile."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.rings import RING_EDGES
from pipeline_project.core.quality.spectra import COLUMNS, TILE_PX, Floats, frequencies

RINGS = len(RING_EDGES) - 1
# Two rings make a band.
BANDS = RINGS // 2
DIRECTIONS = 8

Means = npt.NDArray[np.float64]


def ring_and_sector_means(log_power: Floats) -> tuple[Means, Means]:
    """Take the means over 12 rings, and over 6 bands and 8 directions, in one pass.

    Args:
        log_power: shape (tiles, 96, 49), as `Spectra.log_power`.

    Returns:
        Shape (tiles, 12), from low to high frequency; and shape (tiles, 6, 8), bands from low to
        high frequency. Direction n is about the angle n x 22.5 degrees from the horizontal axis
        of the spectrum.
    """
    table = sectors()
    gathered = log_power.reshape(len(log_power), -1).take(table.order, axis=1)
    means = np.add.reduceat(gathered, table.starts, axis=1) @ table.shares
    return means[:, :RINGS], means[:, RINGS:].reshape(-1, BANDS, DIRECTIONS)


@dataclass(frozen=True)
class Sectors:
    """Which bins are in which cell, a direction of a ring, and which cells make what.

    Attributes:
        order: bins, cell by cell, those of the lowest ring first.
        starts: where in `order` each cell starts; cells without bins are left out.
        shares: weight of a sum over each cell in the mean of each of 12 rings and 48 sectors,
            shape (cells, 60).
        second: weights of the second harmonic over directions, complex, shape (8,).
    """

    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    shares: Means
    second: npt.NDArray[np.complex128]


@cache
def sectors() -> Sectors:
    """Make the tables once."""
    down = (np.arange(TILE_PX) / TILE_PX - 0.5)[:, None]
    across = (np.arange(COLUMNS) / TILE_PX)[None, :]
    angle = np.arctan2(*np.broadcast_arrays(down, across)) % np.pi
    direction = np.round(angle / (np.pi / DIRECTIONS)).astype(int) % DIRECTIONS
    ring = np.digitize(frequencies(), RING_EDGES) - 1
    number = (ring * DIRECTIONS + direction).ravel()
    inside = np.flatnonzero(((ring >= 0) & (ring < RINGS)).ravel())
    order = inside[np.argsort(number[inside], kind="stable")]
    cells, starts, bins = np.unique(number[order], return_index=True, return_counts=True)
    rings = cells // DIRECTIONS
    parts = np.concatenate(
        [
            rings[:, None] == np.arange(RINGS),
            (rings // 2 * DIRECTIONS + cells % DIRECTIONS)[:, None]
            == np.arange(BANDS * DIRECTIONS),
        ],
        axis=1,
    )
    second = np.exp(2j * np.pi * np.arange(DIRECTIONS) / DIRECTIONS) / DIRECTIONS
    return Sectors(order, starts, parts / (bins @ parts), second)
