import numpy as np
import pytest

from pipeline_project.core.metadata.lightly_measures import OF_PIXELS, measure_pixels


def test_channels_have_their_own_mean():
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[..., 0], pixels[..., 2] = 200, 50
    found = measure_pixels(pixels)
    assert tuple(found) == OF_PIXELS
    assert (found["meanRed"], found["meanGreen"], found["meanBlue"]) == (200, 0, 50)


def test_a_flat_picture_has_no_contrast_and_only_uniform_rows():
    found = measure_pixels(np.full((4, 6, 3), 90, np.uint8))
    assert (found["contrast"], found["snr"], found["uniformRowRatio"]) == (0, 0, 1)


def test_a_picture_that_ends_half_way_has_half_its_rows_uniform():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    pixels[20:] = 128
    assert measure_pixels(pixels)["uniformRowRatio"] == 0.5


def test_contrast_and_signal_to_noise_are_those_of_grey():
    pixels = np.full((2, 2, 3), 100, np.uint8)
    pixels[0] = 200
    found = measure_pixels(pixels)
    assert (found["contrast"], found["snr"]) == pytest.approx((50, 3))
