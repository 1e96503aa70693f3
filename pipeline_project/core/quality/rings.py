"""Means of a spectrum over rings of about equal frequency, all directions together."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.spectra import (
    AXIS_BINS,
    COLUMNS,
    PEAK_HIGH,
    PEAK_LOW,
    TILE_PX,
    Floats,
    frequencies,
)

# In cycles per pixel. Two rings make a band.
RING_EDGES = (0.02, 0.03, 0.04, 0.06, 0.08, 0.11, 0.16, 0.2, 0.25, 0.3, 0.36, 0.43, 0.5)

# Where wide bands of moiré lie, in cycles per pixel.
COARSE_LOW, COARSE_HIGH = 0.05, 0.2


def ring_means(spectrum: Floats) -> Floats:
    """Take the mean over each of 12 rings.

    Args:
        spectrum: shape (96, 49), as `Spectra.mean`.

    Returns:
        Shape (12,), from low to high frequency.
    """
    table = rings()
    sums = np.add.reduceat(spectrum.ravel()[table.order], table.starts)
    return np.asarray(sums / table.bins, np.float32)


def tile_ring_means(log_power: Floats) -> Floats:
    """Take the means of each tile, shape (tiles, 96, 49): shape (tiles, 12)."""
    table = rings()
    gathered = log_power.reshape(len(log_power), -1).take(table.order, axis=1)
    return np.asarray(np.add.reduceat(gathered, table.starts, axis=1) / table.bins, np.float32)


@dataclass(frozen=True)
class Rings:
    """Which bins are in which ring, and what is done with the rings' means.

    Attributes:
        order: bins from the lowest ring to the highest.
        starts: where in `order` each ring starts.
        bins: how many each ring has.
        slope: weights that give the least-squares slope over ln frequency.
        log_middles: ln of the rings' middle frequencies.
        peak_bins: bins from 0.06 to 0.5 cycles per pixel.
        log_radius: ln of their frequencies.
        coarse_bins: bins from 0.05 to 0.2 cycles per pixel, off the axes.
        coarse_upper: the ring whose middle is next above each of these.
        coarse_share: how far each lies from the ring below to that one, 0 to 1, in ln frequency.
    """

    order: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    bins: Floats
    slope: Floats
    log_middles: npt.NDArray[np.float64]
    peak_bins: npt.NDArray[np.intp]
    log_radius: npt.NDArray[np.float64]
    coarse_bins: npt.NDArray[np.intp]
    coarse_upper: npt.NDArray[np.intp]
    coarse_share: Floats


@cache
def rings() -> Rings:
    """Make the tables once."""
    radius, edges = frequencies().ravel(), np.array(RING_EDGES)
    ring = np.digitize(radius, edges) - 1
    inside = np.flatnonzero((ring >= 0) & (ring < len(edges) - 1))
    order = inside[np.argsort(ring[inside], kind="stable")]
    bins = np.bincount(ring[inside])
    log_middles = np.log(np.sqrt(edges[1:] * edges[:-1]))
    away = log_middles - log_middles.mean()
    peak_bins = np.flatnonzero((radius >= PEAK_LOW) & (radius <= PEAK_HIGH))
    off_axes = np.ones((TILE_PX, COLUMNS), bool)
    middle = TILE_PX // 2
    off_axes[:, : AXIS_BINS + 1] = off_axes[middle - AXIS_BINS : middle + AXIS_BINS + 1] = False
    coarse = np.flatnonzero((radius >= COARSE_LOW) & (radius <= COARSE_HIGH) & off_axes.ravel())
    upper = np.clip(np.searchsorted(log_middles, np.log(radius[coarse])), 1, len(bins) - 1)
    below = log_middles[upper - 1]
    share = (np.log(radius[coarse]) - below) / (log_middles[upper] - below)
    return Rings(
        order,
        np.concatenate([[0], np.cumsum(bins)[:-1]]),
        bins.astype(np.float32),
        (away / (away @ away)).astype(np.float32),
        log_middles,
        peak_bins,
        np.log(radius[peak_bins]),
        coarse,
        upper,
        np.clip(share, 0, 1).astype(np.float32),
    )
