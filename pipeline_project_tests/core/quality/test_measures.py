"""What every sharpness measure must do, whatever its formula."""

import cv2
import numpy as np
import pytest

from pipeline_project.core.quality import strips
from pipeline_project.core.quality.gray import Gray, to_gray
from pipeline_project.core.quality.registry import MEASURES, measure_frame, measure_gray
from pipeline_project.core.quality.spectra import tile_places
from pipeline_project_tests.core.quality.pictures import blurred, textured


class Taking:
    """One measure of gray pixels, called by its name."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, gray: Gray) -> float:
        return measure_gray(gray, [self.__name__])[self.__name__]


laplacian_variance, sobel_variance, fft_high_frequency = (
    Taking(name) for name in ("laplacian_variance", "sobel_variance", "fft_high_frequency")
)
SHARPNESS = [
    Taking(name)
    for name in MEASURES
    if MEASURES[name].higher_is == "sharper"
    and MEASURES[name].unit in ("grey levels²", "10 ln", "ratio")
]
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
    assert measure(np.full((37, 53), level, np.uint8)) == pytest.approx(0, abs=1e-3)


@sharpness
def test_brighter_by_a_constant_is_as_sharp(measure):
    gray = np.clip(to_gray(textured()), 0, 200)
    assert measure(gray + np.uint8(50)) == pytest.approx(measure(gray), rel=1e-3)


@sharpness
def test_turning_and_mirroring_change_nothing(measure):
    gray = to_gray(textured())
    for changed in (gray[::-1], gray[:, ::-1], gray.T):
        # Tiles of sides that halve unevenly move by a pixel.
        assert measure(np.ascontiguousarray(changed)) == pytest.approx(measure(gray), rel=0.01)


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


def test_fft_of_noise_is_the_log_of_its_variance_whatever_the_size():
    rng = np.random.default_rng(0)
    for shape in [(128, 128), (400, 700), (1500, 1300)]:
        noise = np.clip(np.rint(rng.normal(128, 20, shape)), 0, 255).astype(np.uint8)
        # The low frequencies hold a small circle of the square of all.
        expected = 10 * np.log1p(20.0**2 * (1 - np.pi * 0.12**2))
        assert fft_high_frequency(noise) == pytest.approx(expected, rel=0.02)


def test_fft_does_not_see_a_slow_wave_that_the_gradient_sees():
    slow = np.rint(128 + 100 * np.cos(2 * np.pi * 0.05 * np.arange(200))).astype(np.uint8)
    fast = np.rint(128 + 100 * np.cos(2 * np.pi * 0.45 * np.arange(200))).astype(np.uint8)
    assert fft_high_frequency(np.tile(slow, (150, 1))) < 1
    assert fft_high_frequency(np.tile(fast, (150, 1))) == pytest.approx(
        10 * np.log1p(100**2 / 2), rel=0.01
    )
    assert sobel_variance(np.tile(slow, (150, 1))) > 100


def test_strips_give_what_the_whole_image_gives(monkeypatch):
    gray = to_gray(textured(101, 77))
    whole = (laplacian_variance(gray), sobel_variance(gray))
    for pixels in (1, 77 * 3, 77 * 50):
        monkeypatch.setattr(strips, "LAPLACIAN_STRIP_PX", pixels)
        monkeypatch.setattr(strips, "GRADIENT_STRIP_PX", pixels)
        assert (laplacian_variance(gray), sobel_variance(gray)) == pytest.approx(whole, rel=1e-7)


def test_whole_image_variance_is_that_of_opencv():
    gray = to_gray(textured(200, 300))
    assert laplacian_variance(gray) == pytest.approx(
        cv2.Laplacian(gray, cv2.CV_64F).var(), rel=1e-9
    )


@pytest.mark.parametrize("place", [(0, 0), (-1, -1), (600, 650)])
def test_tiles_reach_every_edge_and_the_middle_of_a_large_image(place):
    gray = np.zeros((1200, 1300), np.uint8)
    down, across = (
        slice(max(at - 64, 0), at + 64) if at >= 0 else slice(-64, None) for at in place
    )
    gray[down, across] = np.random.default_rng(0).integers(0, 256, gray[down, across].shape)
    assert fft_high_frequency(gray) > 0.5


def test_six_tiles_lie_in_the_corners_and_off_the_middle_of_a_small_image():
    starts = [(rows.start, columns.start) for rows, columns in tile_places((196, 296))]
    assert starts == [(0, 0), (0, 200), (35, 70), (65, 130), (100, 0), (100, 200)]


def test_nine_tiles_make_a_grid_on_a_large_image():
    starts = [(rows.start, columns.start) for rows, columns in tile_places((750, 1000))]
    assert starts == [(down, across) for down in (0, 327, 654) for across in (0, 452, 904)]


@pytest.mark.parametrize(
    ("shape", "count"), [((1, 1), 1), ((96, 96), 1), ((50, 296), 4), ((50, 30_000), 3)]
)
def test_no_tile_is_taken_twice(shape, count):
    places = tile_places(shape)
    assert len(places) == len({(rows.start, columns.start) for rows, columns in places}) == count


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
