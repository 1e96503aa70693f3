"""A home with a selection, and exports of it."""

import pytest

from pipeline_project.exports.run import export_selection
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    """A film of three scenes and a still, all picked; then a second film, two picked of it."""
    house = House(tmp_path_factory.mktemp("exports"))
    folder = house.media / "day 1"
    folder.mkdir()
    film(folder / "ä b.mp4", 0, 1, 2)
    still(house.media / "still.png", 3)
    house.first = house.run(selection={"n_samples": 4})
    film(house.media / "second.mp4", 4, 5)
    house.second = house.run(selection={"n_samples": 2})
    return house


@pytest.fixture
def export(house, tmp_path):
    """Export a selection, the first unless told, to a folder of this test."""

    def give(to, outcome=None, **options):
        chosen = (outcome or house.first).result.selection_id
        out = tmp_path / "out"
        return export_selection(house.lake, house.store, chosen, to=to, out=out, **options)

    give.folder = tmp_path / "out"
    return give
