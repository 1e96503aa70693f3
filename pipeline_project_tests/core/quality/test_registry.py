"""The registry and the one call that takes all measures."""

import numpy as np
import pytest

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.quality.gray import to_gray
from pipeline_project.core.quality.registry import (
    MEASURES,
    QUALITY_VERSION,
    measure_frame,
    measure_gray,
)
from pipeline_project_tests.core.quality.pictures import textured


def test_colour_image_measures_like_its_gray_version():
    picture = textured()
    gray = to_gray(picture)
    alike = [name for name in MEASURES if not MEASURES[name].colour]
    expected = measure_gray(gray)
    assert list(expected) == alike
    assert measure_frame(picture, alike) == pytest.approx(expected, rel=1e-9)


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
    assert QUALITY_VERSION == "4"
    assert measure_frame(picture) == pytest.approx(GOLDEN, rel=1e-5)


GOLDEN = {
    "laplacian_variance": 1724.509006076389,
    "sobel_variance": 12660.549083967335,
    "fft_high_frequency": 51.892104148864746,
    "mean_luma": 108.00520833333333,
    "sharpness": 0.8636079749073055,
    "tenengrad": 19847.123697916668,
    "reference_laplacian_variance": 1724.522135416667,
    "half_laplacian_variance": 1408.8098958333335,
    "quarter_laplacian_variance": 3019.6874999999995,
    "tile_laplacian_variance": 3538.4791666666692,
    "reblur_ratio": 4.0966312285912885,
    "spectral_peak_median": 2.4459967613220215,
    "spectral_peak_max": 2.4459967613220215,
    "spectral_peak_mean": 2.4459967613220215,
    "spectral_peak_kurtosis": 4.544079633311016,
    "spectral_slope": -3.3403122425079346,
    "spectral_band_2": -4.712973594665527,
    "spectral_band_3": -6.784846782684326,
    "spectral_band_4": -8.194353103637695,
    "spectral_band_5": -8.923028945922852,
    "spectral_band_6": -9.206840515136719,
    "radial_residual": 5.346027746896231,
    "spectral_anisotropy": 3.1715173721313477,
    "spectral_anisotropy_3": 1.3957573175430298,
    "spectral_anisotropy_4": 1.077636480331421,
    "spectral_anisotropy_5": 0.7021468281745911,
    "spectral_alignment": 0.9068475961685181,
    "spectral_direction_spread": 1.7885816097259521,
    "spectral_weakest_direction": -6.971386909484863,
    "tile_band_3_max": 5.235515117645264,
    "tile_band_4_max": 3.8898849487304688,
    "tile_band_5_max": 3.156142234802246,
    "tile_band_5_min": -8.820117950439453,
    "tile_floor": 3.368663787841797,
    "tile_curvature": 1.729522943496704,
    "spectral_peak_upper": 2.4459967613220215,
    "spectral_peak_second": 2.155308723449707,
    "spectral_peak_broad": 1.8525193929672241,
    "spectral_peak_half": -0.21638154983520508,
    "spectral_excess_max": 0.7302579283714294,
    "spectral_excess_median": 0.7302579283714294,
    "radial_residual_median": 3.4757046699523926,
    "dark_share": 0.01627604177338071,
    "light_share": 0.0013020833721384406,
    "contrast": 52.45771473617936,
    "entropy": 7.649259921943525,
    "noise_sigma": 3.4284499046130525,
    "uniform_row_ratio": 0.0,
    "cr_peak": 1.8932219743728638,
    "cb_peak": 2.317135810852051,
}
