import pytest

from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A home with one selection of two picks."""
    house = House(tmp_path_factory.mktemp("house"))
    film(house.media / "a.mp4", 0, 1)
    film(house.media / "b.mp4", 3, 6)
    house.run(selection={"n_samples": 2}, constraints={"max_per_source": 1}, dataset="cats")
    return house


@pytest.fixture
def home(template, tmp_path):
    """That home for one test, which may change it: edits are all that is written."""
    import shutil

    return shutil.copytree(template.home, tmp_path / "home")


def test_show_lists_every_dataset_with_its_selections(pipeline, home):
    answer = pipeline("datapool", "show", "--home", home)
    assert answer.code == 0
    assert "dataset cats: 2 picks that new ones stay away from, 2 files looked at" in answer.out
    assert "2 picked" in answer.out


def test_show_as_json_has_the_picks_where_asked_for(pipeline, home):
    [row] = pipeline("datapool", "show", "--json", "--picks", "--home", home).rows
    assert (row["dataset"], row["picks"], row["files"]) == ("cats", 2, 2)
    assert {each["file"] for each in row["frames"]} == {"a.mp4", "b.mp4"}
    assert [each["counting"] for each in row["selections"]] == [2]


def test_without_a_past_show_says_so(pipeline, tmp_path):
    answer = pipeline("datapool", "show", "--home", tmp_path / "none")
    assert answer.code == 0 and "Nothing was selected yet" in answer.err


def test_what_is_removed_counts_no_more_until_it_is_rebuilt(pipeline, home):
    at = ("--dataset", "cats", "--home", home)
    removed = pipeline("datapool", "remove", "--source", "a.mp4", *at)
    assert removed.code == 0 and "1 picks no longer count" in removed.err
    shown = pipeline("datapool", "show", *at).out
    assert "2 picked, 1 count now: 1 removed" in shown and "removed file" in shown
    rebuilt = pipeline("datapool", "rebuild", *at)
    assert rebuilt.code == 0 and "1 picks and " in rebuilt.err
    assert "2 picks that new ones stay away from" in pipeline("datapool", "show", *at).out


@pytest.mark.parametrize("flags", [(), ("--all", "--frame", "x")])
def test_remove_wants_to_know_what(pipeline, home, flags):
    answer = pipeline("datapool", "remove", "--dataset", "cats", "--home", home, *flags)
    assert answer.code == 2 and "--frame or --source, or --all" in answer.err


@pytest.mark.parametrize("command", ["show", "rebuild"])
def test_an_unknown_dataset_is_wrong_use(pipeline, home, command):
    answer = pipeline("datapool", command, "--dataset", "dogs", "--home", home)
    assert answer.code == 2 and "Datasets with a past: cats" in answer.err
