import cv2
import numpy as np
import pytest

from pipeline_project.core.quality.evidence import ISOLATED, evidence, laplacian_map
from pipeline_project.core.quality.picture import Picture


def soft(height, width):
    rng = np.random.default_rng(1)
    noise = rng.normal(128, 60, (height, width)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 6) * 4 - 384, 0, 255).astype(np.uint8)


def with_waves(place, across, down, height=300, width=400):
    gray = soft(height, width).astype(np.float32)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = 40 * np.sin(2 * np.pi * (across * columns + down * rows))
    gray[place] += waves[place]
    return Picture.of_gray(np.clip(gray, 0, 255).astype(np.uint8))


def test_of_moire_the_tile_with_the_waves_is_found_and_their_period():
    corner = (slice(204, 300), slice(304, 400))
    seen = evidence(with_waves(corner, 0.2, -0.15), "moire")
    assert seen.place == corner
    first = seen.peaks[0]
    assert first.height > ISOLATED
    assert (first.across_cycles_per_px, first.down_cycles_per_px) == pytest.approx(
        (0.2, -0.15), abs=0.011
    )
    assert first.period_px == pytest.approx(4, abs=0.2)
    assert list(seen.peaks) == sorted(seen.peaks, key=lambda peak: -peak.height)


def test_of_the_others_it_is_the_tile_with_most_detail():
    gray = soft(300, 400)
    rng = np.random.default_rng(2)
    gray[71:167, 106:202] = rng.integers(0, 256, (96, 96))
    seen = evidence(Picture.of_gray(gray), "sharp")
    assert seen.place == (slice(71, 167), slice(106, 202))
    assert "detail" in seen.because


def test_the_spectrum_shows_both_halves_with_zero_frequency_in_the_middle():
    picture = with_waves((slice(0, 300), slice(0, 400)), 0.25, 0.125)
    seen = evidence(picture, "moire")
    for sign in (1, -1):
        row, column = round(48 + sign * 0.125 * 96), round(48 + sign * 0.25 * 96)
        around = seen.spectrum[row - 4 : row + 5, column - 4 : column + 5]
        assert seen.spectrum[row, column] == around.max()
    # Pixels have no imaginary part: turned by half a turn it is the same.
    assert np.allclose(seen.spectrum[1:, 1:], seen.spectrum[:0:-1, :0:-1], atol=1e-4)


def test_pictures_without_waves_show_their_highest_peak_alone_and_constant_ones_none():
    rng = np.random.default_rng(3)
    noise = Picture.of_gray(rng.integers(0, 256, (200, 200)).astype(np.uint8))
    assert len(evidence(noise, "sharp").peaks) == 1
    assert evidence(Picture.of_gray(np.zeros((50, 40), np.uint8)), "blur").peaks == ()


@pytest.mark.parametrize(("shape", "size"), [((97, 131), (13, 9)), ((64, 64), (64, 64))])
def test_the_map_averages_the_laplacian_over_its_cells(shape, size):
    gray = np.random.default_rng(4).integers(0, 256, shape).astype(np.uint8)
    found = laplacian_map(gray, *size)
    magnitude = np.abs(cv2.Laplacian(gray, cv2.CV_64F, ksize=1))
    assert found.shape == size[::-1]
    assert found.mean() == pytest.approx(magnitude.mean(), rel=0.02)
    rows, columns = shape[0] // size[1], shape[1] // size[0]
    assert found[0, 0] == pytest.approx(magnitude[:rows, :columns].mean(), rel=0.2)


def test_the_map_is_that_of_the_whole_picture_whatever_the_strips():
    gray = np.random.default_rng(6).integers(0, 256, (320, 64)).astype(np.uint8)
    magnitude = np.abs(cv2.Laplacian(gray, cv2.CV_64F, ksize=1))
    cells = magnitude.reshape(80, 4, 16, 4).mean(axis=(1, 3))
    assert np.allclose(laplacian_map(gray, 16, 80), cells, rtol=1e-5)
