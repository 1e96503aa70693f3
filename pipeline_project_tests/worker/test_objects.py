"""Selections by what is in frames, by real runs."""

import json

import cv2
import numpy as np
import pytest

from pipeline_project.errors import ConfigError
from pipeline_project.worker import selecting
from pipeline_project.worker.objects import object_id, objects_of
from pipeline_project_tests.media_files import image
from pipeline_project_tests.worker.footage import film, photograph, still
from pipeline_project_tests.worker.house import House

SIDE_PX = 40
TASK = {"type": "EMBEDDINGS", "task": "things"}
DIVERSE = {"input": TASK, "strategy": {"type": "DIVERSITY"}}
ALONE = {"enabled": False}


def beside(house, path, value):
    file = house.media / ".lightly" / "predictions" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


def schema(house, kind="object-detection"):
    beside(house, "tasks.json", ["things"])
    categories = [{"id": 0, "name": "thing"}]
    beside(house, "things/schema.json", {"task_type": kind, "categories": categories})


def predict(house, name, *boxes):
    found = [{"category_id": 0, "score": 0.9, "bbox": list(box)} for box in boxes]
    beside(house, f"things/{name}.json", {"file_name": name, "predictions": found})


def scene(path, background, thing):
    """A picture with another, small, in its corner: the box of that is (5, 5, 40, 40)."""
    pixels = photograph(background).copy()
    small = cv2.resize(photograph(thing), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    pixels[5 : 5 + SIDE_PX, 5 : 5 + SIDE_PX] = small
    return image(path, pixels)


BOX = (5, 5, SIDE_PX, SIDE_PX)
# Five different backgrounds; the thing in front is the same in all but the last.
THINGS = {"a": 0, "b": 0, "c": 0, "d": 0, "e": 1}


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    schema(house)
    for number, (name, thing) in enumerate(THINGS.items()):
        scene(house.media / f"{name}.png", 2 + number, thing)
        predict(house, name, BOX)
    return house


def names(house, outcome):
    by_hash = {row["sha256"]: row["name"] for row in house.rows("media_sources")}
    return [by_hash[frame.partition(":")[0]] for frame in house.picked(outcome.result)]


def select(*rules, n=2, **more):
    return {"n_samples": n, "strategies": list(rules), **more}


def test_pictures_are_picked_for_the_objects_in_them_whatever_is_behind(house):
    outcome = house.run(selection=select(DIVERSE))
    assert "e.png" in names(house, outcome)
    reasons = {row["reason"] for row in house.rows("selections")}
    assert reasons == {"DIVERSITY on EMBEDDINGS things: 1 objects"}


def test_new_picks_stay_away_from_the_objects_of_earlier_ones(house):
    refs = {ref.name: ref for ref in house.listing()}
    house.run([refs["e.png"]], selection=select(DIVERSE, n=1))
    second = house.run([refs["a.png"], refs["b.png"]], selection=select(DIVERSE, n=1))
    assert names(house, second) == ["a.png"]
    scene(house.media / "f.png", 9, 1)  # the thing that was picked
    scene(house.media / "g.png", 10, 2)
    predict(house, "f", BOX)
    predict(house, "g", BOX)
    new = [ref for ref in house.listing() if ref.name in ("f.png", "g.png")]
    assert names(house, house.run(new, selection=select(DIVERSE, n=1))) == ["g.png"]


def test_each_object_is_embedded_once_and_as_its_own_pixels_are(house, tmp_path):
    house.run(selection=select(DIVERSE), datapool=ALONE)
    seen = []

    def parts(own):
        embed = own.embedder.embed
        own.embedder.embed = lambda batch: seen.extend(batch) or embed(batch)
        house.embedder = own.embedder
        return own

    again = house.run(selection=select(DIVERSE, n=3), datapool=ALONE, parts=parts)
    assert seen == [] and again.counts["picked"] == 3
    rows = house.rows(objects_of(house.embedder))
    frame = next(iter(house.picked(again.result)))
    found = {row["frame_id"]: row["vector"] for row in rows}
    assert len(found) == 5
    [name] = [
        row["name"]
        for row in house.rows("media_sources")
        if row["sha256"] == frame.partition(":")[0]
    ]
    pixels = photograph(2 + list(THINGS).index(name[0])).copy()
    thing = THINGS[name[0]]
    pixels[5:45, 5:45] = cv2.resize(photograph(thing), (40, 40), interpolation=cv2.INTER_AREA)
    [expected] = house.embedder.embed([pixels[5:45, 5:45]])
    assert np.allclose(found[object_id(frame, BOX)], expected, atol=1e-5)


def test_a_changed_box_selects_anew_and_a_box_that_nobody_looks_at_does_not(house):
    by_count = {
        "input": {"type": "PREDICTIONS", "task": "things", "name": "CATEGORY_COUNT"},
        "strategy": {"type": "WEIGHTS"},
    }
    house.run(selection=select(DIVERSE), datapool=ALONE)
    house.run(selection=select(by_count), datapool=ALONE)
    predict(house, "a", (0, 0, 20, 20))
    assert not house.run(selection=select(DIVERSE), datapool=ALONE).result.reused
    assert house.run(selection=select(by_count), datapool=ALONE).result.reused


def test_frames_without_objects_come_last_and_boxes_outside_are_no_objects(house):
    for name in "abc":
        predict(house, name)
    predict(house, "d", (500, 500, 9, 9))
    assert names(house, house.run(selection=select(DIVERSE, n=1))) == ["e.png"]


def test_a_task_that_found_nothing_at_all_is_told_and_the_run_goes_on(house):
    for name in THINGS:
        predict(house, name)
    outcome = house.run(selection=select(DIVERSE))
    assert outcome.counts["picked"] == 2
    assert any("'things': it found nothing in any frame" in w for w in outcome.result.warnings)


def test_objects_in_frames_of_videos_are_looked_at(tmp_path):
    house = House(tmp_path)
    schema(house)
    film(house.media / "a.mp4", *range(9))
    for second in range(9):
        predict(house, f"a-{8 * second:02d}-mp4", (0, 0, 80, 60), (80, 60, 80, 60))
    outcome = house.run(selection=select(DIVERSE, n=3))
    assert outcome.counts["picked"] == 3
    reasons = {row["reason"] for row in house.rows("selections")}
    assert reasons == {"DIVERSITY on EMBEDDINGS things: 2 objects"}


def test_tiles_of_an_automatic_task_need_no_predictions(tmp_path):
    house = House(tmp_path)
    for number in range(4):
        still(house.media / f"{number}.png", number)
    tiling = {"type": "TILING", "name": "things", "num_rows": 2, "num_cols": 3, "overlap": 0.2}
    outcome = house.run(selection=select(DIVERSE, auto_tasks=[tiling]))
    assert outcome.counts["picked"] == 2
    assert {row["reason"] for row in house.rows("selections")} == {
        "DIVERSITY on EMBEDDINGS things: 6 objects"
    }
    crop = {"type": "CROP", "name": "things", "bboxs": [[0, 0, 0.5, 0.5]]}
    outcome = house.run(selection=select(DIVERSE, auto_tasks=[crop]), datapool=ALONE)
    assert outcome.counts["picked"] == 2


def test_sequences_hold_the_objects_of_all_their_frames(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2, 3)
    tiling = {"type": "TILING", "name": "things", "num_rows": 1, "num_cols": 2}
    house.run(
        selection=select(DIVERSE, auto_tasks=[tiling]),
        constraints={"selected_sequence_length": 2},
    )
    assert any("4 objects" in row["reason"] for row in house.rows("selections"))


@pytest.mark.parametrize("kind", ["TYPICALITY", "SIMILARITY"])
def test_other_strategies_take_objects_too(house, kind):
    house.run([house.listing()[-1]], selection={"n_samples": 1}, dataset="wanted")
    rule = {"input": dict(TASK), "strategy": {"type": kind}}
    if kind == "SIMILARITY":
        rule["input"]["tag_name"] = "wanted"
    assert house.run(selection=select(rule)).counts["picked"] == 2


def test_lightlys_engine_looks_at_objects_too(house):
    outcome = house.run(selection=select(DIVERSE), engine="mundig")
    assert "e.png" in names(house, outcome)


@pytest.mark.parametrize(
    ("kind", "found", "said"),
    [
        ("classification", [], "a classification has none"),
        ("object-detection", [{"category_id": 0, "score": 1}], "a prediction has no bbox"),
        (
            "object-detection",
            [{"category_id": 0, "bbox": [1, 2, 3]}],
            r"bbox \[1, 2, 3\] is no box",
        ),
        ("object-detection", [{"category_id": 0, "bbox": [1, 2, 3, "a"]}], "is no box"),
    ],
)
def test_a_task_without_boxes_is_refused_before_any_frame_is_decoded(house, kind, found, said):
    schema(house, kind)
    beside(house, "things/a.json", {"file_name": "a.png", "predictions": found})
    with pytest.raises(ConfigError, match=said):
        house.run(selection=select(DIVERSE))
    assert house.rows("frames") == []


def test_a_picture_that_vanishes_before_its_objects_are_looked_at_is_told(house):
    refs = house.listing()

    class Going:
        def __init__(self, own):
            self.own, self.opened = own, 0

        def __call__(self, uri):
            self.opened += uri.endswith("/a.png")
            if uri.endswith("/a.png") and self.opened == 3:  # identified, looked at, and now
                (house.media / "a.png").unlink()
            return self.own(uri)

    def parts(own):
        import dataclasses

        return dataclasses.replace(own, fetch=Going(own.fetch))

    outcome = house.run(refs, parts=parts, selection=select(DIVERSE))
    assert any("a.png: objects in it were not looked at" in w for w in outcome.result.warnings)
    assert "e.png" in names(house, outcome)


def test_objects_embedded_before_a_run_was_ended_are_not_embedded_again(house, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(selecting, "run_selection", interrupted)
        with pytest.raises(KeyboardInterrupt):
            house.run(selection=select(DIVERSE))
    assert house.rows("selections") == []
    batches = []

    def parts(own):
        embed = own.embedder.embed
        own.embedder.embed = lambda batch: batches.append(len(batch)) or embed(batch)
        return own

    assert house.run(selection=select(DIVERSE), parts=parts).counts["picked"] == 2
    assert batches == []


def interrupted(*_, **__):
    raise KeyboardInterrupt
