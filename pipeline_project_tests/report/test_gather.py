from dataclasses import replace

import pytest

from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.core.quality.classifier import classifier
from pipeline_project.report.gather import read_selection
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1)
    still(house.media / "b.png", 2)
    house.first = house.run()
    return house


def test_a_selection_holds_every_frame_it_looked_at(house):
    rows = read_selection(house.lake, house.first.result.selection_id)
    assert len(rows.candidates) == len(rows.frames) == len(rows.scores) == len(rows.labels) == 3
    assert [row["rank"] for row in rows.picks] == [1, 2, 3]
    names = {rows.source(frame).name for frame in rows.frames}
    assert names == {"a.mp4", "b.png"}
    assert {rows.timestamp_s(frame) for frame in rows.frames} == {None, 0.0, 1.0}


def test_an_older_selection_reads_as_it_was_made(house):
    selection_id = house.first.result.selection_id
    before = read_selection(house.lake, selection_id).labels

    def other(parts):
        return replace(parts, classifier=classifier("talk"))

    later = house.run(parts=other)
    assert read_selection(house.lake, selection_id).labels == before
    assert read_selection(house.lake, later.result.selection_id).labels != before


def test_a_file_is_named_as_this_listing_names_it(house, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for name, new in (("a.mp4", "z.mp4"), ("b.png", "y.png")):
        (house.media / name).rename(moved / new)
    refs = list(FolderSource(moved).list())
    again = house.run(refs)
    assert again.result.reused
    names = [ref.uri for ref in refs]
    rows = read_selection(house.lake, again.result.selection_id, names)
    assert {source.name for source in rows.sources.values()} == {"z.mp4", "y.png"}


def test_what_is_known_of_some_frames_is_at_hand_without_the_others(house):
    rows = read_selection(house.lake, house.first.result.selection_id)
    one, *_ = sorted(rows.frames)
    few = rows.narrowed([one, one, "unknown:0"])
    assert list(few.frames) == list(few.scores) == list(few.labels) == [one]
    assert few.sources == {one.partition(":")[0]: rows.source(one)}
    assert few.card(one, {}) == rows.card(one, {})
    assert len(few.candidates) == 3 and few.narrowed([]).frames == {}
