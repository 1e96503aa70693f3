"""What a selection service picked, recorded by the worker: the very frames, in the usual tables."""

import json
import subprocess
import sys
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from pipeline_project.adapters.media.frame_numbers import timestamps_of
from pipeline_project.adapters.media.reader import LocalMediaReader
from pipeline_project.core.config import SamplingConfig
from pipeline_project.worker.__main__ import work
from pipeline_project.worker.request import picks_key, rejects_key, request_key
from pipeline_project.worker.stages import FRAME_STAGES
from pipeline_project.worker.states import states_of_run
from pipeline_project_tests import media_files
from pipeline_project_tests.worker.footage import photograph, still
from pipeline_project_tests.worker.house import House, Notes

FRAMES = 48


def numbered(path, codec="libx264", options=None, fps=24):
    """A video whose frame n has the grey level 40 + 4 n; with B-frames unless told otherwise."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=fps, options={"bf": "3", **(options or {})})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.codec_context.gop_size = 12
        stream.bit_rate = 4_000_000
        for number in range(FRAMES):
            pixels = np.full((120, 160, 3), 40 + 4 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def shown_number(jpeg):
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return round((float(image.mean()) - 40) / 4)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def record(house, names, kind="Videos", pts=None, messages=(), run="lightly-1", corrupt=None):
    request = house.ask()
    picks = {
        "service": "lightly",
        "service_run_id": run,
        "kind": kind,
        "input": house.media.as_uri(),
        "names": list(names),
        "pts": pts or {},
        "messages": list(messages),
        "corrupt": corrupt or {},
    }
    house.store.put(picks_key(request.run_id), json.dumps(picks).encode())
    return work(house.home.as_uri(), request_key(request.run_id), Notes())


def frames_of(house, result):
    return [
        house.store.get(f"{result.output_prefix}/frames/{name}")
        for name in house.picked(result).values()
    ]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.mpg", "mpeg2video")],
)
def test_the_numbered_frame_of_a_video_is_the_one_that_is_recorded(house, name, codec):
    path = numbered(house.media / name, codec)
    with LocalMediaReader().open(path) as media:
        decoded = [frame.pts for frame in media.frames(SamplingConfig(mode="all"))]
    assert timestamps_of(path, LocalMediaReader()) == decoded
    stem, _, suffix = name.partition(".")
    wanted = [30, 0, 7, len(decoded) - 1]
    result = record(house, [f"{stem}-{number:02d}-{suffix}.png" for number in wanted])
    assert result.warnings == []
    assert [shown_number(jpeg) for jpeg in frames_of(house, result)] == wanted
    assert (result.counts["picked"], result.counts["candidates"]) == (4, 4)


def test_the_services_own_timestamps_count_before_the_numbers(house):
    path = numbered(house.media / "a.mp4")
    pts = timestamps_of(path, LocalMediaReader())
    name = "a-05-mp4.png"
    result = record(house, [name], pts={name: pts[20]})
    assert [shown_number(jpeg) for jpeg in frames_of(house, result)] == [20]


def test_the_tables_hold_what_a_selection_of_our_own_leaves(house):
    numbered(house.media / "a.mp4")
    result = record(house, ["a-03-mp4.png", "a-40-mp4.png"], messages=["translated"])
    (header,) = house.rows("selection_sets")
    assert (header["engine"], header["run_id"]) == ("lightly", result.run_id)
    picked = list(house.picked(result))
    for table in ("frames", "thumbnails", "scores", "labels", "candidates"):
        assert {row["frame_id"] for row in house.rows(table)} == set(picked)
    rows = house.rows("selections")
    assert {row["reason"] for row in rows} == {"picked by lightly in its run lightly-1"}
    assert result.warnings == ["translated"]


def test_the_report_and_the_folder_come_out_as_ever(house):
    numbered(house.media / "a.mp4")
    result = record(house, ["a-03-mp4.png", "a-40-mp4.png"])
    published = house.publish(result)
    assert published.picked == 2
    assert published.report.is_file()
    names = sorted(path.name for path in (published.folder / "frames").iterdir())
    assert names == ["0001_a_00h00m00.125s.jpg", "0002_a_00h00m01.667s.jpg"]


def test_images_are_recorded_by_their_names(house):
    for scene in range(4):
        still(house.media / f"{scene}.png", scene)
    result = record(house, ["2.png", "0.png"], kind="Images")
    assert result.counts["picked"] == 2
    shown = [
        cv2.imdecode(np.frombuffer(j, np.uint8), cv2.IMREAD_COLOR_RGB)
        for j in frames_of(house, result)
    ]
    for pixels, scene in zip(shown, (2, 0), strict=True):
        assert np.abs(pixels.astype(int) - photograph(scene)).mean() < 8


def test_names_of_other_runs_and_frames_beyond_the_end_are_told_and_left_out(house):
    numbered(house.media / "a.mp4")
    result = record(house, ["b-01-mp4.png", "a-01-mp4.png", f"a-{FRAMES}-mp4.png", "odd.txt"])
    assert result.counts["picked"] == 1
    words = " ".join(result.warnings)
    assert "2 names that the service gave are not of this run's usable files" in words
    assert "b-01-mp4.png, odd.txt" in words
    assert "1 frames that the service picked are beyond the end" in words


def test_nothing_picked_is_a_selection_of_nothing(house):
    numbered(house.media / "a.mp4")
    result = record(house, [])
    assert result.counts["picked"] == 0
    assert house.publish(result).report.is_file()


def test_recording_again_gives_the_same_selection_and_decodes_nothing(house):
    numbered(house.media / "a.mp4")
    first = record(house, ["a-03-mp4.png"])
    again = record(house, ["a-03-mp4.png"])
    assert (again.selection_id, again.reused) == (first.selection_id, True)
    assert again.counts["decoded_files"] == 0
    assert len(house.rows("selection_sets")) == 1


def test_a_later_run_of_our_own_stays_away_from_what_the_service_picked(house):
    for scene in range(4):
        still(house.media / f"{scene}.png", scene)
    record(house, ["0.png", "1.png"], kind="Images")
    own = house.run(selection={"n_samples": 4}, datapool={"process_all": True}).result
    picked = {row["frame_id"] for row in house.rows("selections")}
    assert own.counts["pool"] == 2
    assert own.counts["picked"] == 2
    assert len(picked) == 4


def test_one_damaged_file_costs_its_own_picks_alone(house):
    numbered(house.media / "a.mp4")
    (house.media / "b.mp4").write_bytes(b"no video")
    result = record(house, ["b-01-mp4.png", "a-01-mp4.png"])
    assert result.counts["picked"] == 1
    assert result.counts["rejected"] == 1


def test_a_note_that_cannot_be_understood_is_a_clear_error(house):
    numbered(house.media / "a.mp4")
    request = house.ask()
    house.store.put(picks_key(request.run_id), b'{"service": 3}')
    done = subprocess.run(
        [sys.executable, "-m", "pipeline_project.worker", "--root", house.home.as_uri(),
         "--request", request_key(request.run_id)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "what the service picked" in done.stderr


def test_what_the_service_found_corrupt_stands_among_the_rejects(house):
    numbered(house.media / "a.mp4")
    numbered(house.media / "b.mp4", fps=25)
    corrupt = {"b.mp4": "no frames", "a-07-mp4.png": "uniform rows", "gone.mp4": "not ours"}
    result = record(house, ["a-03-mp4.png"], corrupt=corrupt)
    lines = house.store.get(rejects_key(result.run_id)).splitlines()
    rows = {row["name"]: row for row in map(json.loads, lines)}
    assert set(rows) == {"a.mp4", "b.mp4"}
    assert "no frames" in rows["b.mp4"]["message"] and not rows["b.mp4"]["damaged"]
    assert "frame 7: uniform rows" in rows["a.mp4"]["message"] and rows["a.mp4"]["damaged"]
    assert {row["stage"] for row in rows.values()} == {"lightly"}
    assert (result.counts["rejected"], result.counts["damaged"]) == (1, 1)


def test_states_removals_and_settings_are_noted_as_in_a_run_of_our_own(house):
    for scene in range(4):
        still(house.media / f"{scene}.png", scene)
    first = record(house, ["0.png", "1.png"], kind="Images")
    assert states_of_run(house.lake, first.run_id) == {
        "file": {"new": 4},
        **dict.fromkeys(FRAME_STAGES, {"new": 2}),
        **dict.fromkeys(("select", "write"), {"new": 1}),
    }
    assert first.states["file"]["new"] == 4 and first.states["sample"] == {"new": 2, "skip": 0}
    gone, replaced = house.sha256("3.png"), house.sha256("2.png")
    (house.media / "3.png").unlink()
    still(house.media / "2.png", 5)
    again = record(house, ["0.png", "2.png"], kind="Images", run="lightly-2")
    assert states_of_run(house.lake, again.run_id) == {
        "file": {"removed": 1, "changed": 1, "skip": 2},
        **dict.fromkeys(FRAME_STAGES, {"new": 1, "skip": 1}),
        **dict.fromkeys(("select", "write"), {"changed": 1}),
    }
    assert {row["sha256"] for row in house.rows("removals")} == {gone, replaced}
    for commit in house.lake.log():
        assert json.loads(house.lake.settings(commit))["dataset"] == house.config().dataset


def test_a_file_that_cannot_be_used_is_a_state_and_recovers_when_it_is_picked_whole(house):
    still(house.media / "a.png", 0)
    media_files.html(house.media / "b.png")
    failed = record(house, ["a.png"], kind="Images")
    assert states_of_run(house.lake, failed.run_id)["file"] == {"new": 1, "failed": 1}
    still(house.media / "b.png", 1)
    again = record(house, ["b.png"], kind="Images", run="lightly-2")
    assert states_of_run(house.lake, again.run_id)["file"] == {"recovered": 1, "skip": 1}
    assert again.states["file"]["recovered"] == again.states["sample"]["recovered"] == 1
