"""What every `MediaReader` must do; each reader's test subclasses this pack."""

import os

import numpy as np
import pytest

from pipeline_project.adapters.media.base import MediaReader
from pipeline_project.core.config import SamplingConfig
from pipeline_project.errors import MediaCorrupt, MediaEmpty, MediaUnknown, MediaUnreadable
from pipeline_project_tests import media_files as files

ALL = SamplingConfig(mode="all")


class MediaReaderContract:
    @pytest.fixture
    def reader(self) -> MediaReader:
        raise NotImplementedError

    def test_every_frame_of_a_video_comes_once_and_in_order(self, reader, tmp_path):
        with reader.open(files.clip(tmp_path / "a.mp4", 30, b_frames=2)) as media:
            frames = list(media.frames(ALL))
            assert [files.number_of(frame.pixels) for frame in frames] == list(range(30))
            times = [frame.timestamp_s for frame in frames]
            assert times == pytest.approx([number / files.FPS for number in range(30)])
            assert len({frame.pts for frame in frames}) == 30
            assert media.damage == []

    def test_pixels_are_rgb_uint8(self, reader, tmp_path):
        red = np.zeros((64, 64, 3), np.uint8)
        red[:, :, 0] = 250
        with reader.open(files.image(tmp_path / "a.png", red)) as media:
            (frame,) = media.frames(ALL)
        assert frame.pixels.dtype == np.uint8
        assert (frame.pixels == red).all()
        assert (frame.pts, frame.timestamp_s) == (0, 0.0)

    def test_what_a_file_says_of_itself(self, reader, tmp_path):
        with reader.open(files.clip(tmp_path / "a.mp4", 36)) as media:
            info = media.info
        assert (info.kind, info.codec, info.declared_frames) == ("video", "h264", 36)
        assert (info.width_px, info.height_px) == (files.WIDTH_PX, files.HEIGHT_PX)
        assert (info.fps, info.duration_s) == (pytest.approx(files.FPS), pytest.approx(1.5))
        with reader.open(files.image(tmp_path / "a.jpg")) as media:
            assert media.info.kind == "image"
            assert (media.info.width_px, media.info.height_px) == (192, 128)
            assert media.info.duration_s is None

    @pytest.mark.parametrize("mode", ["all", "every", "keyframes"])
    def test_a_frame_is_found_again_with_the_very_same_pixels(self, reader, tmp_path, mode):
        path = files.clip(tmp_path / "a.mp4", 60, b_frames=2)
        sampling = SamplingConfig(mode=mode, every_s=0.3)
        with reader.open(path) as media:
            frames = list(media.frames(sampling))
        with reader.open(path) as media:
            for frame in reversed(frames):
                again = media.frame_at(frame.pts)
                assert (again.pixels == frame.pixels).all()
                assert (again.pts, again.timestamp_s) == (frame.pts, frame.timestamp_s)

    def test_a_timestamp_that_no_frame_has_is_an_error(self, reader, tmp_path):
        with reader.open(files.clip(tmp_path / "a.mp4", 12)) as media:
            pts = [frame.pts for frame in media.frames(ALL)]
            for missing in (pts[5] + 1, pts[-1] + 10_000):
                with pytest.raises(MediaCorrupt, match=str(missing)):
                    media.frame_at(missing)

    def test_names_do_not_matter(self, reader, tmp_path):
        odd = tmp_path / 'it\'s "odd"\n\u00e9 %d ..txt'
        files.clip(tmp_path / "a.mp4", 5).rename(odd)
        with reader.open(odd) as media:
            assert len(list(media.frames(ALL))) == 5
        picture = files.image(tmp_path / "b.jpg").rename(tmp_path / "b.mp4")
        with reader.open(picture) as media:
            assert media.info.kind == "image"

    def test_a_name_that_is_not_unicode_is_read(self, reader, tmp_path):
        path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
        files.clip(tmp_path / "a.mp4", 5).rename(path)
        with reader.open(path) as media:
            assert len(list(media.frames(ALL))) == 5

    def test_html_named_as_a_video_is_unknown(self, reader, tmp_path):
        self._refused(reader, files.html(tmp_path / "a.mp4"), MediaUnknown, "HTML")

    @pytest.mark.parametrize("name", ["notes.txt", "film.mp4", "photo.jpg", "tty.ans", "a.srt"])
    def test_text_is_unknown(self, reader, tmp_path, name):
        path = tmp_path / name
        path.write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n\n" * 50)
        self._refused(reader, path, MediaUnknown)

    def test_noise_is_unknown(self, reader, tmp_path):
        path = tmp_path / "a.mp4"
        path.write_bytes(np.random.default_rng(3).bytes(200_000))
        self._refused(reader, path, MediaUnknown)

    def test_a_list_of_other_files_is_not_followed(self, reader, tmp_path):
        files.clip(tmp_path / "secret.mp4", 5)
        path = tmp_path / "a.mp4"
        path.write_text("ffconcat version 1.0\nfile 'secret.mp4'\n")
        self._refused(reader, path, MediaUnknown)
        path.write_text(
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n"
        )
        self._refused(reader, path, MediaUnknown)

    def test_zero_bytes_are_empty(self, reader, tmp_path):
        (tmp_path / "a.mp4").touch()
        self._refused(reader, tmp_path / "a.mp4", MediaEmpty, "zero bytes")

    def test_sound_alone_is_empty(self, reader, tmp_path):
        self._refused(reader, files.audio_only(tmp_path / "a.mp4"), MediaEmpty, "audio")

    def test_a_lost_index_is_corrupt(self, reader, tmp_path):
        path = files.cut(files.clip(tmp_path / "a.mp4", 24), 0.6)
        self._refused(reader, path, MediaCorrupt, "index")

    def test_what_cannot_be_read_says_so(self, reader, tmp_path):
        (tmp_path / "folder.mp4").mkdir()
        self._refused(reader, tmp_path / "folder.mp4", MediaUnreadable, "folder")
        self._refused(reader, tmp_path / "gone.mp4", MediaUnreadable, "No such file")
        (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
        self._refused(reader, tmp_path / "link.mp4", MediaUnreadable, "No such file")
        os.mkfifo(tmp_path / "pipe.mp4")
        self._refused(reader, tmp_path / "pipe.mp4", MediaUnreadable, "pipe")

    def _refused(self, reader, path, error, match=None):
        """Opening, or at the latest reading, fails with this error, which names the file."""
        with pytest.raises(error, match=match) as caught, reader.open(path) as media:
            list(media.frames(ALL))
        assert type(caught.value) is error
        assert str(path) in str(caught.value)
