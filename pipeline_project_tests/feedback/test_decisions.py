import pytest

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.errors import ConfigError
from pipeline_project.feedback.decisions import import_decisions
from pipeline_project.worker.review import read_review
from pipeline_project_tests.feedback.lake import ELSEWHERE, FRAMES, lake_of_two_datasets


@pytest.fixture
def lake(tmp_path):
    return lake_of_two_datasets(tmp_path / "lake")


@pytest.fixture
def given(lake, tmp_path):
    """Import these (frame, decision) pairs."""

    def give(*pairs, dataset="default", run_id="r1", by=""):
        path = tmp_path / "selection.csv"
        rows = "".join(f"1,{frame},{word}\n" for frame, word in pairs)
        path.write_text("rank,frame_id,decision\n" + rows)
        return import_decisions(lake, path, dataset, run_id=run_id, by=by)

    return give


def test_decisions_are_kept_with_who_and_when_and_hold(lake, given):
    done = given((FRAMES[0], "Accept "), (FRAMES[1], "reject"), (FRAMES[5], "rescue"), by="anna")
    assert (done.rows, done.changed) == (3, 3)
    assert done.counts == {"accept": 1, "reject": 1, "rescue": 1}
    review = read_review(lake, "default")
    assert review.decisions == {FRAMES[0]: "accept", FRAMES[1]: "reject", FRAMES[5]: "rescue"}
    rows = lake.read(TABLES["decisions"]).to_pylist()
    assert {row["decided_by"] for row in rows} == {"anna"}
    assert all(row["decided_at"] for row in rows)


def test_an_empty_cell_decides_nothing_and_takes_nothing_back(lake, given):
    given((FRAMES[0], "reject"))
    done = given((FRAMES[0], ""), (FRAMES[1], " "))
    assert (done.changed, done.commit_id) == (0, "")
    assert read_review(lake, "default").decisions == {FRAMES[0]: "reject"}


def test_the_newest_counts_and_the_older_stays_readable(lake, given):
    first = given((FRAMES[0], "reject"))
    given((FRAMES[0], "accept"))
    assert read_review(lake, "default").decisions == {FRAMES[0]: "accept"}
    assert read_review(lake, "default", first.commit_id).decisions == {FRAMES[0]: "reject"}


def test_importing_the_same_again_changes_nothing(lake, given):
    given((FRAMES[0], "reject"))
    before = read_review(lake, "default").version
    assert given((FRAMES[0], "reject")).changed == 0
    assert read_review(lake, "default").version == before


def test_every_wrong_row_is_named_and_nothing_is_imported(lake, given):
    with pytest.raises(ConfigError) as raised:
        given(
            (FRAMES[0], "accept"),
            (FRAMES[1], "maybe"),
            ("", "reject"),
            ("c:1", "reject"),
            (ELSEWHERE, "reject"),
            (FRAMES[0], "reject"),
        )
    lines = str(raised.value).splitlines()
    assert "5 places are wrong, so nothing was imported" in lines[0]
    assert [line.split(":")[0].strip() for line in lines[1:]] == [f"line {n}" for n in range(3, 8)]
    assert "'maybe' is none of accept, reject, rescue" in lines[1]
    assert "belongs to dataset 'other', not 'default' (--dataset other)" in lines[4]
    assert "is reject here and accept in line 2" in lines[5]
    assert lake.read(TABLES["decisions"]).num_rows == 0


def test_the_same_decision_twice_is_one(given):
    assert given((FRAMES[0], "reject"), (FRAMES[0], "reject")).changed == 1


def test_of_very_many_wrong_rows_some_are_named(given):
    with pytest.raises(ConfigError, match=r"50 places.*\n(.*\n){20}  and 30 more"):
        given(*((f"c:{n}", "reject") for n in range(50)))


def test_a_dataset_without_selections_is_refused(given):
    with pytest.raises(ConfigError, match="dataset 'nope': there are default, other"):
        given((FRAMES[0], "reject"), dataset="nope")
