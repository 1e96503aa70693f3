"""Videos: odd clocks, turned pictures, sampling on real files, damage."""

import numpy as np
import pytest

from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.core.config import SamplingConfig
from pipeline_project.core.video.sampling import expected_frames
from pipeline_project.errors import MediaCorrupt, MediaEmpty
from pipeline_project_tests import media_files as files

ALL = SamplingConfig(mode="all")
KEYFRAMES = SamplingConfig(mode="keyframes")


def read(path, sampling=ALL, **reader):
    with LocalMediaReader(**reader).open(path) as media:
        frames = list(media.frames(sampling))
        return frames, media.damage, media.info


def numbers(frames):
    return [files.number_of(frame.pixels) for frame in frames]


CLIPS = {
    "h264.mp4": {"b_frames": 2},
    "h264.mov": {"b_frames": 2, "audio": True},
    "h264.mkv": {"b_frames": 2},
    "h264.avi": {"b_frames": 2},
    "h264.ts": {"b_frames": 2},
    "raw.264": {"b_frames": 2, "container": "h264"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "mpeg4.avi": {"codec": "mpeg4", "b_frames": 2},
    "mpeg2.mpg": {"codec": "mpeg2video", "b_frames": 2},
    "mjpeg.avi": {"codec": "mjpeg"},
}


@pytest.fixture(scope="module", params=CLIPS, ids=str)
def any_clip(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / request.param
    return files.clip(path, 60, **CLIPS[request.param])


class TestEveryContainer:
    def test_frames_come_in_order_with_rising_times_and_no_false_alarm(self, any_clip):
        frames, damage, _ = read(any_clip)
        assert numbers(frames) == list(range(60))
        times = np.array([frame.timestamp_s for frame in frames])
        assert times[0] == pytest.approx(0, abs=0.001)
        assert (np.diff(times) > 0).all()
        assert np.abs(times - np.arange(60) / files.FPS).max() < 3 / files.FPS
        assert damage == []

    def test_any_frame_is_found_again_in_any_order(self, any_clip):
        frames, _, _ = read(any_clip)
        with LocalMediaReader().open(any_clip) as media:
            for index in (59, 0, 13, 12, 14, 30, 31, 30, 58, 1):
                again = media.frame_at(frames[index].pts)
                assert (again.pixels == frames[index].pixels).all()
                assert again.timestamp_s == frames[index].timestamp_s

    def test_keyframes_are_the_same_pictures_and_names_as_among_all_frames(self, any_clip):
        every = {frame.pts: frame.pixels for frame in read(any_clip)[0]}
        keyframes, damage, _ = read(any_clip, KEYFRAMES)
        assert 5 <= len(keyframes) <= 60
        assert all((every[frame.pts] == frame.pixels).all() for frame in keyframes)
        assert damage == []
        with LocalMediaReader().open(any_clip) as media:
            last = keyframes[-1]
            assert (media.frame_at(last.pts).pixels == last.pixels).all()

    def test_more_threads_change_no_pixel(self, any_clip):
        one, four = read(any_clip, threads=1)[0], read(any_clip, threads=4)[0]
        assert [frame.pts for frame in one] == [frame.pts for frame in four]
        assert all((a.pixels == b.pixels).all() for a, b in zip(one, four, strict=True))


class TestSampling:
    def test_one_per_second(self, tmp_path):
        frames, _, info = read(files.clip(tmp_path / "a.mp4", 80), SamplingConfig())
        assert numbers(frames) == [0, 24, 48, 72]
        assert expected_frames(info, SamplingConfig()) == 4

    def test_a_rate_above_the_videos_own_takes_each_frame_once(self, tmp_path):
        sampling = SamplingConfig(mode="fps", fps=100)
        frames, _, info = read(files.clip(tmp_path / "a.mp4", 20), sampling)
        assert numbers(frames) == list(range(20))
        assert expected_frames(info, sampling) == 20

    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
    def test_a_variable_frame_rate_gives_the_first_frame_at_or_after_each_second(
        self, tmp_path, name
    ):
        at_ms = [0, 40, 900, 1100, 1140, 3500, 3540, 4000, 4040, 4960]
        frames, damage, _ = read(
            files.clip(tmp_path / name, at_ms=at_ms, b_frames=2), SamplingConfig()
        )
        assert numbers(frames) == [0, 3, 5, 7]
        assert [frame.timestamp_s for frame in frames] == pytest.approx([0, 1.1, 3.5, 4.0])
        assert damage == []

    def test_frames_are_not_read_ahead(self, tmp_path):
        with LocalMediaReader(threads=1).open(files.clip(tmp_path / "a.mp4", 480)) as media:
            iterator = media.frames(ALL)
            next(iterator)
            assert media._tally.packets < 20


class TestTurnedVideos:
    @pytest.mark.parametrize(
        ("turn", "upright"),
        [
            (files.QUARTER_CLOCKWISE, lambda pixels: np.rot90(pixels, 1)),
            (files.QUARTER_COUNTERCLOCKWISE, lambda pixels: np.rot90(pixels, -1)),
            (files.HALF, lambda pixels: np.rot90(pixels, 2)),
            (files.MIRRORED, lambda pixels: pixels[:, ::-1]),
        ],
        ids=["clockwise", "counterclockwise", "half", "mirrored"],
    )
    def test_frames_are_turned_as_players_turn_them(self, tmp_path, turn, upright):
        frames, _, info = read(files.turned_clip(tmp_path / "a.mp4", turn))
        assert numbers([_with(frame, upright(frame.pixels)) for frame in frames]) == list(range(12))
        assert frames[0].pixels.shape == (info.height_px, info.width_px, 3)

    def test_a_frame_found_again_is_turned_too(self, tmp_path):
        path = files.turned_clip(tmp_path / "a.mp4", files.QUARTER_CLOCKWISE)
        frames, _, _ = read(path)
        with LocalMediaReader().open(path) as media:
            assert (media.frame_at(frames[7].pts).pixels == frames[7].pixels).all()


def _with(frame, pixels):
    return type(frame)(frame.pts, frame.timestamp_s, np.ascontiguousarray(pixels))


class TestWrongTimestamps:
    def test_an_mp4_without_composition_offsets_keeps_order_and_finds_frames_again(self, tmp_path):
        path = files.clip(tmp_path / "a.mp4", 60, codec="mpeg4", b_frames=2)
        frames, damage, _ = read(files.without_offsets(path))
        found = numbers(frames)
        assert found == sorted(found)
        assert len(found) >= 58
        pts = [frame.pts for frame in frames]
        assert pts == sorted(set(pts))
        assert damage == []
        with LocalMediaReader().open(path) as media:
            for frame in frames[::7]:
                assert (media.frame_at(frame.pts).pixels == frame.pixels).all()

    def test_sound_that_outlasts_the_picture_is_no_damage(self, tmp_path):
        for name in ("a.mkv", "a.mp4"):
            path = tmp_path / name
            files.clip(path, 48, audio=True)
            assert read(path)[1] == []


class TestDamage:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
    def test_a_file_cut_short_gives_its_frames_and_says_how_many_are_missing(self, tmp_path, name):
        path = files.cut(files.clip(tmp_path / name, 96, index_first=True, b_frames=2), 0.6)
        frames, damage, _ = read(path)
        assert numbers(frames) == list(range(len(frames)))
        assert 20 < len(frames) < 90
        assert damage[0].error_class == "MediaTruncated"
        assert "of 96 declared frames" in damage[0].message

    @pytest.mark.parametrize(
        ("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4")]
    )
    def test_a_cut_file_without_a_frame_count_is_known_by_its_duration(self, tmp_path, name, codec):
        path = files.cut(files.clip(tmp_path / name, 96, codec=codec), 0.5)
        frames, damage, _ = read(path)
        assert numbers(frames) == list(range(len(frames)))
        assert 20 < len(frames) < 90
        assert [item.error_class for item in damage][0] == "MediaTruncated"

    def test_the_last_frame_cut_in_two_is_noticed(self, tmp_path):
        path = files.clip(tmp_path / "a.mp4", 48, index_first=True)
        path.write_bytes(path.read_bytes()[:-20])
        assert read(path)[1][0].error_class == "MediaTruncated"

    def test_overwritten_bytes_are_counted_and_the_rest_is_used(self, tmp_path):
        path = files.clip(tmp_path / "a.mp4", 96, index_first=True)
        files.overwrite_middle(path, path.stat().st_size // 12)
        frames, damage, _ = read(path)
        assert [item.error_class for item in damage] == ["MediaCorrupt"]
        found = [files.number_of(frame.pixels) for frame in frames]
        assert found[:20] == list(range(20))
        assert found[-20:] == list(range(76, 96))

    def test_frames_of_a_damaged_file_are_found_again(self, tmp_path):
        path = files.clip(tmp_path / "a.mp4", 96, index_first=True, b_frames=2)
        files.overwrite_middle(path, path.stat().st_size // 12)
        frames, _, _ = read(path, threads=1)
        with LocalMediaReader(threads=1).open(path) as media:
            for frame in frames[::5]:
                assert (media.frame_at(frame.pts).pixels == frame.pixels).all()

    @pytest.mark.parametrize("seed", range(4))
    def test_frames_built_on_lost_ones_are_never_used(self, tmp_path, seed):
        path = files.clip(tmp_path / "a.mp4", 96, index_first=True, b_frames=2)
        whole = [frame.pixels.astype(int) for frame in read(path)[0]]
        files.overwrite_middle(path, 300, at_share=0.3 + 0.13 * seed, seed=seed)
        frames, damage, _ = read(path)
        assert damage
        for frame in frames:
            number = files.number_of(frame.pixels)
            assert np.abs(frame.pixels - whole[number]).mean() < 1

    def test_an_index_without_pictures_behind_it_is_an_error(self, tmp_path):
        path = files.clip(tmp_path / "a.mp4", 48, index_first=True)
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"mdat") + 4])
        with pytest.raises(MediaEmpty, match="without one frame"):
            read(path)

    def test_pictures_that_are_all_noise_are_an_error(self, tmp_path):
        path = files.clip(tmp_path / "a.mp4", 12, index_first=True)
        data = path.read_bytes()
        start = data.index(b"mdat") + 4
        path.write_bytes(data[:start] + bytes(len(data) - start))
        with pytest.raises(MediaCorrupt, match="none of its 12"):
            read(path)

    def test_a_picture_size_over_the_limit_is_refused(self, tmp_path):
        path = files.clip(tmp_path / "a.mp4", 2)
        with pytest.raises(MediaCorrupt, match="too large"):
            read(path, max_pixels=files.WIDTH_PX * files.HEIGHT_PX - 1)
