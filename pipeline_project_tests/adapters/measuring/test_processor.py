import pytest

from pipeline_project.adapters.measuring.base import Gathering
from pipeline_project.adapters.measuring.processor import ProcessorMeasurer
from pipeline_project_tests.contracts.measurer import MeasurerContract, photographs


class TestProcessorMeasurer(MeasurerContract):
    @pytest.fixture
    def measurer(self):
        return ProcessorMeasurer()


def test_the_processor_measures_each_picture_at_once_and_holds_none():
    gathering = Gathering[str](ProcessorMeasurer(), ["entropy"])
    assert [key for key, _ in gathering.add("a", photographs(97, 131)[0])] == ["a"]
