"""Turning pictures upright. Cameras store pixels as the sensor lies and add how to turn them.

The eight ways are numbered as in EXIF (tag 274): 1 upright, 2 mirrored, 3 upside down, 4 mirrored
and upside down, 5 transposed, 6 to be turned clockwise by 90 degrees, 7 transposed and upside
down, 8 to be turned counterclockwise by 90 degrees.
"""

from collections.abc import Sequence

import numpy as np

from pipeline_project.core.records import Pixels

UPRIGHT = 1


def swaps_sides(orientation: int) -> bool:
    """Tell whether turning upright makes the height the width."""
    return orientation >= 5


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn a stored picture as its orientation asks.

    Args:
        pixels: shape (height, width, 3), uint8.
        orientation: 1 to 8 as in EXIF; anything else counts as upright, as viewers do.

    Returns:
        A contiguous array, (width, height, 3) for orientations 5 to 8; never a view that is
        turned only in its strides.
    """
    turned = {
        2: lambda: pixels[:, ::-1],
        3: lambda: pixels[::-1, ::-1],
        4: lambda: pixels[::-1],
        5: lambda: pixels.transpose(1, 0, 2),
        6: lambda: np.rot90(pixels, -1),
        7: lambda: pixels.transpose(1, 0, 2)[::-1, ::-1],
        8: lambda: np.rot90(pixels, 1),
    }.get(orientation, lambda: pixels)()
    return np.ascontiguousarray(turned)


def orientation_of_matrix(matrix: Sequence[int]) -> int:
    """Translate a video's display matrix, 9 numbers in rows, into the nearest orientation.

    The matrix sends a stored point (x, y), y downwards, to (a x + c y, b x + d y) with
    a = m[0], b = m[1], c = m[3], d = m[4]. Free angles go to the nearest quarter turn.

    References:
        ISO/IEC 14496-12, 8.3.2, `matrix` of the track header box.
    """
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return {(True, True): 1, (False, True): 2, (False, False): 3, (True, False): 4}[
            (a >= 0, d >= 0)
        ]
    return {(True, True): 5, (True, False): 6, (False, False): 7, (False, True): 8}[
        (b >= 0, c >= 0)
    ]
