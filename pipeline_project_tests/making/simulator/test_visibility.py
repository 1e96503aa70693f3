"""Whether a pattern is seen depends on its strength, on what hides it and on what is left of it."""

import cv2
import numpy as np
import pytest

from pipeline_project.making.simulator.visibility import visibility

SHAPE = (240, 320)


def stripes(levels: float, period_px: float = 6.0) -> np.ndarray:
    """Grey stripes of this standard deviation, aslant."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    return levels * np.sqrt(2) * np.sin(2 * np.pi * (0.8 * x + 0.6 * y) / period_px)


def texture(levels: float, blur_px: float, seed: int = 4) -> np.ndarray:
    """Noise of about this standard deviation and of this grain."""
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    soft = cv2.GaussianBlur(noise, (0, 0), blur_px) if blur_px else noise
    return levels * soft / soft.std()


def pixels(gray: np.ndarray) -> np.ndarray:
    return np.repeat(np.rint(np.clip(gray, 0, 255)).astype(np.uint8)[..., None], 3, axis=2)


def seen(pattern: np.ndarray, ground: np.ndarray) -> float:
    made, plain = pixels(ground + pattern), pixels(ground)
    return visibility(made, made, plain)


def test_nothing_added_is_not_seen():
    ground = pixels(128 + texture(20, 1))
    assert visibility(ground, ground, ground) == 0


@pytest.mark.parametrize(("levels", "is_seen"), [(0.9, False), (4.0, True)])
def test_on_a_plain_ground_the_floor_is_about_two_grey_levels(levels, is_seen):
    assert (seen(stripes(levels), np.full(SHAPE, 128.0)) >= 1) == is_seen


def test_texture_of_like_frequency_hides_a_pattern_and_coarse_shading_does_not():
    pattern = stripes(4)
    plain = seen(pattern, np.full(SHAPE, 128.0))
    assert seen(pattern, 128 + texture(40, 1)) < 0.5 * plain
    assert seen(pattern, 128 + texture(40, 30)) > 0.9 * plain


def test_a_stronger_pattern_is_clearer_on_any_ground():
    for ground in (np.full(SHAPE, 128.0), 128 + texture(25, 1)):
        found = [seen(stripes(levels), ground) for levels in (2, 4, 8, 16)]
        assert found == sorted(found)
        assert found[-1] > 2 * found[0]


def test_masking_follows_the_power_law():
    """A mask twice as strong lifts the threshold by 2 to the power of 0.7."""
    weak, strong = (seen(stripes(6), 128 + texture(levels, 1)) for levels in (15, 30))
    assert weak / strong == pytest.approx(2**0.7, rel=0.08)


def test_a_pattern_in_a_small_part_is_not_seen_in_a_quarter_of_the_picture():
    pattern = stripes(12)
    pattern[:, 40:] = 0
    assert seen(pattern, np.full(SHAPE, 128.0)) < 0.2


def test_what_compression_takes_away_is_not_seen_and_what_it_adds_is_no_pattern():
    made, plain = pixels(128 + stripes(4, 3)), pixels(np.full(SHAPE, 128.0))
    before = visibility(made, made, plain)
    blurred = cv2.GaussianBlur(made, (0, 0), 2)
    assert visibility(blurred, made, plain) < 0.1 * before
    noisy = pixels(128 + texture(8, 0))
    assert visibility(noisy, made, plain) < 0.5
