"""Names of files reach a spreadsheet as text, and the JSON as they are."""

import csv
import json

import pytest

from pipeline_project_tests.worker.footage import still
from pipeline_project_tests.worker.house import House

NAMES = ["=1+1.jpg", "+1.jpg", "-1.jpg", "@sum.jpg", "\tcell.jpg", "plain=1.jpg"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("house"))
    for number, name in enumerate(NAMES):
        still(house.media / name, number)
    everything = {"proportion_samples": 1}
    result = house.run(selection=everything).result
    return house.publish(result, selection=everything).folder


def test_no_cell_of_the_csv_is_a_formula(folder):
    with (folder / "selection.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["source"] for row in rows} == {
        *("'=1+1.jpg", "'+1.jpg", "'-1.jpg", "'@sum.jpg", "'\tcell.jpg", "plain=1.jpg")
    }
    assert all(float(row["width_px"]) > 0 for row in rows)


def test_the_json_keeps_the_true_names(folder):
    picks = json.loads((folder / "selection.json").read_text())["picks"]
    assert {pick["source"] for pick in picks} == set(NAMES)
