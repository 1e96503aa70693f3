"""Whatever lies in a folder of pictures, `pipeline score` says something finite or why not."""

import io
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline_project.core.quality.registry import MEASURES
from pipeline_project_tests import media_files as files

SEED = int(os.environ.get("SOAK_SEED", "1"))


def scored(pipeline, folder, *options):
    rows = pipeline("score", folder, "--json", "--measures", "all", *options).rows
    for row in rows:
        if row["ok"]:
            assert row["error"] is None and row["label"] in ("sharp", "blur", "moire")
            numbers = [row[name] for name in ("p_sharp", "p_blur", "p_moire", *MEASURES)]
            assert all(type(number) is float and math.isfinite(number) for number in numbers), row
        else:
            assert row["error"] and all(row[name] is None for name in MEASURES)
    return {Path(row["path"]).name: row for row in rows}


@pytest.fixture
def odd(tmp_path):
    """Files that are strange and whole."""
    folder = tmp_path / "odd"
    folder.mkdir()
    picture = files.picture()
    image = Image.fromarray(picture)
    exif = Image.Exif()
    exif[274] = 6
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.quantize(16).save(folder / "palette.png")
    image.convert("RGBA").save(folder / "alpha.png")
    image.convert("1").save(folder / "one_bit.png")
    image.save(folder / "turned.jpg", exif=exif)
    for suffix in ("gif", "webp", "png"):
        frames = [image.rotate(9)]
        image.save(folder / f"moving.{suffix}", save_all=True, append_images=frames)
    image.convert("LA").save(folder / "gray_alpha.png")
    image.convert("CMYK").save(folder / "cmyk.tiff")
    files.image(folder / "deep.png", picture.astype(np.uint16) * 257)
    files.image(folder / "deep_gray.tiff", picture[:, :, 0].astype(np.uint16) * 257)
    files.image(folder / "black.png", np.zeros((64, 64, 3), np.uint8))
    files.image(folder / "black.jpg", np.zeros((64, 64, 3), np.uint8))
    files.image(folder / "white.png", np.full((64, 64, 3), 255, np.uint8))
    files.image(folder / "nan.tiff", np.full((64, 64), np.nan, np.float32))
    return folder


def test_strange_and_whole_files_have_finite_scores(pipeline, odd):
    rows = scored(pipeline, odd)
    assert len(rows) == 16
    assert [name for name, row in rows.items() if not row["ok"]] == []
    for name in ("black.png", "black.jpg"):
        assert rows[name]["laplacian_variance"] == 0 and rows[name]["dark_share"] == 1
        assert rows[name]["uniform_row_ratio"] == 1


def test_turning_a_camera_changes_no_label_and_hardly_a_score(pipeline, tmp_path):
    picture = Image.fromarray(files.picture())
    for orientation in (1, 3, 6):
        exif = Image.Exif()
        exif[274] = orientation
        picture.save(tmp_path / f"{orientation}.png", exif=exif)
    rows = list(scored(pipeline, tmp_path).values())
    assert len({row["label"] for row in rows}) == 1
    for name in ("laplacian_variance", "sobel_variance", "sharpness"):
        values = [row[name] for row in rows]
        assert max(values) == pytest.approx(min(values), rel=1e-6)


def test_pictures_too_narrow_to_judge_say_so_and_are_scored_when_allowed(
    pipeline, tmp_path, monkeypatch
):
    folder = tmp_path / "narrow"
    folder.mkdir()
    files.image(folder / "dot.png", np.zeros((1, 1, 3), np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, (3, 30000, 3), np.uint8)
    files.image(folder / "tape.png", noise)
    files.image(folder / "tower.png", noise.transpose(1, 0, 2))
    assert all("quality.min_side_px" in row["error"] for row in scored(pipeline, folder).values())
    monkeypatch.setenv("PIPELINE_QUALITY__MIN_SIDE_PX", "3")
    rows = scored(pipeline, folder)
    assert [name for name, row in rows.items() if row["ok"]] == ["tape.png", "tower.png"]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_files_cut_short_are_named_with_a_reason(pipeline, tmp_path, share):
    (tmp_path / "cut").mkdir()
    for suffix in (".jpg", ".png", ".webp", ".gif", ".bmp", ".tiff"):
        files.cut(files.image(tmp_path / "cut" / f"a{suffix}"), share)
    rows = scored(pipeline, tmp_path / "cut")
    assert len(rows) == 6 and not any(row["ok"] for row in rows.values())


FORMATS = {"jpg": "jpeg", "png": "png", "gif": "gif", "webp": "webp", "bmp": "bmp", "tiff": "tiff"}


def _bases():
    image = Image.fromarray(files.picture()).resize((48, 40))
    found = []
    for suffix, name in FORMATS.items():
        modes = {"jpg": ("RGB", "L", "CMYK"), "png": ("RGB", "RGBA", "P", "I;16")}
        for mode in modes.get(suffix, ("RGB",)):
            buffer = io.BytesIO()
            source = image.convert("L").convert("I;16") if mode == "I;16" else image.convert(mode)
            source.save(buffer, name)
            found.append((suffix, buffer.getvalue()))
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", progressive=True)
    return [*found, ("jpg", buffer.getvalue())]


def _spoil(data, rng):
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        # Headers are short and hold what can go wrong; half of the damage is done there.
        reach = min(len(data), 64) if rng.random() < 0.5 else len(data)
        at = int(rng.integers(reach))
        match int(rng.integers(5)):
            case 0:
                data[at] = int(rng.integers(256))
            case 1:
                data[at] ^= 1 << int(rng.integers(8))
            case 2:
                del data[at : at + int(rng.integers(1, 40))]
            case 3:
                data[at:at] = rng.bytes(int(rng.integers(1, 40)))
            case _:
                data[at : at + 4] = [255, 255, 255, 127]
        if not data:
            break
    return bytes(data[: int(rng.integers(len(data) + 1))] if rng.random() < 0.15 else data)


def _fuzz(pipeline, folder, count):
    rng = np.random.default_rng(SEED)
    bases = _bases()
    folder.mkdir()
    for number in range(count):
        suffix, data = bases[number % len(bases)]
        (folder / f"{number:05}.{suffix}").write_bytes(_spoil(data, rng))
    rows = scored(pipeline, folder)
    assert len(rows) == count
    good = sum(row["ok"] for row in rows.values())
    # Damage that spares the pixels, and damage that does not, were both tried.
    assert 0.02 * count < good < 0.9 * count
    assert json.dumps(list(rows.values()), allow_nan=False)


def test_spoilt_files_end_in_a_reason_or_in_finite_scores(pipeline, tmp_path, monkeypatch):
    monkeypatch.setenv("PIPELINE_QUALITY__MIN_SIDE_PX", "3")
    _fuzz(pipeline, tmp_path / "spoilt", 240)


@pytest.mark.soak
def test_many_spoilt_files_end_in_a_reason_or_in_finite_scores(pipeline, tmp_path, monkeypatch):
    monkeypatch.setenv("PIPELINE_QUALITY__MIN_SIDE_PX", "3")
    _fuzz(pipeline, tmp_path / "spoilt", int(os.environ.get("SOAK_COUNT", "2000")))
