"""The same scene at any number of pixels: sharpness alike, memory flat, only what is asked for."""

import tracemalloc

import cv2
import numpy as np
import pytest

from pipeline_project.core.quality import picture, pyramid, spectra
from pipeline_project.core.quality.registry import MEASURES, measure_frame, measure_gray
from pipeline_project.making.photographs import photograph
from pipeline_project_tests.core.quality.pictures import textured

MEGAPIXEL = 1_000_000
SCALE_FREE = [
    "sharpness",
    "reference_laplacian_variance",
    "half_laplacian_variance",
    "quarter_laplacian_variance",
    "tile_laplacian_variance",
]


def at(gray, pixels):
    """Area-averaged to about this many pixels."""
    scale = (pixels / gray.size) ** 0.5
    sides = round(gray.shape[1] * scale), round(gray.shape[0] * scale)
    return cv2.resize(gray, sides, interpolation=cv2.INTER_AREA)


def scene(name):
    """A photograph with 24 megapixels: its own detail, and finer texture laid over it."""
    small = photograph(name)[:, :, 1]
    scale = (24 * MEGAPIXEL / small.size) ** 0.5
    sides = round(small.shape[1] * scale), round(small.shape[0] * scale)
    large = cv2.resize(small, sides, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    rng = np.random.default_rng(0)
    # Detail of equal strength at every scale down to the pixel, as scenes have it.
    for halvings in range(6):
        shape = (sides[1] >> halvings, sides[0] >> halvings)
        layer = cv2.resize(rng.standard_normal(shape, np.float32), sides)
        large += 6 * layer
    return np.clip(large, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["coffee", "rocket", "chelsea"])
def test_sharpness_is_within_a_tenth_at_half_a_megapixel_and_at_24(name):
    large = scene(name)
    expected = measure_gray(large, ["sharpness"])["sharpness"]
    for megapixels in (0.5, 1, 2, 6):
        found = measure_gray(at(large, megapixels * MEGAPIXEL), ["sharpness"])["sharpness"]
        assert found == pytest.approx(expected, rel=0.1), megapixels


def test_a_photograph_made_smaller_keeps_its_sharpness():
    gray = photograph("retina")[:, :, 1]
    expected = measure_gray(gray, ["sharpness"])["sharpness"]
    found = measure_gray(at(gray, 0.5 * MEGAPIXEL), ["sharpness"])["sharpness"]
    assert found == pytest.approx(expected, rel=0.1)


def test_blur_of_the_scene_is_seen_at_both_sizes():
    large = scene("coffee")
    soft = cv2.GaussianBlur(large, (0, 0), 12)
    for size in (0.5, 24):
        sharp, blurred = (
            measure_gray(at(each, size * MEGAPIXEL), ["sharpness"])["sharpness"]
            for each in (large, soft)
        )
        assert blurred < 0.6 * sharp


@pytest.mark.parametrize("name", SCALE_FREE)
def test_a_step_across_a_level_of_the_pyramid_moves_nothing(name):
    """Just over 2 megapixels the reference lies between other levels than just under."""
    gray = textured(1500, 1500)[:, :, 1]
    under, over = gray[:1413, :1413], gray[:1416, :1416]
    assert under.size < 4 * pyramid.REFERENCE_PX < over.size
    assert measure_gray(over, [name])[name] == pytest.approx(
        measure_gray(under, [name])[name], rel=0.02
    )


def test_moire_is_measured_on_native_pixels():
    """A fine grid is there at full size and gone when the picture is made smaller."""
    rows, columns = np.mgrid[:1600, :1600]
    grid = 20 * np.sin(2 * np.pi * 0.25 * (columns + rows))
    noise = np.random.default_rng(0).normal(0, 2, grid.shape)
    gray = np.clip(128 + grid + noise, 0, 255).astype(np.uint8)
    full = measure_gray(gray, ["spectral_peak_median"])["spectral_peak_median"]
    small = measure_gray(at(gray, gray.size / 16), ["spectral_peak_median"])
    assert full > 4 > small["spectral_peak_median"] + 1


def test_large_pictures_take_little_memory_beyond_their_own():
    gray = np.random.default_rng(0).integers(0, 256, (9000, 12000), np.uint8)
    tracemalloc.start()
    try:
        measure_gray(gray)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The pyramid's levels add a third; the re-blurred picture is as large as the picture.
    assert peak < 1.6 * gray.size


def test_what_no_measure_asks_for_is_not_computed(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(picture, "spectra", never)
    monkeypatch.setattr(picture, "gradient_sums", never)
    pixels = textured()
    assert list(measure_frame(pixels, ["sharpness", "entropy"])) == ["sharpness", "entropy"]
    with pytest.raises(AssertionError):
        measure_frame(pixels, ["spectral_slope"])


def test_what_several_measures_share_is_computed_once(monkeypatch):
    calls = []
    monkeypatch.setattr(
        picture, "spectra", lambda gray: calls.append("spectra") or spectra.spectra(gray)
    )
    names = [name for name, measure in MEASURES.items() if measure.needs == "spectra"]
    assert len(names) > 5
    measure_gray(textured()[:, :, 0], names)
    assert calls == ["spectra"]


def test_a_measure_has_the_same_value_alone_and_among_all():
    pixels = textured(300, 400)
    every = measure_frame(pixels)
    for name in MEASURES:
        assert measure_frame(pixels, [name])[name] == every[name]


def test_gray_pixels_are_not_enough_for_measures_of_colour():
    with pytest.raises(ValueError, match="cr_peak need colour"):
        measure_gray(textured()[:, :, 0], ["cr_peak"])


def test_an_unknown_measure_is_named():
    with pytest.raises(ValueError, match="no measure beauty"):
        measure_frame(textured(), ["beauty"])
