"""Picks that cannot be written, once or for good, and what later runs make of them."""

import csv
import json

import pytest

from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House
from pipeline_project_tests.worker.test_bad_input import at_look

ALL = {"proportion_samples": 1}


@pytest.fixture
def house(tmp_path):
    """Four picks; two of them could not be written, since their file was away just then."""
    house = House(tmp_path)
    film(house.media / "stays.mp4", 0, 1)
    house.goes = film(house.media / "goes.mp4", 2, 3)
    house.aside = tmp_path / "aside"
    house.refs = house.listing()
    away = at_look(3, house.goes, lambda: house.goes.rename(house.aside))
    house.first = house.run(house.refs, parts=away, selection=ALL)
    return house


def written(house):
    prefix = house.first.result.output_prefix
    return {item.key.rpartition("/")[2] for item in house.store.list(f"{prefix}/frames")}


def run_again(house):
    return house.run(house.refs, selection=ALL).result


def test_every_pick_is_recorded_but_those_in_the_store_are_counted(house):
    assert len(house.picked(house.first.result)) == 4
    assert house.first.counts["picked"] == len(written(house)) == 2
    outcomes = [row["outcome"] for row in house.rows("candidates")]
    assert outcomes == ["picked"] * 4


def test_a_pick_that_could_not_be_written_is_written_by_the_next_run(house):
    house.aside.rename(house.goes)
    again = house.run(house.refs, selection=ALL)
    assert again.result.reused and again.result.selection_id == house.first.result.selection_id
    assert again.counts["picked"] == len(written(house)) == 4
    assert not again.rejects and not again.result.warnings


def test_a_pick_that_still_cannot_be_written_is_told_again(house):
    again = house.run(house.refs, selection=ALL)
    assert again.result.reused and again.counts["picked"] == 2
    assert again.rejected() == {"goes.mp4": "MediaUnreadable"}
    assert len(again.result.warnings) == 2
    assert "goes" in again.result.warnings[0] and "not written" in again.result.warnings[0]


def test_publishing_counts_and_shows_only_what_is_there_and_says_so(house):
    published = house.publish(house.first.result)
    assert published.picked == len(published.files) == 2
    assert {path.name for path in (published.folder / "frames").iterdir()} == written(house)
    with (published.folder / "selection.csv").open() as file:
        assert [row["source"] for row in csv.DictReader(file)] == ["stays.mp4"] * 2
    facts = json.loads((published.folder / "selection.json").read_text())
    assert facts["counts"]["picked"] == len(facts["picks"]) == 2
    assert "2 of 4 picks are left out" in facts["warnings"][-1]
    assert "goes" in facts["warnings"][-1] and "stays" not in facts["warnings"][-1]
    assert "2 of 4 frames picked" in published.report.read_text()


def test_a_folder_without_them_gets_the_frames_that_were_written_later(house):
    folder = house.publish(house.first.result).folder
    (folder / "my notes.txt").write_text("mine")
    taken_out = next(iter(written(house)))
    (folder / "frames" / taken_out).unlink()
    house.aside.rename(house.goes)
    again = house.publish(run_again(house))
    assert again.folder == folder and not again.already_there and again.picked == 4
    assert {path.name for path in (folder / "frames").iterdir()} == written(house) - {taken_out}
    assert (folder / "my notes.txt").read_text() == "mine"
    assert len(json.loads((folder / "selection.json").read_text())["picks"]) == 4
    assert house.publish(run_again(house)).already_there


def test_a_frame_that_somebody_took_out_of_the_store_is_missed_when_publishing(house, tmp_path):
    house.aside.rename(house.goes)
    result = run_again(house)
    gone = sorted(written(house))[0]
    house.store.delete(f"{result.output_prefix}/frames/{gone}")
    published = house.publish(result, tmp_path / "elsewhere")
    assert published.picked == 3 and gone not in published.files
    facts = json.loads((published.folder / "selection.json").read_text())
    assert gone in facts["warnings"][-1]
