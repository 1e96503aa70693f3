import pytest

from pipeline_project.core.metadata.boxes import clipped, in_pixels, tiles


def test_tiles_without_overlap_divide_the_picture():
    assert tiles(2, 2) == [(0, 0, 0.5, 0.5), (0.5, 0, 0.5, 0.5), (0, 0.5, 0.5, 0.5), (0.5,) * 4]


@pytest.mark.parametrize(("rows", "cols", "overlap"), [(3, 2, 0.2), (1, 4, 0.5), (2, 2, 1.0)])
def test_overlapping_tiles_cover_all_of_it_and_share_what_was_asked(rows, cols, overlap):
    found = tiles(rows, cols, overlap)
    assert len(found) == rows * cols
    x, y, width, height = found[-1]
    assert (x + width, y + height) == pytest.approx((1, 1))
    assert found[0][:2] == (0, 0)
    if cols > 1:
        first, second = found[0], found[1]
        assert (first[0] + first[2] - second[0]) / first[2] == pytest.approx(overlap)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((10.4, 5.6, 20, 10), (10, 6, 20, 10)),
        ((-5, -5, 20, 20), (0, 0, 15, 15)),
        ((90, 40, 50, 50), (90, 40, 10, 10)),
        ((100, 10, 5, 5), None),
        ((10, 10, 1, 30), None),
        ((10, 10, -4, 30), None),
    ],
)
def test_a_box_is_cut_to_the_whole_pixels_of_the_picture(box, expected):
    assert clipped(box, 100, 50) == expected


def test_shares_become_pixels():
    assert in_pixels((0.5, 0.1, 0.25, 1), 200, 100) == (100, 10, 50, 100)
