import pytest

from pipeline_project.core.quality.registry import MEASURES, measure_frame
from pipeline_project_tests.cli.conftest import BAD, GOOD, write_image

KEYS = ["path", "ok", "error", "label", "p_sharp", "p_blur", "p_moire"]
ALWAYS = ["laplacian_variance", "sobel_variance", "fft_high_frequency", "mean_luma", "sharpness"]


def test_every_file_has_its_line_in_order_of_path(pipeline, photos):
    answer = pipeline("score", photos, "--json")
    assert answer.code == 0
    assert [row["path"] for row in answer.rows] == [
        str(photos / name) for name in sorted([*GOOD, *BAD])
    ]
    assert all(list(row)[: len(KEYS)] == KEYS for row in answer.rows)


def test_a_file_that_cannot_be_used_says_why_and_the_others_are_scored(pipeline, photos):
    rows = {row["path"]: row for row in pipeline("score", photos, "--json").rows}
    good = [rows[str(photos / name)] for name in GOOD]
    bad = {name: rows[str(photos / name)] for name in BAD}
    assert all(row["ok"] and row["error"] is None for row in good)
    for row in good:
        assert row["p_sharp"] + row["p_blur"] + row["p_moire"] == pytest.approx(1)
        assert row["label"] == max(("sharp", "blur", "moire"), key=lambda name: row[f"p_{name}"])
    assert not any(row["ok"] for row in bad.values())
    for row in bad.values():
        assert list(row) == list(good[0])
        assert all(value is None for key, value in row.items() if key not in KEYS[:3])
    assert "`pipeline curate`" in bad["clip.mp4"]["error"]
    assert "zero bytes" in bad["empty.jpg"]["error"]
    assert "HTML" in bad["page.jpg"]["error"]
    assert "1x1" in bad["tiny.png"]["error"]


def pixels_of(path):
    import cv2

    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_all_measures_are_those_of_the_pixels(pipeline, tmp_path):
    path = write_image(tmp_path / "a.png")
    (row,) = pipeline("score", path, "--json", "--measures", "all").rows
    assert list(row) == KEYS + list(MEASURES)
    assert {name: row[name] for name in MEASURES} == pytest.approx(measure_frame(pixels_of(path)))


def test_without_being_asked_only_some_are_taken_and_they_are_the_same(pipeline, tmp_path):
    path = write_image(tmp_path / "a.png")
    (row,) = pipeline("score", path, "--json").rows
    taken = list(row)[len(KEYS) :]
    assert set(ALWAYS) <= set(taken) < set(MEASURES)
    expected = measure_frame(pixels_of(path), taken)
    assert {name: row[name] for name in taken} == pytest.approx(expected)


def test_named_measures_come_on_top(pipeline, tmp_path):
    path = write_image(tmp_path / "a.jpg")
    (plain,) = pipeline("score", path, "--json").rows
    (row,) = pipeline("score", path, "--json", "--measures", "noise_sigma, cr_peak").rows
    assert set(row) == set(plain) | {"noise_sigma", "cr_peak"}
    # Asking for colours does not change what is measured in gray.
    assert {name: row[name] for name in plain} == plain


def test_an_unknown_measure_is_wrong_use_and_names_those_there_are(pipeline, tmp_path):
    answer = pipeline("score", write_image(tmp_path / "a.png"), "--measures", "beauty")
    assert answer.code == 2
    assert "beauty" in answer.err and "spectral_peak_max" in answer.err


def test_threads_change_neither_order_nor_scores(pipeline, tmp_path, monkeypatch):
    for number in range(40):
        write_image(tmp_path / "many" / f"{number:02}.jpg", number, (90 + number, 70))
    answers = []
    for threads in ("1", "3"):
        monkeypatch.setenv("PIPELINE_LIMITS__THREADS", threads)
        answers.append(pipeline("score", tmp_path / "many", "--json").rows)
    assert answers[0] == answers[1]
    assert len(answers[0]) == 40


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
