import cv2
import numpy as np
import pytest

from pipeline_project.cli.explain_picture import Explained, draw, in_words
from pipeline_project.core.quality.classifier import classifier
from pipeline_project.core.quality.explain import explain
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.registry import measure_picture
from pipeline_project_tests.cli.conftest import BAD, GOOD, write_image


def test_every_scored_image_gets_its_explanation_and_a_picture(pipeline, photos, tmp_path):
    folder = tmp_path / "why"
    rows = pipeline("score", photos, "--json", "--explain", "--explain-dir", folder).rows
    plain = pipeline("score", photos, "--json").rows
    assert len(rows) == len(GOOD) + len(BAD)
    for row, same in zip(rows, plain, strict=True):
        # Probabilities are computed for other numbers of images at once: the last digit moves.
        assert all(
            row[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)
            for name, value in same.items()
        )
        if not row["ok"]:
            assert row["explanation"] is None and row["picture"] is None
            continue
        assert row["explanation"]["label"] == row["label"]
        for each in row["explanation"]["contributions"]:
            assert each["value"] == row[each["measure"]]
        drawn = cv2.imread(row["picture"])
        assert drawn is not None and drawn.std() > 5
    assert len(list(folder.iterdir())) == sum(row["ok"] for row in rows)


def test_in_words_the_largest_come_first_with_values_and_units(pipeline, tmp_path):
    path = write_image(tmp_path / "a.png")
    answer = pipeline("score", path, "--explain", "--explain-dir", tmp_path / "why")
    assert answer.code == 0
    lines = [line.strip() for line in answer.out.splitlines()]
    assert any(" rather than " in line and "log-odds" in line for line in lines)
    shares = [float(line.split()[0]) for line in lines if line[:1] == "+" and "usual" in line]
    assert shares and shares == sorted(shares, reverse=True)
    assert any("laplacian_variance" in line and "grey levels²" in line for line in lines)
    assert str(tmp_path / "why" / "a.png.png") in lines


def test_a_folder_for_the_pictures_asks_for_them(pipeline, tmp_path):
    path = write_image(tmp_path / "a.png")
    (row,) = pipeline("score", path, "--json", "--explain-dir", tmp_path / "why").rows
    assert row["picture"] == str(tmp_path / "why" / "a.png.png")
    (plain,) = pipeline("score", path, "--json").rows
    assert "picture" not in plain


def test_without_a_folder_named_they_go_into_explained_here(pipeline, tmp_path):
    write_image(tmp_path / "a.png")
    (row,) = pipeline("score", "a.png", "--json", "--explain").rows
    assert row["picture"] == "explained/a.png.png"
    assert (tmp_path / "explained" / "a.png.png").is_file()


def test_images_of_one_name_get_pictures_of_their_own(pipeline, tmp_path):
    for number, folder in enumerate(("one", "two")):
        write_image(tmp_path / folder / "a.png", number)
    listed = [tmp_path / "one", tmp_path / "two"]
    rows = pipeline("score", *listed, "--json", "--explain", "--explain-dir", tmp_path / "w").rows
    assert [row["picture"] for row in rows] == [
        str(tmp_path / "w" / "a.png.png"),
        str(tmp_path / "w" / "a.png-2.png"),
    ]


def test_a_second_run_does_not_explain_the_pictures_of_the_first(pipeline, tmp_path):
    write_image(tmp_path / "a.png")
    command = ("score", tmp_path, "--json", "--explain", "--explain-dir", tmp_path / "explained")
    assert pipeline(*command).rows == pipeline(*command).rows
    assert [path.name for path in (tmp_path / "explained").iterdir()] == ["a.png.png"]


def test_no_image_is_written_over(pipeline, tmp_path):
    for name in ("a.png", "a.png.png"):
        write_image(tmp_path / name)
    before = (tmp_path / "a.png.png").read_bytes()
    images = (tmp_path / "a.png", tmp_path / "a.png.png")
    answer = pipeline("score", *images, "--explain", "--explain-dir", tmp_path)
    assert answer.code == 2
    assert "a.png.png" in answer.err and "--explain-dir" in answer.err
    assert (tmp_path / "a.png.png").read_bytes() == before


def test_a_folder_that_cannot_be_made_ends_it_before_any_work(pipeline, tmp_path):
    path = write_image(tmp_path / "a.png")
    answer = pipeline("score", path, "--explain", "--explain-dir", path)
    assert answer.code == 1
    assert "Making the folder" in answer.err and not answer.out


def drawn(pixels, name="default"):
    picture, judge = Picture.of_rgb(pixels), classifier(name)
    measures = measure_picture(picture)
    verdict = judge.classify(measures)
    likely = {"sharp": verdict.p_sharp, "blur": verdict.p_blur, "moire": verdict.p_moire}
    png = draw(Explained("a" * 300, picture, likely, explain(judge, measures)))
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)


@pytest.mark.parametrize("name", ["default", "talk"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (96, 96), (700, 1100)])
def test_any_shape_can_be_drawn(shape, name):
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    sheet = drawn(pixels, name)
    # Nothing runs over the edges of the sheet.
    for edge in (sheet[:8], sheet[-8:], sheet[:, :8], sheet[:, -8:]):
        assert (edge == sheet[0, 0]).all()


def test_a_black_picture_can_be_drawn():
    assert drawn(np.zeros((64, 80, 3), np.uint8)).shape[2] == 3


def test_the_image_and_the_frame_around_the_tile_are_in_the_drawing():
    pixels = np.full((384, 560, 3), 200, np.uint8)
    pixels[0:96, 0:96] = np.random.default_rng(2).integers(0, 256, (96, 96, 3))
    sheet = drawn(pixels)
    assert (sheet[400, 400] == 200).all()
    assert (sheet[186 + 1, 40 + 50] == (64, 224, 255)).all()


def test_numbers_are_written_to_be_read():
    assert [in_words(value) for value in (0.0, -2.345, 33.333, 12345.6)] == [
        "0", "-2.35", "33.3", "12,346",
    ]  # fmt: skip
