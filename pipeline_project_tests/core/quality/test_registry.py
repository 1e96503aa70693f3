"""The registry and the one call that takes all measures."""

import numpy as np
import pytest

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.quality.gray import to_gray
from pipeline_project.core.quality.registry import MEASURES, QUALITY_VERSION, measure_frame
from pipeline_project_tests.core.quality.pictures import textured


def test_colour_image_measures_like_its_gray_version():
    picture = textured()
    gray = to_gray(picture)
    assert measure_frame(picture) == measure_frame(np.repeat(gray[:, :, None], 3, axis=2))


def test_red_green_and_blue_weigh_as_luma_does():
    for channel, luma in enumerate((76, 150, 29)):
        pixels = np.zeros((4, 4, 3), np.uint8)
        pixels[:, :, channel] = 255
        assert measure_frame(pixels)["mean_luma"] == luma


def test_mean_luma_goes_from_black_to_white():
    assert measure_frame(np.zeros((5, 5, 3), np.uint8))["mean_luma"] == 0
    assert measure_frame(np.full((5, 5, 3), 255, np.uint8))["mean_luma"] == 255


def test_a_frame_is_not_changed_by_being_measured():
    picture = textured()
    before = picture.copy()
    measure_frame(picture)
    assert np.array_equal(picture, before)


def test_every_measure_has_a_name_a_description_and_a_column():
    for name, measure in MEASURES.items():
        assert measure.name == name == measure.function.__name__
        assert measure.description and measure.unit
        assert name in TABLES["scores"].schema.names


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=["gray", "rgba", "float", "16 bit", "empty"],
)
def test_anything_but_an_rgb_image_is_refused_with_what_was_seen(wrong):
    with pytest.raises(ValueError, match=r"expected .* seen"):
        measure_frame(wrong)


def test_known_picture_has_known_measures_for_this_version():
    """Golden numbers: when they change on purpose, raise QUALITY_VERSION with them."""
    x, y = np.meshgrid(np.arange(64), np.arange(48))
    picture = np.stack([(x * 5) % 256, (y * 7) % 256, (x * y) % 256], axis=2).astype(np.uint8)
    assert QUALITY_VERSION == "1"
    assert measure_frame(picture) == pytest.approx(GOLDEN, rel=1e-5)


GOLDEN = {
    "laplacian_variance": 1724.5090060763887,
    "sobel_variance": 12660.549029707334,
    "fft_high_frequency": 40.44232351694773,
    "mean_luma": 108.00520833333333,
}
