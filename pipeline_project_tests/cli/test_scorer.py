import itertools
from functools import partial

import pytest

from pipeline_project.adapters.measuring.processor import ProcessorMeasurer
from pipeline_project.cli.pictures import in_order_by_chunks
from pipeline_project.cli.processes import in_order_by_processes
from pipeline_project.cli.scorer import Scorer
from pipeline_project.core.quality.classifier import classifier
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project_tests.cli.conftest import write_image


class Gatherer(ProcessorMeasurer):
    """Measures several pictures at once, as a GPU does."""

    device = "cuda"
    gather_px = 30_000


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    sizes = [(160, 120), (333, 97), (40, 300)]
    paths = [
        write_image(folder / f"{number:02}.{suffix}", number, sizes[number % 3])
        for number, suffix in zip(range(24), itertools.cycle(("png", "jpg")), strict=False)
    ]
    paths.insert(7, folder / "missing.png")
    return paths


def rows_of(images, threads, chunk, measurer=None):
    scorer = Scorer(classifier("default"), MEASURES, 32, measurer or ProcessorMeasurer())
    return list(in_order_by_chunks(scorer, images, threads, chunk=chunk))


@pytest.fixture(scope="module")
def one_by_one(images):
    return rows_of(images, threads=1, chunk=1)


def check_same(rows, expected):
    for row, other in zip(rows, expected, strict=True):
        assert {name: row[name] for name in MEASURES} == {name: other[name] for name in MEASURES}
        assert (row["path"], row["label"], row["ok"]) == (
            other["path"], other["label"], other["ok"],
        )  # fmt: skip
        for name in ("p_sharp", "p_blur", "p_moire") if row["ok"] else ():
            # Sums of the classifier's products depend on how many images it sees at once.
            assert row[name] == pytest.approx(other[name], abs=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("chunk", [1, 3, 8, 40])
def test_scores_do_not_depend_on_threads_or_chunks(images, one_by_one, threads, chunk):
    check_same(rows_of(images, threads, chunk), one_by_one)


def test_scores_do_not_depend_on_processes(images, one_by_one):
    make = partial(Scorer, classifier("default"), set(MEASURES), 32, ProcessorMeasurer())
    check_same(list(in_order_by_processes(make, images * 3, 2, chunk=2)), one_by_one * 3)


@pytest.mark.parametrize("threads", [1, 2])
def test_pictures_measured_together_stay_with_their_rows(images, one_by_one, threads):
    check_same(rows_of(images, threads, 32, Gatherer()), one_by_one)
    assert [row["ok"] for row in one_by_one].count(False) == 1


def test_a_device_that_gathers_gets_more_images_at_once():
    judge = classifier("talk")
    assert (
        Scorer(judge, (), 32, Gatherer()).chunk > Scorer(judge, (), 32, ProcessorMeasurer()).chunk
    )
