from pipeline_project.core.video.timestamps import RisingTimestamps


def stamped(values, step=10):
    clock = RisingTimestamps(step)
    return [clock.stamp(value) for value in values]


def test_healthy_timestamps_are_kept():
    assert stamped([5, 15, 16, 400]) == [5, 15, 16, 400]


def test_missing_timestamps_count_frames():
    assert stamped([None, None, None]) == [0, 10, 20]


def test_short_falls_back_become_one_tick_later_and_are_caught_up_with():
    assert stamped([0, 30, 10, 20, 40, 40, 50]) == [0, 30, 31, 32, 40, 41, 50]


def test_a_long_fall_back_starts_a_new_part_behind_the_old_one():
    assert stamped([0, 10, *range(20, 1000, 10), 0, 10, 20])[-4:] == [990, 1000, 1010, 1020]


def test_a_step_is_at_least_one_tick():
    assert stamped([None, None], step=0) == [0, 1]
