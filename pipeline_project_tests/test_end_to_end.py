"""The whole product on the bundled sample, whose right answer is known."""

import csv
import json
import math
from pathlib import Path

import cv2
import pytest

from pipeline_project.sample import Stretch, load_truth
from pipeline_project_tests.commands import run


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    """One run of `pipeline curate` on the sample: the folder it ran in, and its output."""
    folder = tmp_path_factory.mktemp("curated sample")
    done = run(folder, "pipeline", "curate")
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture(scope="module")
def selection(curated) -> Path:
    return Path(curated[1].stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def picks(selection) -> list[dict[str, str]]:
    with (selection / "selection.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def facts(selection) -> dict:
    return json.loads((selection / "selection.json").read_text())


def truly(pick: dict[str, str]) -> Stretch:
    """What the truth says of the moment that was picked."""
    return load_truth().at(pick["source"], float(pick["timestamp_s"] or 0))


def test_no_blurred_moire_or_dark_frame_is_picked(picks):
    assert picks
    assert {truly(pick).label for pick in picks} == {"sharp"}


def test_every_scene_is_covered(picks):
    assert {truly(pick).scene for pick in picks} == load_truth().scenes


def test_nearly_all_bad_frames_are_excluded_and_nearly_no_good_one(facts):
    seconds = dict.fromkeys(("sharp", "blur", "moire", "dark"), 0)
    for parts in load_truth().clips.values():
        for part in parts:
            seconds[part.label] += math.ceil(part.end_s) - math.ceil(part.start_s)
    bad = sum(seconds.values()) - seconds["sharp"]
    assert 0.9 * bad <= facts["counts"]["excluded"] <= bad + 0.05 * seconds["sharp"]


def test_no_duplicate_is_picked(picks, facts):
    assert facts["counts"]["duplicate_files"] == 1  # one picture lies there under two names
    assert len({pick["frame_id"] for pick in picks}) == len(picks)
    copies = set(load_truth().same_bytes.items())
    sources = {pick["source"] for pick in picks}
    assert copies and not any({one, two} <= sources for one, two in copies)


def test_the_folder_holds_what_the_tables_name(selection, picks, facts):
    written = sorted(path.name for path in (selection / "frames").iterdir())
    assert written == sorted(Path(pick["file"]).name for pick in picks)
    assert [pick["frame_id"] for pick in facts["picks"]] == [pick["frame_id"] for pick in picks]
    for pick in picks:
        pixels = cv2.imread(str(selection / pick["file"]))
        assert pixels.shape[:2] == (int(pick["height_px"]), int(pick["width_px"]))
        assert Path(pick["source"]).stem.split()[0] in pick["file"]


def test_the_report_shows_every_pick(selection, picks):
    page = (selection / "report.html").read_text()
    for pick in picks:
        assert Path(pick["file"]).name in page


def test_a_second_run_computes_nothing_says_so_and_names_the_same_folder(curated, selection):
    before = {path: path.stat().st_mtime_ns for path in selection.rglob("*")}
    again = run(curated[0], "pipeline", "curate", "--json")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert told["folder"] == str(selection)
    assert told["reused"] is True
    assert (told["counts"]["hashed_files"], told["counts"]["decoded_frames"]) == (0, 0)
    assert "othing was decoded, scored or embedded" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in selection.rglob("*")} == before


@pytest.mark.parametrize("job", ["curation_job", "aws_example_job"])
def test_dagster_runs_the_same_job_to_the_same_selection(curated, selection, job):
    command = ["dagster", "job", "execute", "-m", "pipeline_project.definitions", "-j", job]
    done = run(curated[0], *command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "RUN_SUCCESS" in done.stderr
    assert selection.name in done.stderr


def test_the_same_footage_in_another_home_gives_the_same_picks(tmp_path, picks):
    done = run(tmp_path, "pipeline", "curate", "--json")
    assert done.returncode == 0, done.stderr
    with Path(json.loads(done.stdout)["folder"], "selection.csv").open(newline="") as file:
        again = [row["frame_id"] for row in csv.DictReader(file)]
    assert again == [pick["frame_id"] for pick in picks]
