"""The bundled sample says what it shows, and the measures and the classifier see it too."""

from collections import Counter

import av
import cv2
import numpy as np
import pytest

from pipeline_project.core.quality.classifier import classifier
from pipeline_project.core.quality.registry import measure_frame
from pipeline_project.sample import load_truth, sample_dir

TRUTH = load_truth()


def frames_each_second(name):
    """Decode one clip and yield (seconds, RGB pixels) of the first frame of each second."""
    wanted_s = 0
    with av.open(str(sample_dir() / name)) as container:
        for frame in container.decode(video=0):
            if frame.time >= wanted_s:
                yield frame.time, frame.to_ndarray(format="rgb24")
                wanted_s += 1


@pytest.fixture(scope="module")
def judged():
    """(file, seconds, true stretch, measures, classification) of every frame at 1 per second."""
    rows = []
    for name in TRUTH.clips:
        for seconds, pixels in frames_each_second(name):
            measures = measure_frame(pixels)
            given = classifier("default").classify(measures)
            rows.append((name, seconds, TRUTH.at(name, seconds), measures, given))
    return rows


def test_truth_names_exactly_the_files_that_are_there():
    there = {path.name for path in sample_dir().iterdir()}
    assert there == {*TRUTH.clips, *TRUTH.stills}


def test_clips_are_small_enough_to_ship_and_all_alike():
    assert sum(path.stat().st_size for path in sample_dir().iterdir()) <= 7_000_000
    for name in TRUTH.clips:
        with av.open(str(sample_dir() / name)) as container:
            video = container.streams.video[0]
            assert (video.codec_context.name, video.width, video.height) == ("h264", 640, 360)
            assert video.average_rate == 24


@pytest.mark.parametrize("name", TRUTH.clips)
def test_stretches_follow_each_other_to_the_end_of_the_clip(name):
    parts = TRUTH.clips[name]
    assert parts[0].start_s == 0
    assert all(a.end_s == b.start_s for a, b in zip(parts, parts[1:], strict=False))
    with av.open(str(sample_dir() / name)) as container:
        assert container.streams.video[0].frames == round(parts[-1].end_s * 24)


@pytest.mark.parametrize("name", TRUTH.clips)
def test_at_most_a_quarter_of_a_clip_is_spoiled_in_stretches_that_sampling_hits(name):
    parts = TRUTH.clips[name]
    spoiled = [part for part in parts if part.label != "sharp"]
    assert sum(part.end_s - part.start_s for part in spoiled) <= 0.25 * parts[-1].end_s
    assert all(part.end_s - part.start_s >= 2 for part in spoiled if part.label != "dark")


def test_eight_scenes_or_more_every_one_with_sharp_seconds():
    sharp = {
        part.scene for parts in TRUTH.clips.values() for part in parts if part.label == "sharp"
    }
    assert len(TRUTH.scenes) >= 8
    assert sharp == TRUTH.scenes


def test_one_scene_is_in_two_clips_and_looks_the_same_there():
    (scene,) = TRUTH.repeated_scenes
    first, second = TRUTH.repeated_scenes[scene]
    for (at, one), (_, other) in zip(
        frames_each_second(first), frames_each_second(second), strict=False
    ):
        if at >= 6:
            break
        assert cv2.PSNR(one, other) > 30


def test_copies_have_the_same_bytes_under_another_name():
    assert TRUTH.same_bytes
    for copy, original in TRUTH.same_bytes.items():
        assert (sample_dir() / copy).read_bytes() == (sample_dir() / original).read_bytes()


def test_every_spoiled_second_is_seen_as_spoiled(judged):
    missed = [
        (name, seconds, true.label, given)
        for name, seconds, true, _, given in judged
        if true.label in ("blur", "moire") and getattr(given, f"p_{true.label}") < 0.8
    ]
    assert missed == []


def test_no_sharp_second_would_be_dropped(judged):
    dropped = [
        (name, seconds, true.scene, given)
        for name, seconds, true, _, given in judged
        if true.label == "sharp" and max(given.p_blur, given.p_moire) >= 0.8
    ]
    assert dropped == []


def test_dark_seconds_are_near_black_and_no_others(judged):
    for _, _, true, measures, _ in judged:
        assert (measures["mean_luma"] < 8) == (true.label == "dark")


def test_a_second_apart_there_is_enough_of_each_kind(judged):
    counts = Counter(true.label for _, _, true, _, _ in judged)
    assert 100 <= sum(counts.values()) <= 160
    assert counts["blur"] >= 10
    assert counts["moire"] >= 8
    assert counts["dark"] >= 1


def test_stills_are_sharp():
    for name in TRUTH.stills:
        stored = cv2.imread(str(sample_dir() / name), cv2.IMREAD_COLOR_RGB)
        given = classifier("default").classify(measure_frame(np.asarray(stored, np.uint8)))
        assert max(given.p_blur, given.p_moire) < 0.8, name


def test_asking_for_a_moment_gives_its_stretch():
    assert TRUTH.at("coffee_table.mp4", 6.49).label == "sharp"
    assert TRUTH.at("coffee_table.mp4", 6.5).label == "blur"
    last = TRUTH.clips["coffee_table.mp4"][-1]
    assert TRUTH.at("coffee_table.mp4", last.end_s) == last
    with pytest.raises(KeyError):
        TRUTH.at("nothing.mp4", 0)
