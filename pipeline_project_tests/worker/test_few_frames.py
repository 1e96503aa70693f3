"""Selections of hardly anything, by real runs."""

import numpy as np
import pytest

from pipeline_project_tests.media_files import image
from pipeline_project_tests.worker.footage import photograph, still
from pipeline_project_tests.worker.house import House


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_one_frame_is_picked_and_more_were_asked_for(house):
    still(house.media / "only.png", 0)
    outcome = house.run(selection={"n_samples": 9})
    assert outcome.counts["picked"] == 1
    assert len(house.publish(outcome.result).files) == 1


def test_more_than_there_are_gives_each_once(house):
    for number in range(4):
        still(house.media / f"{number}.png", number)
    outcome = house.run(selection={"n_samples": 9})
    picked = [row["frame_id"] for row in house.rows("selections")]
    assert len(set(picked)) == len(picked) == outcome.counts["picked"] == 4
    assert any("4 instead of 9 were picked" in said for said in outcome.result.warnings)


def test_of_frames_that_are_all_equal_one_is_picked(house):
    for suffix in ("png", "bmp", "tiff"):
        still(house.media / f"same.{suffix}", 0)
    outcome = house.run(selection={"n_samples": 3})
    assert outcome.counts["picked"] == 1 and outcome.counts["duplicates"] == 2


def test_frames_in_which_nothing_can_be_seen_are_out_and_an_empty_pool_is_no_error(house):
    image(house.media / "black.png", np.zeros((64, 64, 3), np.uint8))
    outcome = house.run(selection={"n_samples": 3})
    assert outcome.counts["picked"] == 0 and outcome.counts["excluded_dark"] == 1
    image(house.media / "seen.png", photograph(1))
    assert house.run(selection={"n_samples": 3}).counts["picked"] == 1
