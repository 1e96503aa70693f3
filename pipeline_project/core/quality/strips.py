"""The variance of a filtered image, computed in strips so that memory does not grow with it."""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy.typing as npt

from pipeline_project.core.quality.gray import Gray

# A strip of float32 then takes 4 MB, which stays in the processor's cache while it is summed.
STRIP_PX = 1_000_000


def filtered_variance(gray: Gray, apply: Callable[[Gray], npt.NDArray[Any]]) -> float:
    """Return the population variance of a 3x3 filter's response over the whole image.

    Args:
        gray: shape (height, width), uint8.
        apply: the filter; gives an int16 or float32 array of its input's shape, of which each
            value depends on pixels at most one row and one column away.

    Returns:
        The variance, in squared units of the response, 0 or more.
    """
    count, mean, squares = 0, 0.0, 0.0
    for strip, first, last in _strips(gray):
        response = apply(strip)[first:last]
        strip_mean, strip_std = (float(value[0, 0]) for value in cv2.meanStdDev(response))
        # Chan's parallel update; sums of squares alone would lose digits on large images.
        total = count + response.size
        shift = strip_mean - mean
        squares += strip_std**2 * response.size + shift**2 * count * response.size / total
        mean += shift * response.size / total
        count = total
    return squares / count


def _strips(gray: Gray) -> Iterator[tuple[Gray, int, int]]:
    """Yield each strip with a row more on either side where there is one, and the rows to keep."""
    height, width = gray.shape
    rows = max(1, STRIP_PX // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        above, below = max(top - 1, 0), min(bottom + 1, height)
        yield gray[above:below], top - above, bottom - above
