"""`pipeline train`, started as a user does."""

import json
import re

import cv2
import numpy as np
import pytest

from pipeline_project.cli import main

LABELS = ("sharp", "blur", "moire")


def picture(label, seed):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (40, 48), np.uint8)
    made = cv2.resize(small, (192, 160), interpolation=cv2.INTER_NEAREST)
    if label == "blur":
        return cv2.GaussianBlur(made, (0, 0), 4)
    if label == "moire":
        wave = 60 * np.sin(np.arange(192) * rng.uniform(1.6, 2.2))[None, :]
        return np.clip(made * 0.5 + 64 + wave, 0, 255).astype(np.uint8)
    return made


def write_labelled(there):
    for label in LABELS:
        (there / label).mkdir(parents=True)
        for number in range(10):
            path = there / label / f"scene{number}__{label}.png"
            cv2.imwrite(str(path), picture(label, number))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    there = tmp_path_factory.mktemp("user") / "labelled"
    write_labelled(there)
    return there


def test_a_model_is_fitted_reported_and_used(folder, tmp_path, capsys):
    (folder / "blur" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    out = tmp_path / "mine.json"
    assert main(["train", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert re.search(r"accuracy \d\.\d+, calibration error .* 30 images, by scene", said.out)
    assert "left out: " in said.err and "broken.jpg" in said.err
    page = (tmp_path / "mine.html").read_text()
    assert "broken.jpg" in page
    assert "http://" not in page and "https://" not in page
    image = folder / "moire" / "scene3__moire.png"
    assert main(["score", str(image), "--classifier", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] == "moire"
    (folder / "blur" / "broken.jpg").unlink()


def test_an_absent_or_nearly_empty_folder_is_named(folder, tmp_path, capsys):
    (tmp_path / "sharp").mkdir()
    out = ["--out", str(tmp_path / "m.json")]
    assert main(["train", str(tmp_path), *out]) == 2
    assert "no folder blur/, moire/" in capsys.readouterr().err
    for label in LABELS[1:]:
        (tmp_path / label).mkdir()
    assert main(["train", str(tmp_path), *out]) == 2
    assert re.search(r"sharp: 0 are there, and at least 10", capsys.readouterr().err)
    assert not (tmp_path / "m.json").exists()


def test_a_single_scene_is_refused(folder, tmp_path, capsys):
    groups = tmp_path / "scenes.csv"
    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("*/*.png"))]
    groups.write_text("path,scene\n" + "".join(f"{path},one\n" for path in paths))
    command = ["train", str(folder), "--out", str(tmp_path / "m.json"), "--groups", str(groups)]
    assert main(command) == 2
    assert "of one scene, 'one'" in capsys.readouterr().err
    groups.write_text("path,scene\nsharp/other.png,one\n")
    assert main(command) == 2
    assert "no scene for" in capsys.readouterr().err
    groups.write_text("file,scene\nsharp/other.png,one\n")
    assert main(command) == 2
    assert "columns path and scene" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "seen"), [("m.txt", "does not end in .json"), ("no/m.json", "folder does not exist")]
)
def test_an_out_that_cannot_be_written_is_refused_before_the_work(
    folder, tmp_path, capsys, out, seen
):
    assert main(["train", str(folder), "--out", str(tmp_path / out)]) == 2
    assert seen in capsys.readouterr().err


def test_score_refuses_what_is_no_classifier(folder, tmp_path, capsys):
    path = tmp_path / "m.json"
    path.write_text("{}")
    image = str(folder / "blur" / "scene1__blur.png")
    assert main(["score", image, "--classifier", str(path)]) == 2
    assert "m.json" in capsys.readouterr().err
    assert main(["score", image, "--classifier", "tlak"]) == 2
    assert "'default' or 'talk'" in capsys.readouterr().err
