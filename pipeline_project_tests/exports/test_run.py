import json
import sys
from pathlib import Path
from types import ModuleType

import cv2
import pytest
from pycocotools.coco import COCO

from pipeline_project.core.frame_names import number_of, token_in, token_of
from pipeline_project.errors import ConfigError
from pipeline_project.exports.run import TARGETS, export_selection
from pipeline_project.feedback.labels import import_labels
from pipeline_project.worker.review import read_review
from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House


def frames_of(house, outcome):
    return set(house.picked(outcome.result))


def files(folder):
    """Every file below, with its contents."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("to", TARGETS)
def test_exporting_twice_changes_nothing(export, to):
    assert export(to).new == 4
    before = files(export.folder)
    assert export(to).new == 0
    assert files(export.folder) == before


@pytest.mark.parametrize("to", ["files", "label-studio", "cvat", "coco", "fiftyone"])
def test_another_selection_adds_its_own_and_leaves_the_rest(house, export, to):
    export(to)
    pictures = files(export.folder / "images")
    assert export(to, house.second).new == 2
    after = files(export.folder / "images")
    assert {name: after[name] for name in pictures} == pictures
    tokens = {token_of(f) for o in (house.first, house.second) for f in frames_of(house, o)}
    assert {token_in(name) for name in after} == tokens


def test_the_pictures_are_the_picks(house, export):
    export("files")
    for path in (export.folder / "images").iterdir():
        assert cv2.imread(str(path)).shape == (120, 160, 3)
    lines = (export.folder / "files.txt").read_text().splitlines()
    assert {f"images/{path.name}" for path in (export.folder / "images").iterdir()} == set(lines)


def test_coco_ids_are_the_frames_own(house, export):
    export("coco")
    content = json.loads((export.folder / "coco.json").read_bytes())
    ids = {image["frame_id"]: image["id"] for image in content["images"]}
    assert ids == {frame: number_of(frame) for frame in frames_of(house, house.first)}
    assert content["annotations"] == []
    assert all((export.folder / "images" / i["file_name"]).is_file() for i in content["images"])


def test_pycocotools_reads_images_and_the_labels_that_came_back(tmp_path):
    house = House(tmp_path / "own")
    film(house.media / "a.mp4", 0, 1)
    selected = house.run(selection={"n_samples": 2})
    first, second = house.picked(selected.result)
    corners = [10, 20, 40, 20, 40, 60, 10, 60]
    tool = {
        "images": [
            {"id": n, "file_name": "x.jpg", "frame_id": f} for n, f in enumerate((first, second))
        ],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 3, "bbox": [10, 20, 30, 40]},
            {"id": 2, "image_id": 1, "category_id": 3, "bbox": [10, 20, 30, 40],
             "segmentation": [corners]},
        ],
    }  # fmt: skip
    (tmp_path / "back.json").write_text(json.dumps(tool))
    import_labels(house.lake, tmp_path / "back.json", "default", run_id="l")
    out = tmp_path / "out"
    export_selection(house.lake, house.store, selected.result.selection_id, to="coco", out=out)
    read = COCO(out / "coco.json")
    names = {image["frame_id"]: image["id"] for image in read.imgs.values()}
    assert names == {frame: number_of(frame) for frame in (first, second)}
    [cat] = read.getCatIds(catNms=["cat"])
    boxed, drawn = (read.loadAnns(read.getAnnIds([names[f]], [cat])) for f in (first, second))
    assert boxed[0]["bbox"] == [10, 20, 30, 40] and boxed[0]["segmentation"] == []
    assert read.annToMask(drawn[0]).sum() == 30 * 40


def test_what_a_person_added_to_the_coco_file_stays(export, house):
    export("coco")
    path = export.folder / "coco.json"
    content = json.loads(path.read_bytes())
    content["categories"] = [{"id": 5, "name": "cat"}]
    one = {"id": 9, "image_id": content["images"][0]["id"], "category_id": 5, "bbox": [1, 2, 3, 4]}
    content["annotations"] = [one]
    path.write_text(json.dumps(content))
    export("coco", house.second)
    after = json.loads(path.read_bytes())
    assert after["annotations"] == [one] and after["categories"] == content["categories"]
    assert len(after["images"]) == 6


def test_labels_go_round_by_names_alone(export, tmp_path):
    """Out as COCO, labelled by a tool that keeps names only, in again, and out with labels."""
    house = House(tmp_path / "own")

    film(house.media / "a.mp4", 0, 1, 2)
    given = {"selection": {"n_samples": 1}, "datapool": {"process_all": True}}
    first = house.run(**given)
    options = {"to": "coco", "out": tmp_path / "coco"}
    export_selection(house.lake, house.store, first.result.selection_id, **options)
    path = tmp_path / "coco" / "coco.json"
    images = json.loads(path.read_bytes())["images"]
    tool = {
        "images": [{"id": n, "file_name": i["file_name"]} for n, i in enumerate(images)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 2, 3, 4]}],
    }
    (tmp_path / "back.json").write_text(json.dumps(tool))
    import_labels(house.lake, tmp_path / "back.json", "default", run_id="l")
    assert read_review(house.lake, "default").classes == {images[0]["frame_id"]: {"cat": 1}}
    later = house.run(**given)  # a labelled frame is in no later selection
    assert not frames_of(house, later) & frames_of(house, first)
    export_selection(house.lake, house.store, later.result.selection_id, **options)
    [found] = json.loads(path.read_bytes())["annotations"]
    assert (found["image_id"], found["bbox"]) == (images[0]["id"], [1, 2, 3, 4])


def test_label_studio_gets_new_tasks_alone_each_time(house, export):
    first = json.loads(export("label-studio").file.read_bytes())
    assert export("label-studio").file is None
    second = json.loads(export("label-studio", house.second).file.read_bytes())
    assert {t["data"]["frame_id"] for t in first} == frames_of(house, house.first)
    assert {t["data"]["frame_id"] for t in second} == frames_of(house, house.second)
    place = first[0]["data"]["image"]
    assert place.startswith("/data/local-files/?d=images/")


def test_cvats_manifest_describes_the_pictures(export):
    added = export("cvat")
    lines = [json.loads(line) for line in (export.folder / "manifest.jsonl").open()]
    assert lines[:2] == [{"version": "1.1"}, {"type": "images"}]
    for line in lines[2:]:
        assert (export.folder / f"{line['name']}{line['extension']}").is_file()
        assert (line["width"], line["height"]) == (160, 120)
    listed = added.file.read_text().splitlines()
    assert listed == [f"{line['name']}{line['extension']}" for line in lines[2:]]


def test_lightly_samples_have_lightlys_names(export):
    names = set(export("lightly-tag", tag="week-1").file.read_text().splitlines())
    film = {f"day 1/ä b-{number:02d}-mp4.png" for number in (0, 8, 16)}
    assert names == {*film, "still.png"}


def test_addresses_below_a_prefix_are_written_everywhere(export):
    added = export("files", url_prefix="https://x.org/p/")
    lines = added.file.read_text().splitlines()
    assert len(lines) == 4
    assert all(line.startswith("https://x.org/p/") and " " not in line for line in lines)
    assert any("copy" in note and "images" in note for note in added.notes)
    tasks = json.loads(export("label-studio", url_prefix="s3://team/p").file.read_bytes())
    assert all(t["data"]["image"].startswith("s3://team/p/") for t in tasks)


def test_pictures_may_be_left_where_they_are(export):
    export("files", url_prefix="s3://team/p", images=False)
    assert not (export.folder / "images").exists()


def test_a_pick_whose_picture_is_gone_is_left_out_and_told(export, tmp_path):

    house = House(tmp_path / "own")
    film(house.media / "a.mp4", 0, 1, 2)
    first = house.run(selection={"n_samples": 2})
    key = next(item.key for item in house.store.list(f"{first.result.output_prefix}/frames"))
    house.store.delete(key)
    added = export_selection(
        house.lake, house.store, first.result.selection_id, to="files", out=tmp_path / "o"
    )
    assert added.new == 1
    assert "1 picks are left out" in added.notes[0]


def test_the_fiftyone_program_adds_each_frame_once(export, house, monkeypatch, capsys):
    """The program runs against a stand-in that keeps samples as FiftyOne does."""
    stand_in = _FiftyOne()
    monkeypatch.setitem(sys.modules, "fiftyone", stand_in)
    monkeypatch.setattr(sys, "argv", ["into_fiftyone.py"])
    for outcome, total in ((house.first, 4), (house.first, 4), (house.second, 6)):
        program = export("fiftyone", outcome).file
        exec(compile(program.read_text(), str(program), "exec"), {"__file__": str(program)})
        assert len(stand_in.kept) == total
    assert all(export.folder in path.parents for path in map(_path, stand_in.kept))
    assert "2 samples added" in capsys.readouterr().out


def test_labels_that_come_back_reach_the_fiftyone_dataset_that_has_the_frames(
    tmp_path, monkeypatch
):
    house = House(tmp_path / "own")
    film(house.media / "a.mp4", 0, 1)
    selected = house.run(selection={"n_samples": 2}).result.selection_id
    stand_in = _FiftyOne()
    monkeypatch.setitem(sys.modules, "fiftyone", stand_in)
    monkeypatch.setattr(sys, "argv", ["into_fiftyone.py"])

    def load():
        options = {"to": "fiftyone", "out": tmp_path / "out"}
        program = export_selection(house.lake, house.store, selected, **options).file
        exec(compile(program.read_text(), str(program), "exec"), {"__file__": str(program)})

    load()
    assert not any(sample.has_field("ground_truth") for sample in stand_in.kept)
    frame = stand_in.kept[0]["frame_id"]
    tool = {
        "images": [{"id": 1, "file_name": "x.jpg", "frame_id": frame}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [16, 12, 80, 60]}],
    }
    (tmp_path / "back.json").write_text(json.dumps(tool))
    import_labels(house.lake, tmp_path / "back.json", "default", run_id="l")
    load()
    load()
    [found] = stand_in.kept[0]["ground_truth"].detections
    assert (found.label, found.bounding_box) == ("cat", [0.1, 0.1, 0.5, 0.5])
    assert [sample.saved for sample in stand_in.kept] == [1, 0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": "word"}, "unknown; allowed: files, label-studio"),
        ({"url_prefix": "bucket/x"}, "expected s3://BUCKET/PREFIX"),
        ({"presign_hours": 2.0}, "--presign needs --url-prefix"),
        ({"presign_hours": 2.0, "url_prefix": "https://x.org"}, "only addresses in S3"),
        ({"presign_hours": 999.0, "url_prefix": "s3://b/x"}, "at most 168"),
        ({"presign_hours": 0.0, "url_prefix": "s3://b/x"}, "above 0"),
        ({"images": False}, "--no-images needs --url-prefix"),
        ({"url_prefix": "https://x.org/p?key=1"}, "may stand after a"),
        ({"to": "lightly-tag", "tag": "../evil"}, "--tag ../evil: expected"),
        ({"to": "lightly-tag", "tag": ""}, "--tag : expected"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_written(export, options, said):
    with pytest.raises(ConfigError, match=said):
        export(**{"to": "files", **options})
    assert not export.folder.exists()


def test_a_selection_that_is_not_there_is_refused(house, export, tmp_path):

    with pytest.raises(ConfigError, match="selection nope: the lake has none"):
        export_selection(house.lake, house.store, "nope", to="files", out=tmp_path / "o")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("to", "name"),
    [("coco", "coco.json"), ("fiftyone", "samples.json"), ("cvat", "manifest.jsonl")],
)
def test_a_file_of_somebody_else_is_left_alone(export, to, name):
    export.folder.mkdir()
    (export.folder / name).write_text("[1, 2")
    with pytest.raises(ConfigError, match=f"Adding to .*{name}"):
        export(to)
    assert (export.folder / name).read_text() == "[1, 2"


def _path(sample):

    return Path(sample.filepath)


class _Sample:
    def __init__(self, filepath, **fields):
        self.filepath, self.fields, self.saved = filepath, fields, 0

    def __getitem__(self, name):
        return self.fields[name]

    def __setitem__(self, name, value):
        self.fields[name] = value

    def has_field(self, name):
        return name in self.fields

    def save(self):
        self.saved += 1


class _Labels:
    def __init__(self, **given):
        self.__dict__.update(given)


class _FiftyOne(ModuleType):
    """Knows what the program asks of FiftyOne, and refuses everything else."""

    def __init__(self):
        super().__init__("fiftyone")
        self.kept = []
        self.names = set()

    Sample, Detection, Detections = _Sample, _Labels, _Labels

    def dataset_exists(self, name):
        return name in self.names

    def Dataset(self, name, persistent):
        assert persistent
        self.names.add(name)
        return self

    def load_dataset(self, name):
        assert name in self.names
        return self

    def __iter__(self):
        return iter(self.kept)

    def add_samples(self, samples):
        self.kept += samples

    def __len__(self):
        return len(self.kept)
