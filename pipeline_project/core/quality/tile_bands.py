"""How much fine detail the richest and the poorest tile hold: a blur spares none."""

from collections.abc import Callable

import numpy as np

from pipeline_project.core.quality.picture import Picture


def tile_band_max(number: int) -> Callable[[Picture], float]:
    """Make the measure of one band of frequencies in the tile that has most of it.

    Log power as in `spectral_band`, but not against another band, and of one tile alone: what
    is in focus before a soft background counts.

    Args:
        number: 3 to 5, from low to high.
    """

    def band(picture: Picture) -> float:
        """Return the largest mean log power of one band over tiles: higher is sharper."""
        return float(picture.tile_bands[:, number - 1].max())

    band.__name__ = f"tile_band_{number}_max"
    return band


def tile_band_5_min(picture: Picture) -> float:
    """Return the least power of band 5 over the lowest band, of all tiles: higher is noisier.

    Noise lifts every tile; detail seldom is everywhere. Natural logarithm of a power ratio.
    """
    levels = picture.tile_bands
    return float((levels[:, 4] - levels[:, 0]).min())


def tile_floor(picture: Picture) -> float:
    """Return the log power above 0.16 cycles per pixel of the quietest tile: higher is noisier.

    Mean over six rings up to 0.5 cycles per pixel; natural logarithm of grey levels squared plus
    1, so a flat tile has 0.
    """
    fine = picture.tile_rings[:, 6:]
    return float((np.add.reduce(fine, axis=1) / fine.shape[1]).min())


def tile_curvature(picture: Picture) -> float:
    """Return the bend of log power over frequency where it is largest: higher is blurred.

    A ring at 0.1 less twice one at 0.22 plus one at 0.4 cycles per pixel, the largest over
    tiles. A sharp picture's power falls evenly; a blur's falls to the floor of the noise and
    stays there, and a defocused lens leaves a gap.
    """
    rings = picture.tile_rings
    return float(np.max(rings[:, 4] - 2 * rings[:, 7] + rings[:, 10]))
