"""Filters over an image in strips, so that memory does not grow with it and caches are used."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.gray import Gray
from pipeline_project.core.quality.scratch import Scratch

# A strip's responses then stay in the processor's cache until they are summed; the gradient takes
# three times the memory per pixel.
LAPLACIAN_STRIP_PX = 131_072
GRADIENT_STRIP_PX = 65_536
TILES = 4
_SCRATCH = Scratch()

Whole = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class LaplacianSums:
    """The Laplacian of a whole image and of a grid of its tiles.

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


def laplacian_sums(gray: Gray, tiles: int = TILES) -> LaplacianSums:
    """Take the 3x3 Laplacian, up + down + left + right - 4 x centre, and sum its squares.

    Args:
        gray: shape (height, width), uint8; mirrored at its border, outermost row not doubled.
        tiles: how many along each side.
    """
    height, width = gray.shape
    columns = list(pairwise(_edges(width, tiles)))
    total = largest = 0.0
    # Small images in one go, others band by band.
    whole = next(_laplacians(gray, 0, height)) if gray.size <= LAPLACIAN_STRIP_PX else None
    for top, bottom in pairwise(_edges(height, tiles)):
        sums = [0.0] * tiles
        strips = _laplacians(gray, top, bottom) if whole is None else [whole[top:bottom]]
        for response in strips:
            for tile, (left, right) in enumerate(columns):
                if len(response) and left < right:
                    sums[tile] += cv2.norm(response[:, left:right], cv2.NORM_L2SQR)
        total += sum(sums)
        for squares, (left, right) in zip(sums, columns, strict=True):
            largest = max(largest, squares / max((bottom - top) * (right - left), 1))
    return LaplacianSums(total / gray.size, largest)


def laplacian_mean(gray: Gray) -> float:
    """Return the mean of the Laplacian: inside, what a pixel gives it takes; borders are left."""
    total = 0.0
    for lines in (gray, gray.T):
        if len(lines) > 1:
            outer = cv2.sumElems(lines[0])[0] + cv2.sumElems(lines[-1])[0]
            total += cv2.sumElems(lines[1])[0] + cv2.sumElems(lines[-2])[0] - outer
    return total / gray.size


def _laplacians(gray: Gray, start: int, stop: int) -> Iterator[Whole]:
    """Yield the responses of some rows, strip by strip; each is gone when the next is asked for.

    16 bits hold every response exactly. A row's neighbours in memory are its pixels' neighbours
    but for the first and last column, which are mended after; so few and long sums suffice.
    """
    height, width = gray.shape
    last, before_last, second = width - 1, max(width - 2, 0), min(1, width - 1)
    strips = _strips(start, stop, width, LAPLACIAN_STRIP_PX)
    most = strips[0][1] - start if strips else 0
    # One row more on either side.
    padded = _SCRATCH.take(0, (most + 2, width), np.int16)
    flat, pairs, found = (
        padded.ravel(),
        *(_SCRATCH.take(number, ((most + 1) * width + 1,), np.int16) for number in (1, 2)),
    )
    for top, bottom in strips:
        count = (bottom - top) * width
        rows = padded[: bottom - top + 2]
        above, below = max(top - 1, 0), min(bottom + 1, height)
        rows[above - top + 1 : below - top + 1] = gray[above:below]
        if top == 0:
            rows[0] = rows[min(2, height)]
        if bottom == height:
            rows[-1] = rows[-3 if height > 1 else -2]
        # Each pixel with the one down and left of it: once as up + left, once as right + down.
        reach = count + width + 1
        np.add(flat[:reach], flat[width - 1 : width - 1 + reach], out=pairs[:reach])
        sums = np.add(pairs[:count], pairs[width + 1 : reach], out=found[:count])
        sums -= np.multiply(flat[width : width + count], 4, out=pairs[:count])
        response = sums.reshape(-1, width)
        response[:, 0] += rows[1:-1, second] - rows[:-2, last]
        response[:, last] += rows[1:-1, before_last] - rows[2:, 0]
        yield response


def gradient_sums(gray: Gray) -> GradientSums:
    """Take the length of the two 3x3 Sobel responses and sum it.

    Args:
        gray: shape (height, width), uint8; mirrored at its border, outermost row not doubled.
    """
    height, width = gray.shape
    total = squares = 0.0
    strips = _strips(0, height, width, GRADIENT_STRIP_PX)
    across, down, length = (
        _SCRATCH.take(number, (strips[0][1], width), np.float32) for number in range(3)
    )
    for top, bottom in strips:
        above, below = max(top - 1, 0), min(bottom + 1, height)
        rows, inner = slice(bottom - top), slice(top - above, bottom - above)
        for response, lengths in zip(
            cv2.spatialGradient(gray[above:below]), (across, down), strict=True
        ):
            squares += cv2.norm(response[inner], cv2.NORM_L2SQR)
            lengths[rows] = response[inner]
        found = cv2.magnitude(across[rows], down[rows], length[rows])
        total += cv2.sumElems(found)[0]
    return GradientSums(total / gray.size, squares / gray.size)


def _edges(side_px: int, tiles: int) -> list[int]:
    return [side_px * tile // tiles for tile in range(tiles + 1)]


def _strips(start: int, stop: int, width: int, strip_px: int) -> list[tuple[int, int]]:
    """Give first row and end of each strip; the first is the largest."""
    rows = max(1, strip_px // width)
    return [(top, min(top + rows, stop)) for top in range(start, stop, rows)]
