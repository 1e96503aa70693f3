"""Whether detail is lost in one direction and kept in another, as by a moving camera."""

import math
from collections.abc import Callable
from statistics import median

import numpy as np

from pipeline_project.core.quality.picture import Picture

# Bands 3 to 5, 0.08 to 0.36 cycles per pixel: above what the scene alone decides, below noise.
MIDDLE = slice(2, 5)


def spectral_anisotropy(picture: Picture) -> float:
    """Return how much more power one direction has than that across it: higher is motion.

    The second harmonic over direction of the tiles' mean log power, 8 directions, summed over
    bands 3 to 5 (0.08 to 0.36 cycles per pixel) with its angle, so that only directions which
    the bands share add up. A motion blur takes away the detail along its path alone.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Amplitude in natural logarithms of power, 0 or more.

    Notes:
        Fences, blinds and fur have one direction too.

    References:
        Krahmer et al., "Blind image deconvolution: motion blur estimation", IMA preprint 2133
        (2006), on the direction of motion in the spectrum; the measure is this project's own.
    """
    return abs(sum(picture.harmonics[MIDDLE]))


def spectral_anisotropy_of(number: int) -> Callable[[Picture], float]:
    """Make the measure of one band: as `spectral_anisotropy`, of band `number`, 3 to 5."""

    def anisotropy(picture: Picture) -> float:
        """Return how much more power one direction of a band has: higher is motion."""
        return abs(picture.harmonics[number - 1])

    anisotropy.__name__ = f"spectral_anisotropy_{number}"
    return anisotropy


def spectral_alignment(picture: Picture) -> float:
    """Return whether fine and coarse detail have the same direction: lower is motion.

    The lowest band's harmonic times the part of the middle bands' one that lies along it (see
    `spectral_anisotropy`). The scene's own edges hold on over all frequencies and give a high
    value; a blur's direction begins at some frequency and has nothing to do with the scene's.

    Returns:
        Product of two amplitudes in natural logarithms of power, any sign.
    """
    found = picture.harmonics
    return (found[0] * sum(found[MIDDLE]).conjugate()).real


def spectral_direction_spread(picture: Picture) -> float:
    """Return the standard deviation over directions of middle log power: higher is motion.

    Of the tiles' mean over bands 3 to 5; as `spectral_anisotropy`, but of any shape.
    """
    levels = np.add.reduce(picture.mean_sectors[MIDDLE]) / (MIDDLE.stop - MIDDLE.start)
    levels -= np.add.reduce(levels) / levels.size
    return math.sqrt(levels @ levels / levels.size)


def spectral_weakest_direction(picture: Picture) -> float:
    """Return fine over coarse power where it is least: higher is sharper in every direction.

    Log power of band 5 (0.25 to 0.36 cycles per pixel) less that of band 2, in the direction in
    which this is least; the median over tiles.
    """
    away = picture.sectors[:, 4] - picture.sectors[:, 1]
    return float(median(away.min(axis=1).tolist()))
