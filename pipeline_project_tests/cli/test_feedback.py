"""`pipeline review`, `pipeline labels import` and `pipeline export`, as they are called."""

import json

import pytest

from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    """A home with a published selection of two picks."""
    house = House(tmp_path_factory.mktemp("house"))
    film(house.media / "a.mp4", 0, 1, 2, 3)
    house.first = house.run(selection={"n_samples": 2})
    house.published = house.publish(house.first.result)
    return house


def edited(curated, tmp_path, name, word):
    """Give the file of a result with one decision in its last row."""
    lines = (curated.published.folder / name).read_text().splitlines()
    place = lines[0].split(",").index("decision")
    cells = lines[-1].split(",")
    cells[place] = word
    path = tmp_path / name
    path.write_text("\n".join([*lines[:-1], ",".join(cells)]) + "\n")
    return path


def test_a_review_says_what_it_took_and_gives_the_commit(pipeline, curated, tmp_path):
    path = edited(curated, tmp_path, "candidates.csv", "accept")
    answer = pipeline("review", path, "--home", curated.home, "--by", "anna", "--json")
    assert answer.code == 0, answer.err
    [facts] = answer.rows
    assert (facts["rows"], facts["counts"], facts["changed"]) == (4, {"accept": 1}, 1)
    assert facts["commit_id"] in {commit.commit_id for commit in curated.lake.log()}
    assert "4 rows of" in answer.err and "next `pipeline curate`" in answer.err
    again = pipeline("review", path, "--home", curated.home)
    assert (again.code, again.out) == (0, "")
    assert "0 are new or changed" in again.err


def test_a_wrong_review_is_wrong_use(pipeline, curated, tmp_path):
    path = edited(curated, tmp_path, "selection.csv", "maybe")
    answer = pipeline("review", path, "--home", curated.home)
    assert answer.code == 2
    assert "line 3: decision 'maybe'" in answer.err


def test_the_tables_of_a_result_have_room_for_decisions_and_the_same_ids(curated):
    folder = curated.published.folder
    heads = [(folder / n).read_text().splitlines() for n in ("selection.csv", "candidates.csv")]
    for lines in heads:
        assert lines[0].startswith("rank,file,source,timestamp_s,decision,")
        assert "frame_id" in lines[0].split(",")
    assert (len(heads[0]), len(heads[1])) == (3, 5)


def test_what_is_exported_can_be_labelled_and_imported(pipeline, curated, tmp_path):
    answer = pipeline("export", "--to", "coco", "--out", "coco", "--home", curated.home, "--json")
    assert answer.code == 0, answer.err
    [facts] = answer.rows
    assert (facts["new"], facts["file"]) == (2, str(tmp_path / "coco" / "coco.json"))
    content = json.loads((tmp_path / "coco" / "coco.json").read_bytes())
    content["categories"] = [{"id": 1, "name": "cat"}]
    image = content["images"][0]["id"]
    content["annotations"] = [{"id": 1, "image_id": image, "category_id": 1, "bbox": [1, 2, 3, 4]}]
    (tmp_path / "back.json").write_text(json.dumps(content))
    back = pipeline("labels", "import", "back.json", "--home", curated.home, "--json")
    assert back.code == 0, back.err
    [facts] = back.rows
    assert (facts["tool"], facts["frames"], facts["classes"]) == ("coco", 1, {"cat": 1})
    assert "1 of 2 pictures" in back.err


def test_an_export_names_its_file_and_what_to_do_next(pipeline, curated, tmp_path):
    answer = pipeline("export", "--to", "fiftyone", "--home", curated.home)
    assert answer.out.strip() == str(tmp_path / "export-fiftyone" / "into_fiftyone.py")
    assert "python" in answer.err and "2 new frames" in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "--to", "word"], "--to word: unknown"),
        (["export", "nope"], "selection nope: the lake has none"),
        (["review", "gone.csv"], "gone.csv: No such file"),
        (["labels", "import", "gone.json"], "gone.json: No such file"),
        (["export", "--dataset", "nope"], "dataset 'nope': it has none"),
    ],
)
def test_what_is_not_there_is_wrong_use(pipeline, curated, arguments, said):
    answer = pipeline(*arguments, "--home", curated.home)
    assert answer.code == 2
    assert said in answer.err
