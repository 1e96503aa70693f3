import pytest

from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House


@pytest.fixture
def house(tmp_path):
    """Six scenes, two picked."""
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2)
    film(house.media / "b.mp4", 3, 6, 5)
    house.first = house.run(selection={"n_samples": 2})
    return house


def outcomes(house, outcome):
    """Frames of one selection by what became of them."""
    found = {}
    for row in house.rows("candidates"):
        if row["selection_id"] == outcome.result.selection_id:
            found.setdefault(row["outcome"], set()).add(row["frame_id"])
    return found


def test_the_first_selection_of_a_dataset_says_nothing_of_a_past(house):
    assert house.first.result.warnings == [] and house.first.counts["pool"] == 0


def test_new_files_alone_are_considered_and_told_so(house):
    film(house.media / "new.mp4", 7, 8, 9)
    second = house.run(selection={"n_samples": 2})
    new = {row["sha256"] for row in house.rows("media_sources") if row["name"] == "new.mp4"}
    assert {frame.partition(":")[0] for frame in house.picked(second.result)} == new
    assert second.counts["candidates"] == 3 and second.counts["pool"] == 2
    assert second.counts["decoded_files"] == 1
    assert outcomes(house, second)["pool"] == set(house.picked(house.first.result))
    [note] = second.result.warnings
    assert "2 picks from 1 earlier selection" in note and "2 files" in note


def test_a_scene_that_was_picked_before_is_not_picked_again_from_new_files(house):
    picked = {frame for frame in house.picked(house.first.result)}
    shown = [row for row in house.rows("frames") if row["frame_id"] in picked]
    names = {row["sha256"]: row["name"] for row in house.rows("media_sources")}
    scenes = {"a.mp4": (0, 1, 2), "b.mp4": (3, 6, 5)}
    seen = {scenes[names[row["media_sha256"]]][round(row["timestamp_s"])] for row in shown}
    film(house.media / "new.mp4", *sorted(seen), 10)
    second = house.run(selection={"proportion_samples": 1})
    assert second.counts["picked"] == 1 and second.counts["duplicates"] == 2
    kinds = {
        row["kind"]
        for row in house.rows("duplicates")
        if row["selection_id"] == second.result.selection_id
    }
    assert kinds == {"earlier pick"}
    assert house.publish(second.result).picked == 1


def test_the_same_files_with_another_number_give_other_picks(house):
    second = house.run(selection={"n_samples": 3})
    before, after = house.picked(house.first.result), house.picked(second.result)
    assert len(after) == 3 and not set(before) & set(after)
    assert second.counts["candidates"] == 6 and second.counts["duplicates"] == 2
    assert second.counts["decoded_files"] == 0


def test_when_everything_was_picked_nothing_is_left_to_pick(house):
    house.run(selection={"proportion_samples": 1})
    third = house.run(selection={"n_samples": 4})
    assert third.counts["picked"] == 0 and third.counts["survivors"] == 0
    assert house.publish(third.result).files == []


def test_without_the_datapool_a_selection_is_made_afresh(house):
    afresh = house.run(selection={"n_samples": 2}, datapool={"enabled": False})
    assert not afresh.result.reused
    assert list(house.picked(afresh.result)) == list(house.picked(house.first.result))
    assert afresh.counts["pool"] == 0 and afresh.result.warnings == []
    assert house.run(selection={"n_samples": 2}, datapool={"enabled": False}).result.reused


def test_process_all_considers_files_again_that_were_looked_at(house):
    film(house.media / "new.mp4", 7, 8)
    second = house.run(datapool={"process_all": True})
    assert second.counts["candidates"] == 8
    assert not set(house.picked(second.result)) & set(house.picked(house.first.result))


def test_datasets_know_nothing_of_each_other(house):
    other = house.run(selection={"n_samples": 2}, dataset="other")
    assert not other.result.reused and other.counts["pool"] == 0
    assert list(house.picked(other.result)) == list(house.picked(house.first.result))
    assert other.counts["decoded_files"] == 0
    again = house.run(selection={"n_samples": 2})
    assert again.result.selection_id == house.first.result.selection_id


def test_files_that_are_sampled_in_another_way_are_considered_again(house):
    film(house.media / "new.mp4", 7, 8)
    sampling = {"mode": "fps", "fps": 2}
    second = house.run(selection={"n_samples": 3}, sampling=sampling)
    assert second.counts["candidates"] == 2 * (3 + 3 + 2)
    assert not set(house.picked(second.result)) & set(house.picked(house.first.result))
    film(house.media / "newer.mp4", 9, 10)
    third = house.run(selection={"n_samples": 1}, sampling=sampling)
    assert third.counts["candidates"] == 4


def test_images_are_not_considered_again_for_another_sampling_of_videos(tmp_path):
    house = House(tmp_path)
    still(house.media / "a.png", 0)
    film(house.media / "a.mp4", 1, 2)
    house.run(selection={"n_samples": 1})
    second = house.run(selection={"n_samples": 1}, sampling={"mode": "fps", "fps": 2})
    assert second.counts["candidates"] == 4


def test_still_images_after_videos_share_the_dataset_and_it_is_said(house):
    for path in house.media.iterdir():
        path.unlink()
    still(house.media / "c.png", 8)
    second = house.run(selection={"n_samples": 1})
    assert second.counts["picked"] == 1 and second.counts["pool"] == 2
    assert any("picks of video files only" in said for said in second.result.warnings)
    film(house.media / "d.mp4", 9)
    third = house.run(selection={"n_samples": 1})
    assert not any("files only" in said for said in third.result.warnings)
