"""Directions, tiles and lattices: what tells motion from detail and moiré from texture."""

import cv2
import numpy as np
import pytest

from pipeline_project.core.quality.gray import Gray, to_gray
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.registry import measure_gray
from pipeline_project_tests.core.quality.pictures import textured


def taken(name: str, gray: Gray) -> float:
    return measure_gray(gray, [name])[name]


def still() -> Gray:
    return to_gray(textured(400, 400))


def moved(gray: Gray, degrees: float) -> Gray:
    """Blurred along a straight path of 9 pixels."""
    kernel = np.zeros((9, 9), np.float32)
    kernel[4] = 1 / 9
    turn = cv2.getRotationMatrix2D((4, 4), degrees, 1)
    kernel = cv2.warpAffine(kernel, turn, (9, 9))
    return np.asarray(cv2.filter2D(gray, -1, kernel / kernel.sum()), np.uint8)


def with_waves(*cycles_per_px: tuple[float, float]) -> Gray:
    down, across = np.mgrid[0:400, 0:400]
    waves = sum(12 * np.cos(2 * np.pi * (x * across + y * down)) for x, y in cycles_per_px)
    return np.clip(still() + waves, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 135])
@pytest.mark.parametrize(
    "name",
    [
        "spectral_anisotropy",
        "spectral_anisotropy_3",
        "spectral_anisotropy_4",
        "spectral_direction_spread",
    ],
)
def test_motion_in_any_direction_makes_the_spectrum_uneven(name, degrees):
    gray = still()
    assert taken(name, moved(gray, degrees)) > 2 * taken(name, gray)


def test_the_weakest_direction_falls_by_motion_as_by_a_blur_all_round():
    gray = still()
    least = taken("spectral_weakest_direction", gray)
    assert taken("spectral_weakest_direction", moved(gray, 30)) < least - 0.5
    blurred = np.asarray(cv2.GaussianBlur(gray, (0, 0), 1.5), np.uint8)
    assert taken("spectral_weakest_direction", blurred) < least - 0.5


def test_one_sharp_tile_keeps_the_largest_band_up():
    gray = still()
    soft = np.asarray(cv2.GaussianBlur(gray, (0, 0), 3), np.uint8)
    partly = soft.copy()
    partly[:110, :110] = gray[:110, :110]
    assert taken("tile_band_4_max", partly) > taken("tile_band_4_max", soft) + 2


def test_noise_lifts_the_floor_of_a_picture_with_an_empty_part():
    plain = still()
    plain[:150] = 128
    noisy = np.clip(plain + np.random.default_rng(3).normal(0, 4, plain.shape), 0, 255)
    assert taken("tile_floor", plain) == pytest.approx(0, abs=0.01)
    assert taken("tile_floor", noisy.astype(np.uint8)) > 2


@pytest.mark.parametrize(
    "name",
    [
        "spectral_peak_upper",
        "spectral_peak_broad",
        "spectral_peak_second",
        "spectral_excess_median",
    ],
)
def test_a_grid_stands_out_of_the_spectrum(name):
    assert taken(name, with_waves((0.31, 0.07), (-0.07, 0.31))) > taken(name, still()) + 0.5


def test_lines_alone_have_no_second_peak_and_a_lattice_has():
    lines = taken("spectral_peak_second", with_waves((0.31, 0.07)))
    lattice = taken("spectral_peak_second", with_waves((0.31, 0.07), (-0.07, 0.31)))
    assert lattice > lines + 2


def test_wide_bands_stand_over_their_ring():
    assert (
        taken("radial_residual_median", with_waves((0.11, 0.08)))
        > taken("radial_residual_median", still()) + 1
    )


def test_a_texture_has_a_peak_at_half_the_frequency_of_its_highest():
    texture = with_waves((0.34, 0.1), (0.34, 0.1), (0.17, 0.05))
    assert taken("spectral_peak_half", texture) > (
        taken("spectral_peak_half", with_waves((0.34, 0.1))) + 1
    )


def test_tiles_together_are_the_mean_spectrum():
    picture = Picture.of_gray(still())
    assert picture.tile_rings.mean(axis=0) == pytest.approx(picture.ring_means, rel=1e-4)
