"""Caps, gaps and sequences, by real runs."""

import itertools

import pytest

from pipeline_project.core.config import CurationConfig
from pipeline_project.errors import ConfigError
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House


@pytest.fixture
def house(tmp_path):
    """Two videos of six scenes each."""
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2, 3, 4, 5)
    film(house.media / "b.mp4", 6, 8, 9, 10, 11, 12)
    return house


def places(house, outcome):
    """(file, seconds) of each pick, in order of rank."""
    names = {row["sha256"]: row["name"] for row in house.rows("media_sources")}
    times = {row["frame_id"]: row["timestamp_s"] for row in house.rows("frames")}
    picked = house.picked(outcome.result)
    return [(names[frame.partition(":")[0]], times[frame]) for frame in picked]


def gaps(found):
    return [
        abs(one[1] - two[1]) for one, two in itertools.combinations(found, 2) if one[0] == two[0]
    ]


def test_no_more_than_so_many_picks_are_of_one_file(house):
    outcome = house.run(selection={"n_samples": 5}, constraints={"max_per_source": 2})
    found = [name for name, _ in places(house, outcome)]
    assert sorted(found) == ["a.mp4", "a.mp4", "b.mp4", "b.mp4"]
    assert any("4 instead of 5" in said for said in outcome.result.warnings)


def test_picks_of_one_video_keep_their_distance_in_time(house):
    outcome = house.run(selection={"n_samples": 4}, constraints={"min_gap_s": 3})
    found = places(house, outcome)
    assert len(found) == 4 and min(gaps(found)) >= 3


def test_still_images_have_no_time_to_keep(tmp_path):
    house = House(tmp_path)
    for number in range(4):
        still(house.media / f"{number}.png", number)
    outcome = house.run(
        selection={"n_samples": 4}, constraints={"min_gap_s": 100, "max_per_source": 1}
    )
    assert outcome.counts["picked"] == 4


def test_earlier_picks_of_a_file_count_for_gap_and_cap(house):
    given = {"datapool": {"process_all": True}}
    first = house.run(selection={"n_samples": 2}, constraints={"max_per_source": 1}, **given)
    second = house.run(selection={"n_samples": 4}, constraints={"max_per_source": 2}, **given)
    assert len(places(house, second)) == 2
    third = house.run(selection={"n_samples": 9}, constraints={"min_gap_s": 2}, **given)
    before = [*places(house, first), *places(house, second)]
    found = places(house, third)
    assert found and all(
        abs(time - past) >= 2 for name, time in found for other, past in before if name == other
    )


def test_other_constraints_are_another_selection(house):
    house.run(selection={"n_samples": 2}, datapool={"enabled": False})
    other = house.run(
        selection={"n_samples": 2}, datapool={"enabled": False}, constraints={"max_per_source": 1}
    )
    assert not other.result.reused


def test_sequences_are_runs_of_consecutive_frames(house):
    outcome = house.run(selection={"n_samples": 6}, constraints={"selected_sequence_length": 3})
    found = places(house, outcome)
    assert len(found) == 6
    for start in (0, 3):
        name, first = found[start]
        assert found[start : start + 3] == [(name, first + step) for step in range(3)]
        assert first in (0, 3)
    reasons = {row["rank"]: row["reason"] for row in house.rows("selections")}
    assert reasons[2].startswith("frame 2 of sequence 1: ")


def test_frames_that_look_alike_stay_in_their_sequence(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 0, 0, 0)
    outcome = house.run(selection={"n_samples": 4}, constraints={"selected_sequence_length": 4})
    assert outcome.counts["picked"] == 4 and outcome.counts["duplicates"] == 0


def test_a_share_is_rounded_up_to_whole_sequences(house):
    outcome = house.run(
        selection={"proportion_samples": 0.3}, constraints={"selected_sequence_length": 2}
    )
    assert outcome.counts["picked"] == 4  # 3.6 of 12


def test_the_frames_of_a_folder_in_order_of_their_names_make_sequences(tmp_path):
    house = House(tmp_path)
    for number, folder in enumerate("aaab"):
        (house.media / folder).mkdir(exist_ok=True)
        still(house.media / folder / f"{number}.png", number)
    outcome = house.run(selection={"n_samples": 4}, constraints={"selected_sequence_length": 2})
    assert [name for name, _ in places(house, outcome)] == ["a/0.png", "a/1.png"]


def test_a_number_that_is_no_whole_number_of_sequences_is_refused(house):
    with pytest.raises(ConfigError, match="5 is no multiple of .*selected_sequence_length 2"):
        house.run(selection={"n_samples": 5}, constraints={"selected_sequence_length": 2})


def test_earlier_sequences_count_for_gap_and_cap(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", *range(14))
    given = {"datapool": {"process_all": True}}
    two = {"selected_sequence_length": 2}
    first = house.run(selection={"n_samples": 2}, constraints=two, **given)
    capped = house.run(
        selection={"n_samples": 8}, constraints={**two, "max_per_source": 3}, **given
    )
    assert len(places(house, capped)) == 4  # two sequences beside the earlier one
    house = House(tmp_path / "other")
    film(house.media / "a.mp4", *range(14))
    first = house.run(selection={"n_samples": 2}, constraints=two, **given)
    apart = house.run(selection={"n_samples": 14}, constraints={**two, "min_gap_s": 2}, **given)
    times = [time for _, time in places(house, apart)]
    starts, ends = times[::2], times[1::2]
    before = [time for _, time in places(house, first)]
    assert len(starts) >= 2
    spans = [*zip(starts, ends, strict=True), (before[0], before[1])]
    for one, two_ in itertools.combinations(sorted(spans), 2):
        assert two_[0] - one[1] >= 2


def test_a_second_run_picks_other_sequences(house):
    given = {"constraints": {"selected_sequence_length": 3}, "datapool": {"process_all": True}}
    first = house.run(selection={"n_samples": 6}, **given)
    second = house.run(selection={"n_samples": 3}, **given)
    assert len(places(house, second)) == 3
    assert not set(places(house, first)) & set(places(house, second))


def test_an_engine_without_caps_and_gaps_is_refused_before_any_work():
    given = {"engine": "mundig", "constraints": {"max_per_source": 1, "min_gap_s": 2}}
    with pytest.raises(ValueError, match="constraints.max_per_source and constraints.min_gap_s"):
        CurationConfig.model_validate(given)
