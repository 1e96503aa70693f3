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

Means = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OverRings:
    """Bins that are held against the rings' means, in pairs of one frequency.

    Attributes:
        bins: those of negative or no vertical frequency.
        mirrored: those of the same horizontal and the opposite vertical frequency.
        upper: the ring whose middle is next above each.
        share: how far each lies from the ring below to that one, 0 to 1, in ln frequency.
    """

    bins: npt.NDArray[np.intp]
    mirrored: npt.NDArray[np.intp]
    upper: npt.NDArray[np.intp]
    share: Means

    def largest(self, spectra: Floats, ring_means: Means) -> Means:
        """Give how far any bin stands over its ring at most.

        Args:
            spectra: shape (n, 96, 49).
            ring_means: shape (n, 12).

        Returns:
            Shape (n,), natural logarithms of a power ratio.
        """
        flat = spectra.reshape(len(spectra), -1)
        seen = np.maximum(flat.take(self.bins, axis=1), flat.take(self.mirrored, axis=1))
        away = ring_means.take(self.upper, axis=1)
        lower = ring_means.take(self.upper - 1, axis=1)
        away -= lower
        away *= self.share
        away += lower
        return np.asarray(np.subtract(seen, away, out=away).max(axis=1))


@dataclass(frozen=True)
class Rings:
    """What is done with the means of rings.

    Attributes:
        bins: how many each ring has.
        slope: weights that give the least-squares slope over ln frequency.
        residual: bins from 0.06 to 0.5 cycles per pixel, against the rings.
        coarse: bins from 0.05 to 0.2 cycles per pixel, off the axes, against the rings.
    """

    bins: Means
    slope: Means
    residual: OverRings
    coarse: OverRings


@cache
def rings() -> Rings:
    """Make the tables once."""
    radius, edges = frequencies(), np.array(RING_EDGES)
    ring = np.digitize(radius, edges) - 1
    bins = np.bincount(ring[(ring >= 0) & (ring < len(edges) - 1)])
    log_middles = np.log(np.sqrt(edges[1:] * edges[:-1]))
    away = log_middles - log_middles.mean()
    off_axes = np.ones((TILE_PX, COLUMNS), bool)
    middle = TILE_PX // 2
    off_axes[:, : AXIS_BINS + 1] = off_axes[middle - AXIS_BINS : middle + AXIS_BINS + 1] = False
    return Rings(
        bins.astype(np.float64),
        away / (away @ away),
        _over_rings((radius >= PEAK_LOW) & (radius <= PEAK_HIGH), log_middles),
        _over_rings((radius >= COARSE_LOW) & (radius <= COARSE_HIGH) & off_axes, log_middles),
    )


def _over_rings(wanted: npt.NDArray[np.bool_], log_middles: Means) -> OverRings:
    rows, columns = np.nonzero(wanted[: TILE_PX // 2 + 1])
    radius = frequencies()[rows, columns]
    upper = np.clip(np.searchsorted(log_middles, np.log(radius)), 1, len(log_middles) - 1)
    below = log_middles[upper - 1]
    share = (np.log(radius) - below) / (log_middles[upper] - below)
    # Row 0 has no positive twin, the middle row is its own.
    mirrored = (TILE_PX - rows) % TILE_PX
    return OverRings(
        rows * COLUMNS + columns, mirrored * COLUMNS + columns, upper, np.clip(share, 0, 1)
    )
