"""The scripts that made the committed sample still make it."""

import json
from itertools import islice

import numpy as np
import pytest

from pipeline_project.making.camera_moves import View, between, see
from pipeline_project.making.h264 import FRAMES_PER_S, read_video, write_video
from pipeline_project.making.photographs import FILES, photograph
from pipeline_project.making.sample_clips import frames
from pipeline_project.making.sample_scenes import CLIPS, COPIES, STILLS, truth
from pipeline_project.sample import sample_dir, truth_file
from pipeline_project_tests.core.quality.pictures import blurred, textured

pytest.importorskip("skimage", reason="the photographs come with the development extra")


def test_the_committed_truth_is_what_the_scenes_say():
    assert json.loads(truth_file().read_text("utf-8")) == truth()


def test_the_committed_files_are_those_of_the_scenes():
    assert {path.name for path in sample_dir().iterdir()} == {*CLIPS, *STILLS, *COPIES}


@pytest.mark.parametrize("name", ["coffee_table.mp4", "deep_field.mp4"])
def test_the_first_frames_rendered_again_look_like_the_committed_ones(name):
    rendered = list(islice(frames(CLIPS[name], np.random.default_rng(0)), 3))
    committed = read_video(sample_dir() / name)[:3]
    for one, other in zip(rendered, committed, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 6


def test_every_photograph_is_in_the_wheel():
    for name in FILES:
        pixels = photograph(name)
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
        assert min(pixels.shape[:2]) >= 300


def test_a_shot_begins_and_ends_where_it_says():
    start, end = View(10, 20, 100), View(30, 10, 400)
    assert between(start, end, 0) == start
    assert between(start, end, 1) == end
    assert between(start, end, 0.5) == View(20, 15, 200)


def test_a_view_at_one_to_one_is_the_photograph_there_but_for_sharpening():
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[20:40, 30:50] = (10, 200, 90)
    seen = see(photo, View(39.5, 29.5, 80), 80, 60)
    assert np.array_equal(seen[24:36, 34:46], photo[24:36, 34:46])
    assert np.array_equal(seen[:15], photo[:15])


def test_a_video_comes_back_frame_by_frame(tmp_path):
    written = [blurred(textured(64, 96, seed=seed), 2) for seed in range(FRAMES_PER_S)]
    write_video(tmp_path / "clip.mp4", iter(written), quality=12)
    found = read_video(tmp_path / "clip.mp4")
    assert len(found) == len(written)
    for one, other in zip(found, written, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 4
