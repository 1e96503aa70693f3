"""Filters over an image in strips, so that memory does not grow with it and caches are used."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.gray import Gray

# A strip's responses then stay in the processor's cache until they are summed; the gradient takes
# three times the memory per pixel.
LAPLACIAN_STRIP_PX = 98_304
GRADIENT_STRIP_PX = 32_768
TILES = 4


@dataclass(frozen=True, slots=True)
class LaplacianSums:
    """The Laplacian of a whole image and of a 4x4 grid of its tiles.

    Attributes:
        mean_square: over the image.
        largest: mean square of the tile where it is largest.
    """

    mean_square: float
    largest: float


@dataclass(frozen=True, slots=True)
class GradientSums:
    """The Sobel gradient over a whole image.

    Attributes:
        mean: of its magnitude.
        mean_square: of its magnitude.
    """

    mean: float
    mean_square: float


def laplacian_sums(gray: Gray) -> LaplacianSums:
    """Take the 3x3 Laplacian, up + down + left + right - 4 x centre, and sum its squares.

    Args:
        gray: shape (height, width), uint8; mirrored at its border, outermost row not doubled.
    """
    height, width = gray.shape
    rows, columns = _edges(height), _edges(width)
    total = largest = 0.0
    # Small images in one go, others band by band.
    whole = _laplacian(gray) if gray.size <= LAPLACIAN_STRIP_PX else None
    for top, bottom in pairwise(rows):
        sums = [0.0] * TILES
        if whole is not None:
            _add_squares(sums, whole[top:bottom], columns)
        else:
            for strip, first, last in _strips(gray, top, bottom, LAPLACIAN_STRIP_PX):
                _add_squares(sums, _laplacian(strip)[first:last], columns)
        for squares, (left, right) in zip(sums, pairwise(columns), strict=True):
            total += squares
            largest = max(largest, squares / max((bottom - top) * (right - left), 1))
    return LaplacianSums(total / gray.size, largest)


def laplacian_mean(gray: Gray) -> float:
    """Return the mean of the Laplacian: inside, what a pixel gives it takes; borders are left."""
    total = 0.0
    for lines in (gray, gray.T):
        if len(lines) > 1:
            total += sum(
                sign * float(lines[at].sum(dtype=np.int64))
                for at, sign in ((0, -1), (1, 1), (-2, 1), (-1, -1))
            )
    return total / gray.size


def _laplacian(gray: Gray) -> npt.NDArray[np.int16]:
    # 16 bits hold every response exactly.
    return np.asarray(cv2.Laplacian(gray, cv2.CV_16S, ksize=1), np.int16)


def _add_squares(sums: list[float], response: npt.NDArray[np.int16], columns: list[int]) -> None:
    if len(response):
        for tile, (left, right) in enumerate(pairwise(columns)):
            if left < right:
                sums[tile] += cv2.norm(response[:, left:right], cv2.NORM_L2SQR)


def gradient_sums(gray: Gray) -> GradientSums:
    """Take the length of the two 3x3 Sobel responses and sum it.

    Args:
        gray: shape (height, width), uint8; mirrored at its border, outermost row not doubled.
    """
    total = squares = 0.0
    for strip, first, last in _strips(gray, 0, gray.shape[0], GRADIENT_STRIP_PX):
        across, down = cv2.spatialGradient(strip)
        # Whole numbers below 2**24 until the root, which numpy rounds as IEEE says; that of
        # cv2.magnitude differs in its last digits with the place of the array in memory.
        power = across[first:last].astype(np.float32)
        power *= power
        other = down[first:last].astype(np.float32)
        other *= other
        power += other
        squares += cv2.sumElems(power)[0]
        np.sqrt(power, out=power)
        total += cv2.sumElems(power)[0]
    return GradientSums(total / gray.size, squares / gray.size)


def _edges(side_px: int) -> list[int]:
    return [side_px * tile // TILES for tile in range(TILES + 1)]


def _strips(gray: Gray, start: int, stop: int, strip_px: int) -> Iterator[tuple[Gray, int, int]]:
    """Yield each strip with a row more on either side where there is one, and the rows to keep."""
    height, width = gray.shape
    rows = max(1, strip_px // width)
    for top in range(start, stop, rows):
        bottom = min(top + rows, stop)
        above, below = max(top - 1, 0), min(bottom + 1, height)
        yield gray[above:below], top - above, bottom - above
