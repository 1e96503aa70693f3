"""Names that the Lightly Worker gives to frames of videos."""

import pytest

from pipeline_project.core.video.frame_names import split_frame_name


@pytest.mark.parametrize(
    ("name", "video", "number"),
    [
        ("my_video-153-mp4.png", "my_video.mp4", 153),
        ("a-0007-mov.png", "a.mov", 7),
        ("clips/day-1/a.b-00-avi.png", "clips/day-1/a.b.avi", 0),
        ("Pexels_Videos_1409899-40-mp4.png", "Pexels_Videos_1409899.mp4", 40),
        ("a-1-2-mp4.png", "a-1.mp4", 2),
        (f"{'0f' * 32}-0000012345-mp4.png", f"{'0f' * 32}.mp4", 12345),
    ],
)
def test_a_frame_names_its_video_and_its_number(name, video, number):
    assert split_frame_name(name) == (video, number)


@pytest.mark.parametrize(
    "name", ["", "a.png", "a-mp4.png", "a-12-mp4.jpg", "-12-mp4.png", "a-x-mp4.png"]
)
def test_other_names_are_none_of_a_frame(name):
    assert split_frame_name(name) is None
