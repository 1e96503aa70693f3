import threading

import numpy as np
import pytest

from pipeline_project.adapters.measuring.base import Gathering
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.registry import MEASURES, measure_picture
from pipeline_project_tests.contracts.measurer import (
    MeasurerContract,
    check_equal,
    photographs,
)

torch = pytest.importorskip("torch", reason="torch comes with the extra `gpu`")

from pipeline_project.adapters.measuring.torch_measurer import (  # noqa: E402
    BATCH_PX,
    TorchMeasurer,
)
from pipeline_project.adapters.measuring.torch_measures import TWINS  # noqa: E402

DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


class TestTorchMeasurer(MeasurerContract):
    @pytest.fixture(params=DEVICES)
    def measurer(self, request):
        return TorchMeasurer(request.param)


def test_every_measure_of_gray_has_a_twin():
    assert set(TWINS) == {name for name, each in MEASURES.items() if not each.colour}


class Small(TorchMeasurer):
    """A device whose memory holds two pictures, or none at all."""

    holds = 2
    sizes: list[int]

    def _values(self, grays, names):
        self.sizes = [*getattr(self, "sizes", []), len(grays)]
        if len(grays) > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super()._values(grays, names)


def test_where_memory_does_not_suffice_half_as_many_go():
    small, pictures = Small("cpu"), photographs(97, 131)[:7]
    for picture, values in zip(pictures, small.measure(pictures), strict=True):
        check_equal(values, measure_picture(picture))
    assert small.sizes == [7, 3, 1, 2, 4, 2, 2]


def test_what_is_too_large_alone_is_measured_by_the_processor():
    small, picture = Small("cpu"), photographs(97, 131)[0]
    small.holds = 0
    assert small.measure([picture]) == [measure_picture(picture)]


def test_other_failures_of_the_device_are_not_hidden():
    class Broken(TorchMeasurer):
        def _values(self, grays, names):
            raise RuntimeError("device-side assert")

    with pytest.raises(RuntimeError, match="device-side"):
        Broken("cpu").measure(photographs(97, 131)[:2])


def test_it_gathers_until_there_is_enough_for_the_device():
    gathering = Gathering[int](TorchMeasurer("cpu"), ["mean_luma"])
    large = Picture.of_gray(np.zeros((2000, BATCH_PX // 4000), np.uint8))
    assert gathering.add(0, large) == []
    assert [key for key, _ in gathering.add(1, large)] == [0, 1]


def test_several_threads_get_their_own_values():
    measurer, pictures = TorchMeasurer("cpu"), photographs(97, 131)
    found: dict[int, dict[str, float]] = {}

    def work(place):
        found[place] = measurer.measure([pictures[place]])[0]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, values in found.items():
        check_equal(values, measure_picture(pictures[place]))
    assert len(found) == 6
