from fractions import Fraction

import pytest

from pipeline_project.core.config import SamplingConfig
from pipeline_project.core.records import MediaInfo
from pipeline_project.core.video.sampling import FrameSampler, expected_frames


def taken(times, keyframes=(), **sampling):
    sampler = FrameSampler(SamplingConfig(**sampling))
    return [
        number
        for number, time in enumerate(times)
        if sampler.take(float(time), is_keyframe=number in keyframes)
    ]


def steady(count, rate):
    return [number / Fraction(rate) for number in range(count)]


def test_every_second_of_a_steady_video():
    assert taken(steady(100, 25), mode="every", every_s=1) == [0, 25, 50, 75]


def test_all_takes_all():
    assert taken([0, 0.1, 5, 5.1], mode="all") == [0, 1, 2, 3]


def test_keyframes_takes_keyframes_and_the_first_frame():
    assert taken(steady(10, 5), keyframes={3, 7}, mode="keyframes") == [0, 3, 7]


def test_a_late_first_frame_is_taken_and_no_target_is_served_twice():
    assert taken([0.3, 0.9, 1.0, 1.1, 2.0], mode="every", every_s=1) == [0, 2, 4]


def test_one_frame_ends_a_pause_over_several_targets():
    assert taken([0, 4.2, 4.9, 5.0, 5.1], mode="every", every_s=1) == [0, 1, 3]


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(24000, 1001), 25, 60])
@pytest.mark.parametrize("rounding_s", [0, 0.001])
def test_asking_for_the_own_rate_loses_no_frame(rate, rounding_s):
    times = steady(3000, rate)
    if rounding_s:
        times = [round(time, 3) for time in times]
    assert len(taken(times, mode="fps", fps=float(rate))) == 3000


def test_half_the_rate_takes_every_other_frame():
    assert taken(steady(20, 50), mode="fps", fps=25) == list(range(0, 20, 2))


def test_a_rate_far_above_the_video_takes_each_frame_once():
    assert taken(steady(20, 25), mode="fps", fps=10_000) == list(range(20))


def test_long_videos_do_not_drift():
    # 200,000 frames last 6,673.3 s: targets 0 to 66,733.
    times = steady(200_000, Fraction(30000, 1001))
    assert len(taken(times, mode="every", every_s=0.1)) == 66_734


VIDEO = MediaInfo("video", "h264", 64, 64, fps=25.0, duration_s=4.0, declared_frames=100)


@pytest.mark.parametrize(
    ("sampling", "count"),
    [
        ({"mode": "every", "every_s": 1}, 4),
        ({"mode": "every", "every_s": 100}, 1),
        ({"mode": "fps", "fps": 5}, 20),
        ({"mode": "fps", "fps": 1000}, 100),
        ({"mode": "all"}, 100),
    ],
)
def test_the_expected_count_is_what_sampling_takes(sampling, count):
    assert expected_frames(VIDEO, SamplingConfig(**sampling)) == count
    keyframes = set(range(0, 100, 25))
    assert len(taken(steady(100, 25), keyframes, **sampling)) == count


def test_what_cannot_be_expected_is_none():
    assert expected_frames(VIDEO, SamplingConfig(mode="keyframes")) is None
    silent = MediaInfo("video", "h264", 64, 64)
    assert expected_frames(silent, SamplingConfig()) is None
    assert expected_frames(silent, SamplingConfig(mode="all")) is None


def test_an_image_is_one_frame_whatever_the_sampling():
    image = MediaInfo("image", "png", 64, 64)
    for mode in ("every", "fps", "keyframes", "all"):
        assert expected_frames(image, SamplingConfig(mode=mode)) == 1
