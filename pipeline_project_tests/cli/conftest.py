"""A command called in this process, in a folder of its own, with nothing configured."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline_project.cli import main
from pipeline_project.sample import sample_dir


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def pipeline(tmp_path, monkeypatch, capsys):
    """Call `pipeline` with these arguments; gives exit code, stdout and stderr."""
    for name in [*os.environ]:
        if name.startswith(("PIPELINE_", "DAGSTER_", "PEXELS_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Answer:
        capsys.readouterr()
        code = main([str(each) for each in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Answer(code, out, err)

    return call


def write_image(path: Path, seed: int = 0, size: tuple[int, int] = (64, 48)) -> Path:
    """A picture of noise; seeds give different ones."""
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder with good pictures, also further below, odd names, and files that cannot be used."""
    folder = tmp_path / "photos"
    write_image(folder / "a.png", 1)
    write_image(folder / "b b'\n.jpg", 2)
    write_image(folder / "below" / "c.png", 3)
    write_image(folder / "z.png", 4)
    write_image(folder / "tiny.png", 5, size=(1, 1))
    (folder / "empty.jpg").touch()
    (folder / "page.jpg").write_text("<html>no picture</html>")
    (folder / "notes.txt").write_text("not media")
    clip = next(path for path in sorted(sample_dir().iterdir()) if path.suffix == ".mp4")
    (folder / "clip.mp4").symlink_to(clip)
    return folder


GOOD = ["a.png", "b b'\n.jpg", "below/c.png", "z.png"]
BAD = ["clip.mp4", "empty.jpg", "page.jpg", "tiny.png"]
