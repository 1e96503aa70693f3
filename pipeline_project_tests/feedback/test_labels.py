import json
import math

import pytest

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.frame_names import export_name
from pipeline_project.errors import ConfigError
from pipeline_project.feedback.labels import import_labels
from pipeline_project.worker.review import read_review
from pipeline_project_tests.feedback.lake import ELSEWHERE, FRAMES, lake_of_two_datasets

PICKED = "0002_clip_00h00m02.000s.jpg"  # the file of FRAMES[1]


@pytest.fixture
def lake(tmp_path):
    return lake_of_two_datasets(tmp_path / "lake")


@pytest.fixture
def given(lake, tmp_path):
    """Import this JSON value."""

    def give(content, run_id="l1", dataset="default"):
        path = tmp_path / "labels.json"
        path.write_text(json.dumps(content))
        return import_labels(lake, path, dataset, run_id=run_id)

    return give


def coco(*names, classes=("cat", "dog")):
    """One box per image, of each class in turn."""
    return {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(classes)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": n % len(classes), "bbox": [1, 2, 30, 40]}
            for n in range(len(names))
        ],
    }


def task(image, *results, **more):
    annotations = [{"id": 1, "result": list(results), "updated_at": "2026-01-01"}]
    return {"id": 7, "data": {"image": image}, "annotations": annotations, **more}


def box(name, **value):
    place = {"x": 10, "y": 20, "width": 50, "height": 5}
    found = {"rectanglelabels": [name], **place, **value}
    return {"id": "q", "value": found, "original_width": 200, "original_height": 100}


def rows(lake):
    return lake.read(TABLES["annotations"]).to_pylist()


def test_coco_is_tied_by_exported_and_by_selection_names(lake, given):
    exported = f"images/{export_name(FRAMES[0], '0001_clip.jpg')}"
    done = given(coco(exported, f"C:\\work\\{PICKED}"))
    assert (done.tool, done.frames, done.changed) == ("coco", 2, 2)
    assert read_review(lake, "default").classes == {FRAMES[0]: {"cat": 1}, FRAMES[1]: {"dog": 1}}
    one = next(row for row in rows(lake) if row["frame_id"] == FRAMES[0])
    assert (one["x_px"], one["y_px"], one["width_px"], one["height_px"]) == (1, 2, 30, 40)
    assert (one["kind"], one["tool"], one["file_name"]) == ("box", "coco", "labels.json")


def test_an_id_in_the_file_outweighs_its_name(lake, given):
    content = coco("renamed.jpg")
    content["images"][0]["frame_id"] = FRAMES[2]
    given(content)
    assert set(read_review(lake, "default").classes) == {FRAMES[2]}


def test_a_coco_image_without_annotations_is_not_labelled_yet(lake, given):
    content = coco(PICKED, "not even known.jpg")
    content["annotations"] = content["annotations"][:1]
    assert given(content).frames == 1


@pytest.mark.parametrize(
    "image",
    [
        f"s3://team/picks/{export_name(FRAMES[0], '0001_a b.jpg')}",
        f"https://x.org/p/{export_name(FRAMES[0], '0001_a.jpg')}?X-Amz-Signature=1",
        f"/data/local-files/?d=images/{export_name(FRAMES[0], '0001_a%20b.jpg')}",
    ],
)
def test_label_studio_is_tied_by_every_address_that_exports_write(lake, given, image):
    assert given([task(image, box("cat"))]).tool == "label-studio"
    [row] = rows(lake)
    assert row["frame_id"] == FRAMES[0]
    assert (row["x_px"], row["y_px"], row["width_px"], row["height_px"]) == (20, 20, 100, 5)


def test_label_studio_is_tied_by_the_name_of_an_upload(lake, given):
    given([task("/data/upload/1/1a2b3c4d-x.jpg", box("cat"), file_upload=f"1a2b3c4d-{PICKED}")])
    assert set(read_review(lake, "default").classes) == {FRAMES[1]}


def test_of_several_annotations_the_newest_counts_and_cancelled_ones_do_not(lake, given):
    one = task(PICKED)
    one["annotations"] = [
        {"id": 1, "result": [box("old")], "updated_at": "2026-01-01"},
        {"id": 2, "result": [box("new")], "updated_at": "2026-03-01"},
        {"id": 3, "result": [box("none")], "updated_at": "2026-04-01", "was_cancelled": True},
    ]
    given([one])
    assert read_review(lake, "default").classes == {FRAMES[1]: {"new": 1}}


def test_a_submitted_task_without_a_result_is_labelled_as_empty(lake, given):
    waiting = {"data": {"image": "x.jpg"}, "annotations": []}
    assert given([task(PICKED), waiting]).frames == 1
    assert read_review(lake, "default").classes == {FRAMES[1]: {}}
    assert [row["kind"] for row in rows(lake)] == ["empty"]


