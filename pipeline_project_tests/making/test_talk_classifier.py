"""Training finds what it was given, and the committed parameters are of its making."""

import numpy as np
import pytest

from pipeline_project.core.quality.classifier import classifier, from_parameters
from pipeline_project.core.records import LABELS
from pipeline_project.making.talk_classifier import Example, cross_validate, examples, fit

CENTRES = {"sharp": (600, 5000, 30), "blur": (12, 500, 10), "moire": (3000, 4000, 40)}


def invented(photos: int = 4, each: int = 30) -> list[Example]:
    rng = np.random.default_rng(5)
    return [
        Example(
            f"photo {photo}",
            label,
            False,
            {
                "laplacian_variance": CENTRES[label][0] * np.exp(0.3 * rng.standard_normal()),
                "sobel_variance": CENTRES[label][1] * np.exp(0.3 * rng.standard_normal()),
                "fft_high_frequency": CENTRES[label][2] + 3 * rng.standard_normal(),
            },
        )
        for photo in range(photos)
        for label in LABELS
        for _ in range(each)
    ]


def test_fit_finds_the_means_and_spreads_that_made_the_examples():
    model = from_parameters(fit(invented()))
    for label, mean, variance in zip(model.labels, model.means, model.variances, strict=True):
        laplacian, sobel, high = CENTRES[label]
        assert mean == pytest.approx((np.log(laplacian), np.log(sobel), high), abs=1)
        assert variance == pytest.approx((0.09, 0.09, 9), rel=0.4)
    assert model.priors == pytest.approx([1 / 3] * 3)


def test_cross_validation_of_separate_labels_finds_no_error():
    table = cross_validate(invented())
    assert "accuracy 1.000, 360 examples" in table


def test_cross_validation_never_fits_to_the_photograph_it_judges():
    found = invented(photos=12, each=10)
    # Sharp frames called blur: fitted to themselves, some would come out as blur.
    odd = [Example("odd", "blur", False, example.measures) for example in found[:10]]
    assert "accuracy 0.973, 370 examples" in cross_validate([*found, *odd])


def test_committed_parameters_label_new_crops_of_a_photograph():
    pytest.importorskip("skimage", reason="the photographs come with the development extra")
    model = classifier("talk")
    found = list(examples("astronaut", count=3, seed=99))
    given = model.classify_many([example.measures for example in found])
    right = sum(a.label == b.label for a, b in zip(found, given, strict=True))
    assert right >= 8
    assert len(found) == 9


def test_the_same_seed_gives_the_same_examples():
    pytest.importorskip("skimage", reason="the photographs come with the development extra")

    def made(seed: int) -> list[float]:
        return [
            value for found in examples("chelsea", 1, seed) for value in found.measures.values()
        ]

    assert made(4) == pytest.approx(made(4), rel=0.01)
    assert made(4) != pytest.approx(made(5), rel=0.01)
