"""What every sharpness measure must do, whatever its formula."""

import cv2
import numpy as np
import pytest

from pipeline_project.core.quality import fft, strips
from pipeline_project.core.quality.fft import fft_high_frequency
from pipeline_project.core.quality.gray import to_gray
from pipeline_project.core.quality.laplacian import laplacian_variance
from pipeline_project.core.quality.registry import MEASURES, measure_frame
from pipeline_project.core.quality.sobel import sobel_variance
from pipeline_project_tests.core.quality.pictures import blurred, textured

SHARPNESS = [laplacian_variance, sobel_variance, fft_high_frequency]
sharpness = pytest.mark.parametrize("measure", SHARPNESS, ids=lambda m: m.__name__)


@sharpness
def test_more_blur_gives_less_sharpness(measure):
    picture = textured()
    scores = [
        measure(to_gray(picture)),
        *(measure(to_gray(blurred(picture, sigma))) for sigma in (0.6, 1, 2, 4)),
    ]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


@sharpness
@pytest.mark.parametrize("level", [0, 1, 127, 255])
def test_constant_image_is_at_the_bottom_of_the_scale(measure, level):
    assert measure(np.full((37, 53), level, np.uint8)) == 0.0


@sharpness
def test_brighter_by_a_constant_is_as_sharp(measure):
    gray = np.clip(to_gray(textured()), 0, 200)
    assert measure(gray + np.uint8(50)) == pytest.approx(measure(gray), rel=1e-4)


@sharpness
def test_turning_and_mirroring_change_nothing(measure):
    gray = to_gray(textured())
    for changed in (gray[::-1], gray[:, ::-1], gray.T):
        assert measure(np.ascontiguousarray(changed)) == pytest.approx(measure(gray), rel=1e-4)


@sharpness
def test_a_view_with_strides_measures_like_its_copy(measure):
    gray = to_gray(textured())[::2, ::3]
    assert measure(gray) == measure(gray.copy())


@sharpness
def test_less_contrast_is_less_sharp(measure):
    gray = to_gray(textured())
    assert measure((gray // 4).astype(np.uint8)) < measure(gray)


def test_laplacian_of_a_single_bright_pixel_is_known():
    gray = np.zeros((5, 5), np.uint8)
    gray[2, 2] = 10
    # One -40, four 10: mean 0, mean square (1600 + 400) / 25.
    assert laplacian_variance(gray) == pytest.approx(80.0)


def test_sobel_of_a_straight_edge_is_known():
    gray = np.zeros((6, 8), np.uint8)
    gray[:, 4:] = 10
    # Two of eight columns have magnitude 40.
    assert sobel_variance(gray) == pytest.approx(1600 / 4 - 10**2)


def test_fft_of_a_fast_wave_is_its_mean_log_power_and_a_slow_wave_is_removed():
    x = np.arange(100)
    fast = np.rint(128 + 100 * np.cos(2 * np.pi * 0.5 * x)).astype(np.uint8)
    slow = np.rint(128 + 100 * np.cos(2 * np.pi * 0.05 * x)).astype(np.uint8)
    expected = 10 * np.log1p(100.0**2)
    assert fft_high_frequency(np.tile(fast, (50, 1))) == pytest.approx(expected, rel=1e-3)
    assert fft_high_frequency(np.tile(slow, (50, 1))) < 1.5


def test_strips_give_what_the_whole_image_gives(monkeypatch):
    gray = to_gray(textured(101, 77))
    whole = (laplacian_variance(gray), sobel_variance(gray))
    for pixels in (1, 77 * 3, 77 * 50):
        monkeypatch.setattr(strips, "STRIP_PX", pixels)
        assert (laplacian_variance(gray), sobel_variance(gray)) == pytest.approx(whole, rel=1e-7)


def test_whole_image_variance_is_that_of_opencv():
    gray = to_gray(textured(200, 300))
    assert laplacian_variance(gray) == pytest.approx(
        cv2.Laplacian(gray, cv2.CV_64F).var(), rel=1e-9
    )


def test_large_image_is_measured_on_tiles_close_to_the_whole(monkeypatch):
    gray = to_gray(textured(1100, 1300))
    tiled = fft_high_frequency(gray)
    monkeypatch.setattr(fft, "WHOLE_PX", gray.size)
    assert tiled == pytest.approx(fft_high_frequency(gray), rel=0.02)
    assert tiled != fft_high_frequency(gray)


def test_tiles_reach_every_edge_of_a_large_image(monkeypatch):
    monkeypatch.setattr(fft, "WHOLE_PX", 0)
    for rows, columns in [(0, 0), (-1, -1), (600, 650)]:
        gray = np.zeros((1200, 1300), np.uint8)
        gray[rows, columns] = 255
        assert fft_high_frequency(gray) > 0


@pytest.mark.parametrize(
    "shape", [(1, 1), (2, 1), (3, 3), (1, 500), (500, 1), (30000, 3), (3, 30000), (1900, 1301)]
)
@pytest.mark.parametrize("kind", ["black", "white", "noise"])
def test_every_measure_is_finite_on_every_shape(shape, kind):
    pixels = np.zeros((*shape, 3), np.uint8)
    if kind == "white":
        pixels[:] = 255
    if kind == "noise":
        pixels[:] = np.random.default_rng(0).integers(0, 256, (*shape, 1), np.uint8)
    values = measure_frame(pixels)
    assert list(values) == list(MEASURES)
    assert all(type(value) is float and np.isfinite(value) for value in values.values())
