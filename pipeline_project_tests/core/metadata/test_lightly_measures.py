import numpy as np
import pytest

from pipeline_project.core.metadata.lightly_measures import MEASURED, OF_PIXELS, measure_pixels
from pipeline_project.core.quality.registry import MEASURES


def test_channels_have_their_own_mean():
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[..., 0], pixels[..., 2] = 200, 50
    found = measure_pixels(pixels)
    assert tuple(found) == OF_PIXELS
    assert (found["meanRed"], found["meanGreen"], found["meanBlue"]) == (200, 0, 50)


def test_signal_to_noise_is_the_mean_of_grey_by_its_spread():
    pixels = np.full((2, 2, 3), 100, np.uint8)
    pixels[0] = 200
    assert measure_pixels(pixels)["snr"] == pytest.approx(3)


def test_a_flat_picture_has_no_signal():
    assert measure_pixels(np.full((4, 6, 3), 90, np.uint8))["snr"] == 0


def test_names_of_our_own_measures_exist():
    assert set(MEASURED.values()) <= set(MEASURES)
