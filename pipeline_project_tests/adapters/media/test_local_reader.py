"""The contract of all media readers, and what the reader of local files adds."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_project.adapters.media.base import MediaReader
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.core.config import SamplingConfig
from pipeline_project.errors import MediaUnknown
from pipeline_project_tests import media_files as files
from pipeline_project_tests.contracts.media_reader import MediaReaderContract


class TestLocalMediaReader(MediaReaderContract):
    @pytest.fixture
    def reader(self) -> MediaReader:
        return LocalMediaReader()

    @pytest.mark.parametrize(
        ("head", "name"),
        [
            (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"),
            (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
            (b"%PDF-1.7\n", "PDF"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        ],
    )
    def test_a_kind_that_is_not_supported_is_called_by_its_name(self, reader, tmp_path, head, name):
        path = tmp_path / "a.jpg"
        path.write_bytes(head + bytes(100) if head[0] == 0 else head)
        with pytest.raises(MediaUnknown, match=name), reader.open(path):
            pass

    def test_files_are_closed_again(self, reader, tmp_path):
        path = files.clip(tmp_path / "a.mp4", 12, b_frames=2)
        still = files.image(tmp_path / "a.png")
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            for each in (path, still):
                with reader.open(each) as media:
                    media.frame_at(0)
                    next(iter(media.frames(SamplingConfig())))
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_nothing_is_written_to_stderr_about_damaged_files(tmp_path):
    bad = [
        files.overwrite_middle(files.clip(tmp_path / "a.mp4", 48, index_first=True), 3000),
        files.cut(files.clip(tmp_path / "b.avi", 48, codec="mpeg4"), 0.5),
        files.cut(files.image(tmp_path / "c.png"), 0.5),
        files.cut(files.image(tmp_path / "d.tiff"), 0.5),
        files.cut(files.image(tmp_path / "e.bmp"), 0.5),
        files.cut(files.image(tmp_path / "f.jpg"), 0.5),
    ]
    program = """
import sys, pathlib
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.core.config import SamplingConfig
from pipeline_project.errors import MediaError
for name in sys.argv[1:]:
    try:
        with LocalMediaReader().open(pathlib.Path(name)) as media:
            list(media.frames(SamplingConfig(mode="all")))
    except MediaError:
        pass
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, bad)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
