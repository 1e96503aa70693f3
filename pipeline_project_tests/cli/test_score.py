import pytest

from pipeline_project.core.quality.registry import MEASURES, measure_frame
from pipeline_project_tests.cli.conftest import BAD, GOOD, write_image

KEYS = ["path", "ok", "error", "label", "p_sharp", "p_blur", "p_moire", *MEASURES]


def test_every_file_has_its_line_in_order_of_path(pipeline, photos):
    answer = pipeline("score", photos, "--json")
    assert answer.code == 0
    assert [row["path"] for row in answer.rows] == [
        str(photos / name) for name in sorted([*GOOD, *BAD])
    ]
    assert all(list(row) == KEYS for row in answer.rows)


def test_a_file_that_cannot_be_used_says_why_and_the_others_are_scored(pipeline, photos):
    rows = {row["path"]: row for row in pipeline("score", photos, "--json").rows}
    good = [rows[str(photos / name)] for name in GOOD]
    bad = {name: rows[str(photos / name)] for name in BAD}
    assert all(row["ok"] and row["error"] is None for row in good)
    for row in good:
        assert row["p_sharp"] + row["p_blur"] + row["p_moire"] == pytest.approx(1)
        assert row["label"] == max(("sharp", "blur", "moire"), key=lambda name: row[f"p_{name}"])
    assert not any(row["ok"] for row in bad.values())
    assert all(row[key] is None for row in bad.values() for key in KEYS[3:])
    assert "`pipeline curate`" in bad["clip.mp4"]["error"]
    assert "zero bytes" in bad["empty.jpg"]["error"]
    assert "HTML" in bad["page.jpg"]["error"]
    assert "1x1" in bad["tiny.png"]["error"]


def test_measures_are_those_of_the_pixels(pipeline, tmp_path):
    import cv2

    path = write_image(tmp_path / "a.png")
    (row,) = pipeline("score", path, "--json").rows
    pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    assert {name: row[name] for name in MEASURES} == pytest.approx(measure_frame(pixels))


def test_paths_keep_the_order_they_were_given_in(pipeline, photos):
    given = [photos / "z.png", photos / "a.png", photos / "z.png"]
    assert [row["path"] for row in pipeline("score", *given, "--json").rows] == list(
        map(str, given)
    )


def test_the_table_has_one_line_per_file_whatever_its_name(pipeline, photos):
    answer = pipeline("score", photos)
    lines = answer.out.splitlines()
    assert len(lines) == 2 + len(GOOD) + len(BAD)
    assert any(line.endswith(r"b b'\n.jpg") for line in lines)
    assert sum(line.startswith("failed ") for line in lines) == len(BAD)
    assert "8 tried: " in answer.err


def test_a_vanished_file_among_others_is_a_line_of_its_own(pipeline, photos):
    answer = pipeline("score", photos / "gone.png", photos / "a.png", "--json")
    assert answer.code == 0
    assert [row["ok"] for row in answer.rows] == [False, True]


def test_nothing_that_can_be_scored_is_exit_1_with_its_lines(pipeline, photos):
    answer = pipeline("score", photos / "empty.jpg", photos / "page.jpg", "--json")
    assert answer.code == 1
    assert [row["ok"] for row in answer.rows] == [False, False]
    assert "No file could be scored, of 2 tried" in answer.err


def test_a_path_that_does_not_exist_is_wrong_use(pipeline):
    answer = pipeline("score", "nowhere", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert "nowhere" in answer.err


def test_a_folder_without_images_is_wrong_use(pipeline, tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "notes.txt").touch()
    answer = pipeline("score", tmp_path / "none", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert "No images below" in answer.err


def test_names_that_are_not_utf8_come_through(pipeline, tmp_path):
    folder = tmp_path / "odd"
    write_image(folder / "a.png").rename(folder / "\udcff.png")
    (row,) = pipeline("score", folder, "--json").rows
    assert row["path"] == str(folder / "\udcff.png")
    assert pipeline("score", folder).out.splitlines()[-1].endswith(r"odd/\xff.png")
