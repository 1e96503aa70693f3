import numpy as np
import pytest

from pipeline_project.core.video.orientation import (
    orientation_of_matrix,
    swaps_sides,
    turn_upright,
)

STORED = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def apply_matrix(pixels, a, b, c, d):
    """Move every stored pixel by the matrix, as ISO/IEC 14496-12 says."""
    height, width, _ = pixels.shape
    moved = {
        (a * x + c * y, b * x + d * y): pixels[y, x] for y in range(height) for x in range(width)
    }
    left, top = (min(point[axis] for point in moved) for axis in (0, 1))
    sides = (width, height) if a else (height, width)
    turned = np.empty((sides[1], sides[0], 3), np.uint8)
    for (x, y), pixel in moved.items():
        turned[y - top, x - left] = pixel
    return turned


@pytest.mark.parametrize(
    "matrix",
    [(s, 0, 0, t) for s in (1, -1) for t in (1, -1)]
    + [(0, s, t, 0) for s in (1, -1) for t in (1, -1)],
)
def test_every_matrix_moves_pixels_where_it_says(matrix):
    a, b, c, d = matrix
    orientation = orientation_of_matrix([part << 16 for part in (a, b, 0, c, d, 0, 0, 0, 1)])
    turned = turn_upright(STORED, orientation)
    assert (turned == apply_matrix(STORED, a, b, c, d)).all()
    assert turned.flags.c_contiguous
    assert swaps_sides(orientation) == (turned.shape[:2] == (3, 2))


def test_orientation_6_is_a_quarter_clockwise():
    assert (turn_upright(STORED, 6)[:, :, 0] == [[9, 0], [12, 3], [15, 6]]).all()


def test_nonsense_counts_as_upright():
    assert (turn_upright(STORED, 0) == STORED).all()
    assert (turn_upright(STORED, 99) == STORED).all()
    assert not swaps_sides(0)


def test_a_slight_angle_goes_to_the_nearest_quarter():
    assert orientation_of_matrix([5000, 65000, 0, -65000, 5000, 0, 0, 0, 1 << 30]) == 6
