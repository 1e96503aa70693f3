from dataclasses import replace

import pytest

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.measuring.processor import ProcessorMeasurer
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House


class Gatherer(ProcessorMeasurer):
    """Takes some frames at once, as a GPU does; notes how many."""

    device = "cuda"
    gather_px = 200_000

    def __init__(self):
        self.batches = []

    def measure(self, pictures, names=None):
        self.batches.append(len(pictures))
        return super().measure(pictures, names)


def rows(house, table):
    found = house.lake.read(TABLES[table]).to_pylist()
    kept = [{k: v for k, v in row.items() if "commit" not in k} for row in found]
    return sorted(kept, key=lambda row: row["frame_id"])


@pytest.mark.parametrize("batch_size", [5, 32])
def test_frames_measured_together_get_the_rows_of_frames_measured_one_by_one(tmp_path, batch_size):
    settings = {"sampling": {"mode": "all"}, "embedding": {"batch_size": batch_size}}
    gatherer, houses = Gatherer(), []
    for name in ("alone", "together"):
        house = House(tmp_path / name)
        film(house.media / "a.mp4", 0, 1)
        film(house.media / "b.mp4", 2)
        parts = (lambda own: replace(own, measurer=gatherer)) if name == "together" else None
        house.run(parts=parts, **settings)
        houses.append(house)
    alone, together = houses
    assert 1 < max(gatherer.batches) <= batch_size
    for table in ("scores", "labels"):
        assert rows(alone, table) == rows(together, table)
        assert len(rows(together, table)) == len(rows(together, "frames"))
    assert set(MEASURES) <= set(rows(together, "scores")[0])
    assert sum(gatherer.batches) == len(rows(together, "scores"))


def test_the_device_is_taken_from_the_settings(tmp_path):
    house, seen = House(tmp_path), []
    film(house.media / "a.mp4", 3)
    house.run(parts=lambda own: seen.append(own.measurer) or own, quality={"device": "cpu"})
    assert [measurer.device for measurer in seen] == ["cpu"]
