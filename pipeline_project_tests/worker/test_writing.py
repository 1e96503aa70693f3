import pytest

from pipeline_project.worker.writing import file_name


@pytest.mark.parametrize(
    "name, expected",
    [
        ("holiday/clip one.mp4", "0003_clip-one_01h02m03.400s.jpg"),
        ("a\nb\t'c'.mp4", "0003_a-b-c_01h02m03.400s.jpg"),
        ("東京 2024.mp4", "0003_東京-2024_01h02m03.400s.jpg"),
        ("x.tar.mp4", "0003_x.tar_01h02m03.400s.jpg"),
        ("...mp4", "0003_unnamed_01h02m03.400s.jpg"),
        ("\U0001f600.mp4", "0003_unnamed_01h02m03.400s.jpg"),
        ("-rf.mp4", "0003_rf_01h02m03.400s.jpg"),
    ],
)
def test_a_name_holds_rank_source_and_time_and_only_safe_characters(name, expected):
    assert file_name(3, name, 3723.4, "video") == expected


def test_a_still_image_has_no_time():
    assert file_name(12345, "a/b.png", 0.0, "image") == "12345_b.jpg"


@pytest.mark.parametrize("letter", ["x", "é", "長", "\U00020000"])
def test_a_long_name_is_cut_so_that_every_file_system_takes_it(letter):
    name = file_name(99_999, letter * 250 + ".mp4", 360_000.5, "video")
    assert len(name.encode()) <= 255
    assert name.endswith("_100h00m00.500s.jpg") and letter in name


def test_a_second_that_rounds_up_is_still_in_order():
    assert file_name(1, "a.mp4", 59.9996, "video") == "0001_a_00h01m00.000s.jpg"
