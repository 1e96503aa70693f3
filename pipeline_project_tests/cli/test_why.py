"""`pipeline why`, on a lake that the real worker made."""

import json
import os

import pytest

from pipeline_project.cli import main
from pipeline_project_tests import media_files
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A film, a still, a copy-like still, a dark one and a page that is no media; curated once."""
    house = House(tmp_path_factory.mktemp("why"))
    film(house.media / "holiday.mp4", 0, 1)
    still(house.media / "a.png", 2)
    still(house.media / "b.bmp", 2)
    media_files.image(house.media / "dark.png", media_files.picture() // 64)
    media_files.html(house.media / "page.mp4")
    (house.media / "notes.txt").write_text("nothing")
    house.first = house.run(selection={"n_samples": 2})
    return house


def ask(house, capsys, name):
    code = main(["why", str(name), "--home", str(house.home), "--json"])
    said = capsys.readouterr()
    return code, [json.loads(line) for line in said.out.splitlines()], said.err


def told(house, capsys, name):
    assert main(["why", str(name), "--home", str(house.home)]) == 0
    return capsys.readouterr().out


def outcome(house, what):
    rows = [row for row in house.rows("candidates") if row["outcome"] == what]
    return rows[0]["frame_id"]


def test_a_pick_is_walked_back_to_its_source_and_forward_to_its_selection(house, capsys):
    frame, file_name = next(iter(house.picked(house.first.result).items()))
    for name in (frame, file_name, f"curated/x/frames/{file_name}"):
        code, [facts], _ = ask(house, capsys, name)
        assert code == 0 and facts["frame_id"] == frame
    assert [each["name"] for each in facts["sources"]][0] in ("holiday.mp4", "a.png", "b.bmp")
    assert [each["stage"] for each in facts["stages"]] == (
        ["probe", "sample", "score", "classify", "embed", "file"]
    )
    chain = {each["stage"]: each for each in facts["stages"]}
    assert chain["probe"]["input_sha256"] == frame.partition(":")[0]
    assert chain["classify"]["input_sha256"] == chain["score"]["datum_key"]
    assert all(each["run_link"].endswith("/runs/run-1") for each in facts["stages"])
    [selection] = facts["selections"]
    assert selection["selection_id"] == house.first.result.selection_id
    assert (selection["outcome"], selection["file_name"]) == ("picked", file_name)


def test_each_run_is_linked_once_to_the_web_ui_that_the_settings_name(house, capsys, monkeypatch):
    frame = outcome(house, "picked")
    link = "http://127.0.0.1:3000/runs/run-1"
    assert told(house, capsys, frame).count(link) == 1
    assert told(house, capsys, "page.mp4").count(link) == 1
    monkeypatch.setenv("PIPELINE_UI_URL", "https://dagster.example:8443/")
    assert told(house, capsys, frame).endswith(
        "run run-1: https://dagster.example:8443/runs/run-1\n"
    )
    _, [facts], _ = ask(house, capsys, frame)
    assert facts["selections"][0]["run_link"] == "https://dagster.example:8443/runs/run-1"


def test_a_web_ui_without_an_address_is_refused(house, capsys, monkeypatch):
    monkeypatch.setenv("PIPELINE_UI_URL", "dagster.example:8443")
    code, _, said = ask(house, capsys, "page.mp4")
    assert code == 2 and "ui_url" in said


def test_a_dark_frame_names_the_measure_its_value_and_the_threshold(house, capsys):
    words = told(house, capsys, outcome(house, "excluded"))
    assert "dark: mean_luma is" in words and "threshold 8" in words


def test_a_duplicate_names_the_frame_that_stands_for_it(house, capsys):
    _, [facts], _ = ask(house, capsys, outcome(house, "duplicate"))
    twin = facts["selections"][0]["duplicate_of"]
    assert twin["name"] in ("a.png", "b.bmp") and twin["frame_id"] != facts["frame_id"]
    assert f"{twin['name']} stands for it" in told(house, capsys, facts["frame_id"])


@pytest.mark.parametrize("by", ["name", "path", "uri", "sha256"])
def test_a_file_is_found_by_any_of_its_names(house, capsys, by):
    path = house.media / "holiday.mp4"
    name = {
        "name": path.name,
        "path": path,
        "uri": path.as_uri(),
        "sha256": house.sha256(path.name),
    }[by]
    code, [facts], _ = ask(house, capsys, name)
    assert code == 0 and facts["name"] == "holiday.mp4" and "It is known" in facts["why"]
    assert sum(facts["selections"][0]["frames"].values()) == 2


def test_a_file_that_failed_says_why_and_when_it_is_tried_again(house, capsys):
    words = told(house, capsys, "page.mp4")
    assert "MediaUnknown" in words and "--retry-failed" in words


def test_a_file_of_another_type_is_told_apart_from_an_unknown_one(house, capsys):
    assert ".txt is not of an image or a video" in told(house, capsys, house.media / "notes.txt")


def test_an_unknown_name_is_wrong_use_and_names_like_it_are_shown(house, capsys):
    code, said, error = ask(house, capsys, "holyday.mp4")
    assert code == 2 and not said and "holiday.mp4" in error


def test_a_dataset_is_no_file(house, capsys):
    assert {row["name"] for row in house.rows("states")} > {"default"}  # the state of its set
    assert ask(house, capsys, "default")[0] == 2


def test_frames_of_a_removed_file_are_still_explained(tmp_path, capsys):
    house = House(tmp_path)
    for scene in range(2):
        still(house.media / f"{scene}.png", scene)
    first = house.run(selection={"n_samples": 1})
    left = outcome(house, "candidate")
    gone = next(n for n in ("0.png", "1.png") if house.sha256(n) == left.partition(":")[0])
    (house.media / gone).unlink()
    house.run(selection={"n_samples": 1})
    _, [facts], _ = ask(house, capsys, left)
    assert facts["removed"] and facts["width_px"] and facts["label"]
    assert facts["selections"][0]["selection_id"] == first.result.selection_id
    _, [file], _ = ask(house, capsys, gone)
    assert file["removed"] and "not there any more" in file["why"]
    for name in (house.media / gone, (house.media / gone).as_uri()):
        assert ask(house, capsys, name)[1] == [file]


def test_a_file_is_found_by_a_path_of_other_bytes_than_text(tmp_path, capsys, monkeypatch):
    house = House(tmp_path)
    path = house.media / os.fsdecode(b"odd \xff.png")
    still(path, 0)
    house.run()
    monkeypatch.chdir(house.media)
    for name in (path, path.name, "odd \\xff.png"):
        code, [facts], _ = ask(house, capsys, name)
        assert code == 0 and facts["uri"] == path.as_uri()


def test_of_a_removed_file_whose_bytes_another_file_holds_it_is_said_that_its_frames_stay(
    tmp_path, capsys
):
    house = House(tmp_path)
    for name in ("gone.png", "twin.png"):
        still(house.media / name, 0)
    house.run()
    (house.media / "gone.png").unlink()
    house.run()
    assert "another file holds the same bytes" in told(house, capsys, "gone.png")
    assert len(house.rows("frames")) == 1
