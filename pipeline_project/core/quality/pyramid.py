"""One picture at many scales, so that the same scene measures alike at any number of pixels.

Each level averages 2x2 pixels of the one before. A measure at the reference scale, at which the
picture has `REFERENCE_PX` pixels, is interpolated between the two levels around it; so nothing
is resampled by odd factors, which would soften some sizes more than others.
"""

import math
from collections.abc import Callable
from functools import cached_property

import cv2
import numpy as np

from pipeline_project.core.quality.gray import Gray
from pipeline_project.core.quality.strips import TILES, LaplacianSums, laplacian_sums

REFERENCE_PX = 500_000
# Octaves below the reference scale at which a picture is looked at by tiles: there it has a quarter
# of the pixels, and single ones of noise or of JPEG's blocks count less.
TILED_OCTAVE = 1
# Variance of the Laplacian of the rounding to whole grey levels, 20/12. What lies below it is
# not seen in 8 bits; it keeps logarithms finite.
ROUNDING = 20 / 12


class Pyramid:
    """The levels of one picture; each is made when first asked for."""

    def __init__(self, gray: Gray) -> None:
        """Start with the native pixels, level 0."""
        self._levels = [gray]
        self._sums: dict[int, LaplacianSums] = {}
        self._values: dict[tuple[str, int], float] = {}

    @cached_property
    def reference_level(self) -> float:
        """The level, 0 or more and seldom whole, of the reference scale."""
        return max(0.0, 0.5 * math.log2(self._levels[0].size / REFERENCE_PX))

    def level(self, index: int) -> Gray:
        """Pixels of a level; the last that can be made where there are not as many."""
        while len(self._levels) <= index:
            self._levels.append(_halved(self._levels[-1]))
        return self._levels[index]

    def laplacian(self, index: int) -> LaplacianSums:
        """Sums of the squared Laplacian of a level; by tiles around `TILED_OCTAVE` alone."""
        if index not in self._sums:
            tiled = self.reference_level + TILED_OCTAVE
            here = math.floor(tiled) <= index <= math.ceil(tiled)
            self._sums[index] = laplacian_sums(self.level(index), TILES if here else 1)
        return self._sums[index]

    def at_reference(self, octaves: float, value: Callable[["Pyramid", int], float]) -> float:
        """Interpolate a value between the levels around the reference scale.

        Args:
            octaves: how many times coarser than the reference scale, in powers of 2.
            value: takes the pyramid and a level; best in logarithms, for which photographs
                give nearly straight lines.
        """
        level = self.reference_level + octaves
        below = math.floor(level)
        share = level - below
        first = self._value(below, value)
        return first if share == 0 else first + share * (self._value(below + 1, value) - first)

    def _value(self, index: int, value: Callable[["Pyramid", int], float]) -> float:
        key = (f"{value.__module__}.{value.__qualname__}", index)
        if key not in self._values:
            self._values[key] = value(self, index)
        return self._values[key]


def log_laplacian(pyramid: Pyramid, index: int) -> float:
    """Natural logarithm of the variance of a level's Laplacian, with the rounding added.

    The variance is taken as the mean square: the mean itself is 0 but for the borders.
    """
    return math.log(pyramid.laplacian(index).mean_square + ROUNDING)


def log_to_variance(value: float) -> float:
    """Undo `log_laplacian`: 0 or more."""
    return max(math.exp(value) - ROUNDING, 0.0)


def _halved(gray: Gray) -> Gray:
    height, width = (side // 2 for side in gray.shape)
    if not height or not width:
        return gray
    even = gray[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
