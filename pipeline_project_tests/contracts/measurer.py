"""What every `Measurer` must do; each one's test subclasses this pack."""

from functools import cache

import cv2
import numpy as np
import pytest

from pipeline_project.adapters.measuring.base import Gathering, Measurer
from pipeline_project.core.quality.classifier import classifier
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.registry import MEASURES, measure_picture
from pipeline_project.making.photographs import FILES, photograph

SIZES = [(480, 640), (97, 131), (1000, 1500), (33, 500)]
ODD_SIZES = [(1, 1), (1, 9), (2, 7), (3, 500), (40, 33), (96, 96), (95, 193)]

# How far two devices may be apart: a share of the value, and beside it an absolute part. Whole
# numbers are summed alike everywhere; float32 roots, spectra and shares are rounded.
ROUNDED: dict[str, tuple[float, float]] = {
    "sobel_variance": (1e-6, 1e-6),
    **dict.fromkeys(("dark_share", "light_share", "contrast", "entropy"), (1e-6, 1e-6)),
    **{name: (0.0, 1e-4) for name, each in MEASURES.items() if each.needs == "spectra"},
}
EXACT = (1e-12, 1e-12)
# What that makes of the probabilities of the default classifier.
PROBABILITY = 1e-3


@cache
def photographs(height: int, width: int) -> list[Picture]:
    """Real photographs, cut or enlarged to one size, and one of them blurred."""
    found = []
    for name in FILES:
        pixels = photograph(name)
        scale = max(1.0, height / pixels.shape[0], width / pixels.shape[1])
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 3
        found.append(np.ascontiguousarray(pixels[top : top + height, left : left + width]))
    found[3] = cv2.GaussianBlur(found[3], (0, 0), 2)
    return [Picture.of_rgb(pixels) for pixels in found]


def check_equal(found: dict[str, float], expected: dict[str, float]) -> None:
    assert list(found) == list(expected)
    for name, value in found.items():
        share, least = ROUNDED.get(name, EXACT)
        assert value == pytest.approx(expected[name], rel=share, abs=least), name


class MeasurerContract:
    @pytest.fixture
    def measurer(self) -> Measurer:
        raise NotImplementedError

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("count", [1, 3, 8])
    def test_all_measures_of_photographs_are_those_of_one_picture(self, measurer, size, count):
        pictures = photographs(*size)[-count:]
        for picture, values in zip(pictures, measurer.measure(pictures), strict=True):
            assert len(values) == len(MEASURES)
            check_equal(values, measure_picture(picture))

    @pytest.mark.parametrize("size", ODD_SIZES)
    def test_odd_sizes_are_measured_alike(self, measurer, size):
        rng = np.random.default_rng(7)
        noise = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
        pictures = [Picture.of_rgb(pixels) for pixels in (noise, noise // 8 + 100, noise * 0)]
        for picture, values in zip(pictures, measurer.measure(pictures), strict=True):
            assert np.isfinite(list(values.values())).all()
            check_equal(values, measure_picture(picture))

    def test_pictures_of_many_sizes_come_back_in_order(self, measurer):
        groups = [photographs(*size)[:3] for size in SIZES]
        mixed = [picture for together in zip(*groups, strict=True) for picture in together]
        for picture, values in zip(mixed, measurer.measure(mixed), strict=True):
            check_equal(values, measure_picture(picture))

    def test_values_do_not_depend_on_what_is_measured_together(self, measurer):
        pictures = photographs(97, 131)
        together = measurer.measure(pictures)
        for picture, values in zip(pictures, together, strict=True):
            assert measurer.measure([picture])[0] == pytest.approx(values, rel=1e-6, abs=1e-6)

    @pytest.mark.parametrize("count", [1, 3, 8])
    def test_labels_and_probabilities_are_those_of_one_picture_on_the_processor(
        self, measurer, count
    ):
        judge = classifier("default")
        names = {feature.measure for feature in judge.features}
        pictures = photographs(97, 131)[:8]
        for start in range(0, len(pictures), count):
            some = pictures[start : start + count]
            labels = judge.classify_many(measurer.measure(some, names))
            for picture, found in zip(some, labels, strict=True):
                expected = judge.classify(measure_picture(picture, names))
                assert found.label == expected.label
                for name in ("p_sharp", "p_blur", "p_moire"):
                    assert getattr(found, name) == pytest.approx(
                        getattr(expected, name), abs=PROBABILITY
                    )

    def test_only_what_is_asked_for_is_given_in_the_order_of_the_registry(self, measurer):
        asked = {"entropy", "spectral_peak_max", "laplacian_variance", "cr_peak"}
        (values,) = measurer.measure(photographs(97, 131)[:1], asked)
        assert list(values) == [name for name in MEASURES if name in asked]

    def test_an_unknown_measure_is_refused(self, measurer):
        with pytest.raises(ValueError, match="beauty"):
            measurer.measure(photographs(97, 131)[:1], ["entropy", "beauty"])

    def test_no_pictures_give_no_values(self, measurer):
        assert measurer.measure([]) == []

    def test_gathered_pictures_all_come_back_once_in_order(self, measurer):
        pictures = [*photographs(97, 131)[:4], *photographs(33, 500)[:4]]
        gathering = Gathering[int](measurer, ["mean_luma"])
        found = [pair for key, each in enumerate(pictures) for pair in gathering.add(key, each)]
        found += gathering.rest()
        assert [key for key, _ in found] == list(range(8))
        for (_, values), picture in zip(found, pictures, strict=True):
            assert values["mean_luma"] == pytest.approx(picture.gray.mean())
        assert gathering.rest() == []
