"""What spoils a picture spoils it as a camera would."""

import numpy as np
import pytest

from pipeline_project.core.quality.registry import measure_frame
from pipeline_project.making.degrade import (
    ScreenShot,
    defocus,
    gaussian_blur,
    motion_blur,
    photograph_screen,
    sharpen,
    through_camera,
    to_light,
    to_pixels,
    tone,
)
from pipeline_project_tests.core.quality.pictures import textured

PICTURE = textured(120, 160)
SHOT = ScreenShot(1.7, 0.3, 4.0, 2e-5, 1e-5)


def rng():
    return np.random.default_rng(3)


BLURS = {
    "motion": lambda pixels, strength: motion_blur(pixels, 6 * strength, 20),
    "defocus": lambda pixels, strength: defocus(pixels, 1.5 * strength),
    "gaussian": lambda pixels, strength: gaussian_blur(pixels, strength),
}
SPOILING = {
    **{name: (lambda pixels, blur=blur: blur(pixels, 2)) for name, blur in BLURS.items()},
    "screen": lambda pixels: photograph_screen(pixels, SHOT, rng()),
    "camera": lambda pixels: through_camera(pixels, 0.01, rng()),
    "sharpen": lambda pixels: sharpen(pixels, 0.5),
}
each = pytest.mark.parametrize("spoil", SPOILING.values(), ids=SPOILING)


@each
def test_size_and_mean_light_stay(spoil):
    spoiled = spoil(PICTURE)
    assert spoiled.shape == PICTURE.shape
    assert spoiled.dtype == np.uint8
    assert to_light(spoiled).mean() == pytest.approx(to_light(PICTURE).mean(), rel=0.06)


@each
def test_the_same_seed_gives_the_same_picture(spoil):
    # But for the last rounding, which in OpenCV depends on where the arrays lie in memory.
    assert np.abs(spoil(PICTURE).astype(int) - spoil(PICTURE)).max() <= 1


@pytest.mark.parametrize("blur", BLURS.values(), ids=BLURS)
def test_stronger_blur_leaves_less_detail(blur):
    scores = [measure_frame(blur(PICTURE, strength)) for strength in (0.5, 1, 2, 4)]
    for name in ("laplacian_variance", "sobel_variance", "fft_high_frequency"):
        values = [score[name] for score in scores]
        assert values == sorted(values, reverse=True), name


@pytest.mark.parametrize("blur", BLURS.values(), ids=BLURS)
def test_blur_leaves_a_plain_picture_plain(blur):
    plain = np.full((60, 80, 3), (200, 90, 30), np.uint8)
    assert np.abs(blur(plain, 2).astype(int) - plain).max() <= 1


def test_motion_blurs_along_its_direction_only():
    stripes = np.zeros((80, 80, 3), np.uint8)
    stripes[:, ::8] = 255
    along = motion_blur(stripes, 20, 90)
    across = motion_blur(stripes, 20, 0)
    assert np.array_equal(along, stripes)
    assert across.std() < 0.3 * stripes.std()


def test_a_photographed_screen_has_bands_of_colour_on_a_gray_picture():
    gray = np.full((120, 160, 3), 150, np.uint8)
    taken = photograph_screen(gray, SHOT, rng()).astype(int)
    assert np.ptp(gray, axis=2).max() == 0
    assert np.ptp(taken, axis=2).mean() > 15


def test_a_photographed_screen_gains_fine_detail_that_the_camera_alone_does_not():
    smooth = gaussian_blur(PICTURE, 2)
    screen = measure_frame(photograph_screen(smooth, SHOT, rng()))["laplacian_variance"]
    camera = measure_frame(through_camera(smooth, SHOT.noise, rng()))["laplacian_variance"]
    assert screen > 10 * camera


def test_a_screen_without_stripes_shows_hardly_any_bands():
    gray = np.full((120, 160, 3), 150, np.uint8)
    hidden = ScreenShot(1.7, 0.3, 4.0, noise=0.0, subpixel_contrast=0.0)
    assert np.ptp(photograph_screen(gray, hidden, rng()).astype(int), axis=2).max() <= 1


def test_light_and_pixels_undo_each_other():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
    assert np.array_equal(to_pixels(to_light(levels)), levels)


def test_a_toned_photograph_keeps_its_luma():
    gray = np.full((4, 4, 3), 120, np.uint8)
    toned = tone(gray, (1.0, 0.7, 0.5))
    assert measure_frame(toned)["mean_luma"] == pytest.approx(120, abs=1)
    assert toned[0, 0, 0] > toned[0, 0, 1] > toned[0, 0, 2]
