"""What counts as damage. Real healthy files break most simple rules; those cases stand here."""

from pipeline_project.adapters.media.damage import Promise, Tally, judge

FRAME_S = 1 / 25


def classes(tally, promise):
    return [item.error_class for item in judge(tally, promise)]


def whole(packets=100, **changes):
    end = packets * FRAME_S
    tally = Tally(packets=packets, sound_frames=packets, video_end_s=end, any_end_s=end, ended=True)
    for name, value in changes.items():
        setattr(tally, name, value)
    return tally


def promise(frames=100, video_s=4.0, any_s=4.0):
    return Promise(frames, video_s, any_s, FRAME_S)


def test_a_whole_file_is_healthy():
    assert classes(whole(), promise()) == []


def test_repeats_that_an_avi_header_counts_are_not_missing():
    assert classes(whole(68, video_end_s=4.0), promise(frames=444)) == []


def test_frames_missing_at_the_end_are_truncation():
    assert classes(whole(60), promise()) == ["MediaTruncated"]


def test_without_a_frame_count_the_longest_stream_decides():
    by_time = promise(frames=None, video_s=None, any_s=30.0)
    assert classes(whole(any_end_s=29.8), by_time) == []
    assert classes(whole(any_end_s=12.0), by_time) == ["MediaTruncated"]


def test_a_file_that_promises_nothing_is_healthy():
    assert classes(whole(3), promise(None, None, None)) == []


def test_a_pass_that_was_left_early_accuses_nobody_of_truncation():
    assert classes(whole(60, ended=False), promise()) == []


def test_failures_are_counted_in_the_message():
    (item,) = judge(whole(bad_packets=2, damaged_frames=3), promise())
    assert item.error_class == "MediaCorrupt"
    assert "2 of 100 packets" in item.message
    assert "3 frames came out damaged" in item.message