def test_classes_of_whole_pictures_and_several_at_once_are_read(lake, given):
    choice = {"id": "c", "value": {"choices": ["night", "rain"]}}
    given([task(PICKED, choice, {"type": "relation"})])
    assert read_review(lake, "default").classes == {FRAMES[1]: {"night": 1, "rain": 1}}


def test_new_labels_take_the_place_of_old_ones_and_the_same_again_is_nothing_new(lake, given):
    given(coco(PICKED))
    assert given(coco(PICKED), run_id="l2").changed == 0
    changed = given(coco(PICKED, classes=("bird",)), run_id="l3")
    assert changed.changed == 1
    assert read_review(lake, "default").classes == {FRAMES[1]: {"bird": 1}}


def test_what_cannot_be_tied_is_named_and_nothing_is_imported(lake, given):
    content = coco(PICKED, "holiday.jpg", "x.jpg")
    content["images"][2]["frame_id"] = ELSEWHERE
    content["annotations"] += [
        {"id": 7, "image_id": 99, "category_id": 0},
        {"id": 8, "image_id": 0, "category_id": 99},
        {"id": 9, "image_id": 0, "category_id": 0, "bbox": [1]},
    ]
    with pytest.raises(ConfigError) as raised:
        given(content)
    said = str(raised.value)
    assert "5 places are wrong, so nothing was imported" in said
    for part in (
        "images[1]: holiday.jpg is no picture",
        "images[2]: its frame belongs to dataset 'other'",
        "annotations[3]: no image has the id 99",
        "annotations[4]: no category has the id 99",
        "annotations[5]: bbox [1] is not",
    ):
        assert part in said
    assert rows(lake) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bbox": [math.nan, 2, 3, 4]}, r"annotations\[0\]: bbox \[nan"),
        ({"bbox": [1, 2, math.inf, 4]}, r"annotations\[0\]: bbox"),
        ({"segmentation": [[1, math.nan, 3]]}, r"annotations\[0\]: it holds NaN"),
        ({"image_id": [1]}, r"annotations\[0\]: no image has the id \[1\]"),
        ({"category_id": {}}, r"annotations\[0\]: no category has the id"),
        ({"category_id": 1}, r"annotations\[0\]: its category 1 has no name"),
    ],
)
def test_a_wrong_coco_annotation_is_named_and_nothing_is_imported(lake, given, change, said):
    content = coco(PICKED, classes=("cat", ""))
    content["annotations"][0] |= change
    with pytest.raises(ConfigError, match=said):
        given(content)
    assert rows(lake) == []


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (box("cat", x="left"), "task 7: the box of 1:q needs numbers in x"),
        (box("cat", x=math.nan), "task 7: .*NaN"),
        ({"id": "c", "value": {"choices": "night"}}, "task 7: choices night is no list"),
        ({"id": "c", "value": {"choices": 3}}, "task 7: choices 3 is no list"),
    ],
)
def test_a_wrong_label_studio_result_is_named_and_nothing_is_imported(lake, given, result, said):
    with pytest.raises(ConfigError, match=said):
        given([task(PICKED, result)])
    assert rows(lake) == []


def test_a_name_of_two_frames_is_refused(lake, given):
    writer = lake.begin(run_id="r")
    pick = {"selection_id": "s1", "frame_id": FRAMES[4], "rank": 2, "reason": ""}
    writer.append(TABLES["selections"], [{**pick, "file_name": PICKED}])
    writer.commit("a second file of this name")
    with pytest.raises(ConfigError, match="is a name of 2 frames"):
        given(coco(PICKED))


def test_a_frame_twice_in_one_file_is_refused(given):
    with pytest.raises(ConfigError, match=r"images\[1\]: its frame is labelled twice"):
        given(coco(PICKED, f"again/{PICKED}"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": 1}, "neither COCO"),
        ([], "neither COCO"),
        ([{"image": "a.jpg"}], "neither COCO"),
        ({"images": [3]}, "images: expected a list of objects"),
        ({"images": [{"id": 1}]}, "no id or no file_name"),
        ([{"data": {}, "annotations": [3]}], "export the project as JSON, not JSON-MIN"),
    ],
)
def test_other_json_is_refused(given, content, said):
    with pytest.raises(ConfigError, match=said):
        given(content)


def test_what_is_no_json_is_refused(lake, tmp_path):
    for text in (b"frame_id,decision", b"[" * 100_000):
        (tmp_path / "t.json").write_bytes(text)
        with pytest.raises(ConfigError, match="it is not JSON"):
            import_labels(lake, tmp_path / "t.json", "default", run_id="l")
