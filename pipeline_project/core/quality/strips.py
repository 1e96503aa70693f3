"""Filters over an image in strips, so that memory does not grow with it and caches are used."""

from collections.abc import Iterator
from dataclasses import dataclass

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
    """Squares of the Laplacian, summed over a 4x4 grid of tiles.

    Attributes:
        squares: shape (4, 4), float64, exact integers.
        pixels: shape (4, 4), int64; 0 for tiles of images under 4 pixels.
        mean: of the Laplacian over the whole image.
    """

    squares: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.int64]
    mean: float

    @property
    def variance(self) -> float:
        """Population variance over the whole image."""
        return max(float(self.squares.sum()) / int(self.pixels.sum()) - self.mean**2, 0.0)

    @property
    def largest(self) -> float:
        """Mean square of the tile where it is largest."""
        there = self.pixels > 0
        return float((self.squares[there] / self.pixels[there]).max())


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
    squares = np.zeros((TILES, TILES))
    for band in range(TILES):
        for strip, first, last in _strips(gray, rows[band], rows[band + 1], LAPLACIAN_STRIP_PX):
            # 16 bits hold every response exactly.
            response = cv2.Laplacian(strip, cv2.CV_16S, ksize=1)[first:last]
            for tile in range(TILES):
                part = response[:, columns[tile] : columns[tile + 1]]
                if part.size:
                    squares[band, tile] += cv2.norm(part, cv2.NORM_L2SQR)
    return LaplacianSums(
        squares, np.outer(np.diff(rows), np.diff(columns)), _laplacian_total(gray) / gray.size
    )


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


def _laplacian_total(gray: Gray) -> int:
    """Sum of the Laplacian: inside, what a pixel gives it takes; only borders are left."""
    total = 0
    for lines in (gray, gray.T):
        if len(lines) > 1:
            first, second, last_but_one, last = (
                int(lines[at].sum(dtype=np.int64)) for at in (0, 1, -2, -1)
            )
            total += second - first + last_but_one - last
    return total


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
