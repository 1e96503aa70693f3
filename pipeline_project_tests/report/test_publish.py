import csv
import json
import threading

import cv2
import numpy as np
import pytest
import yaml

from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project.errors import LakeError, PermanentError, PipelineError
from pipeline_project.report.publish import publish
from pipeline_project_tests import media_files
from pipeline_project_tests.worker.footage import film, photograph, still
from pipeline_project_tests.worker.house import House

EVERYTHING = {"proportion_samples": 1}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    house = House(tmp_path_factory.mktemp("house"))
    film(house.media / 'a clip, "one".mp4', 0, 1, 2)
    media_files.turned_clip(house.media / "turned.mp4", media_files.QUARTER_CLOCKWISE)
    still(house.media / "photo.jpg", 3)
    still(house.media / "picture.png", 5)
    media_files.html(house.media / "page.mp4")
    house.outcome = house.run(selection=EVERYTHING)
    house.published = house.publish(house.outcome.result, selection=EVERYTHING)
    return house


@pytest.fixture(scope="module")
def table(house):
    with (house.published.folder / "selection.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def facts(house):
    return json.loads((house.published.folder / "selection.json").read_text())


def pixels_of(path):
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def test_the_folder_holds_frames_tables_report_and_settings(house):
    published = house.published
    assert published.folder == house.out / house.outcome.result.selection_id
    assert {path.name for path in published.folder.iterdir()} == {
        *("frames", "selection.csv", "candidates.csv", "selection.json"),
        *("report.html", "pipeline.yaml"),
    }
    written = {path.name for path in (published.folder / "frames").iterdir()}
    assert written == set(published.files) and published.picked == len(written) == 6
    assert not published.already_there
    assert list(house.out.iterdir()) == [published.folder]


def test_csv_and_json_agree_with_the_lake(house, table, facts):
    labels = {row["frame_id"]: row for row in house.rows("labels")}
    scores = {row["frame_id"]: row for row in house.rows("scores")}
    frames = {row["frame_id"]: row for row in house.rows("frames")}
    assert [f"frames/{name}" for name in house.published.files] == [row["file"] for row in table]
    assert [int(row["rank"]) for row in table] == list(range(1, 7))
    assert {row["frame_id"]: row["file"][7:] for row in table} == house.picked(house.outcome.result)
    for row in table:
        frame = row["frame_id"]
        assert row["label"] == labels[frame]["label"]
        assert float(row["p_sharp"]) == pytest.approx(labels[frame]["p_sharp"])
        assert all(float(row[name]) == scores[frame][name] for name in MEASURES)
        assert int(row["width_px"]) == frames[frame]["width_px"]
    for line, pick in zip(table, facts["picks"], strict=True):
        assert {name: str(value) if value is not None else "" for name, value in pick.items()} == {
            **line
        }


def test_the_json_tells_where_the_selection_is_from(house, facts):
    result = house.outcome.result
    assert facts["selection_id"] == result.selection_id
    assert (facts["run_id"], facts["commit_id"]) == (result.run_id, result.commit_id)
    assert facts["source"] == str(house.media)
    assert facts["counts"]["picked"] == 6 and facts["counts"]["rejected"] == 1
    assert [row["name"] for row in facts["rejects"]] == ["page.mp4"]
    assert [stage["name"] for stage in facts["stages"]][:2] == ["probe", "sample"]


def test_the_settings_beside_it_repeat_the_run(house):
    stored = yaml.safe_load((house.published.folder / "pipeline.yaml").read_text())
    assert CurationConfig.model_validate(stored) == house.config(selection=EVERYTHING)


def test_frames_are_decodable_full_size_and_upright(house, table):
    for row in table:
        pixels = pixels_of(house.published.folder / row["file"])
        assert pixels.shape[:2] == (int(row["height_px"]), int(row["width_px"]))
        if row["source"] == "turned.mp4":
            assert pixels.shape[:2] == (media_files.WIDTH_PX, media_files.HEIGHT_PX)
        if row["source"].startswith("a clip"):
            shown = photograph(round(float(row["timestamp_s"])))
            assert np.abs(pixels.astype(int) - shown).mean() < 8


def test_a_still_jpeg_is_copied_byte_for_byte(house, table):
    [row] = [row for row in table if row["source"] == "photo.jpg"]
    copied = (house.published.folder / row["file"]).read_bytes()
    assert copied == (house.media / "photo.jpg").read_bytes()
    assert row["timestamp_s"] == ""


def test_names_hold_rank_source_and_time(house):
    names = "\n".join(house.published.files)
    assert "_a-clip-one_00h00m01.000s.jpg" in names
    assert "_photo.jpg" in names and "_picture.jpg" in names


def test_previews_are_the_first_picks_in_their_order(house, table):
    thumbnails = {row["frame_id"]: row["jpeg"] for row in house.rows("thumbnails")}
    assert house.published.previews == [thumbnails[row["frame_id"]] for row in table]


def test_the_report_holds_every_pick_and_every_reject(house):
    page = house.published.report.read_text()
    assert all(name in page for name in house.published.files)
    assert "page.mp4" in page and "an HTML page" in page


def test_publishing_again_changes_nothing_and_says_so(house):
    marked = house.published.folder / "report.html"
    before = marked.stat().st_mtime_ns
    again = house.publish(house.outcome.result, selection=EVERYTHING)
    assert again.already_there and again.files == house.published.files
    assert marked.stat().st_mtime_ns == before


def test_publishers_that_race_leave_one_whole_folder(house, tmp_path):
    barrier = threading.Barrier(4)
    done = []

    class Together(LocalObjectStore):
        def download(self, key, path):
            if not list(path.parent.iterdir()):
                barrier.wait(30)
            super().download(key, path)

    def work():
        done.append(
            publish(
                lake=house.lake,
                store=Together(house.home / "store"),
                result=house.outcome.result,
                config=house.config(),
                out_dir=tmp_path,
            )
        )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(each.already_there for each in done) == [False, True, True, True]
    [folder] = tmp_path.iterdir()
    assert {path.name for path in (folder / "frames").iterdir()} == set(done[0].files)
    assert not (folder / folder.name).exists()


def test_a_publication_that_fails_half_way_leaves_no_folder_and_can_be_repeated(house, tmp_path):
    class Failing(LocalObjectStore):
        left = 3

        def download(self, key, path):
            Failing.left -= 1
            if Failing.left < 0:
                raise PermanentError("the disk is gone")
            super().download(key, path)

    with pytest.raises(PipelineError, match="disk is gone"):
        publish(
            lake=house.lake,
            store=Failing(house.home / "store"),
            result=house.outcome.result,
            config=house.config(),
            out_dir=tmp_path,
        )
    assert list(tmp_path.iterdir()) == []
    assert house.publish(house.outcome.result, tmp_path).picked == 6


def test_an_output_folder_that_cannot_be_made_is_a_clear_error(house, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PermanentError, match="Writing the selection to .*safe in the lake"):
        house.publish(house.outcome.result, tmp_path / "file")


def test_a_selection_that_is_not_there_is_named(house):
    unknown = house.outcome.result.model_copy(update={"selection_id": "20000101-none"})
    with pytest.raises(LakeError, match="20000101-none"):
        house.publish(unknown)
