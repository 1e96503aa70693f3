import os
import shutil

import pyarrow.parquet
import pytest

from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A home with two runs; the second found one file changed, one new."""
    house = House(tmp_path_factory.mktemp("house"))
    film(house.media / "a.mp4", 0, 1)
    film(house.media / "b.mp4", 3)
    first = house.run(selection={"n_samples": 1})
    house.publish(first.result)
    house.lake.tag("before")
    film(house.media / "a.mp4", 5, 6)
    film(house.media / "c.mp4", 8)
    house.run(selection={"n_samples": 1})
    return house


@pytest.fixture
def home(template, tmp_path):
    return shutil.copytree(template.home, tmp_path / "home")


def test_log_lists_commits_newest_first_with_what_they_added(pipeline, template, home):
    rows = pipeline("log", "--json", "--home", home).rows
    assert [row["sequence"] for row in rows] == list(range(len(rows), 0, -1))
    assert rows[0]["parent"] == rows[1]["commit_id"] and rows[-1]["parent"] is None
    assert rows[0]["run_id"] == "run-2" and rows[0]["code_version"]
    [tagged] = [row for row in rows if row["tags"]]
    assert tagged["tags"] == ["before"] and tagged["run_id"] == "run-1"
    short = pipeline("log", "before", "-n", "1", "--home", home)
    assert short.out.startswith(tagged["commit_id"]) and "(before)" in short.out
    assert len(short.out.splitlines()) == 1


def test_show_tells_the_settings_and_how_many_rows_a_revision_sees(pipeline, home):
    [now] = pipeline("show", "--json", "--home", home).rows
    [then] = pipeline("show", "before", "--json", "--home", home).rows
    assert then["rows"]["selection_sets"] == 1 and now["rows"]["selection_sets"] == 2
    assert now["settings"]["selection"] == {"n_samples": 1}
    assert set(now["rows"]) <= set(now["table_versions"])
    assert "settings_sha256" in pipeline("show", "--home", home).out


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_any_table_can_be_read_at_any_commit(pipeline, home, tmp_path, suffix):
    out = tmp_path / f"frames{suffix}"
    given = ("show", "before", "--table", "frames", "--out", out, "--home", home)
    [answer] = pipeline(*given, "--json").rows
    assert answer["rows"] == 3
    if suffix == ".parquet":
        assert pyarrow.parquet.read_table(out).num_rows == 3
    else:
        assert len(out.read_text().splitlines()) == 3
    again = pipeline(*given)
    assert again.code == 2 and "exists already" in again.err


def test_a_table_that_is_not_there_is_told_with_those_that_are(pipeline, home, tmp_path):
    answer = pipeline("show", "--table", "frame", "--out", tmp_path / "a.csv", "--home", home)
    assert answer.code == 1 and "no such table" in answer.err and "frames" in answer.err


def test_vectors_are_refused_as_csv(pipeline, home, tmp_path):
    out = tmp_path / "a.csv"
    answer = pipeline("show", "--table", "thumbnails", "--out", out, "--home", home)
    assert answer.code == 2 and "jpeg" in answer.err and not out.exists()


def test_diff_tells_rows_sources_and_selections(pipeline, template, home):
    [found] = pipeline("diff", "before", "main", "--json", "--home", home).rows
    assert [uri.rpartition("/")[2] for uri in found["sources_added"]] == ["c.mp4"]
    assert [uri.rpartition("/")[2] for uri in found["sources_changed"]] == ["a.mp4"]
    assert len(found["selections_added"]) == 1 and found["selections_removed"] == []
    tables = {row["table"]: row for row in found["tables"]}
    assert tables["media"]["added"] == 2 and tables["media"]["removed"] == 0
    back = pipeline("diff", "main", "before", "--home", home).out
    assert "table media: +0 -2 rows" in back and "source - " in back


def test_a_revision_differs_in_nothing_from_itself(pipeline, home):
    answer = pipeline("diff", "main", "main", "--home", home)
    assert answer.out == "" and "the same rows" in answer.err


def test_a_branch_sees_what_it_was_started_from_and_its_own(pipeline, template, home):
    made = pipeline("branch", "try", "before", "--json", "--home", home)
    lake = House.__new__(House)
    lake.home = home
    seen = lake.lake.read(TABLES["frames"], rev="try").num_rows
    assert seen == lake.lake.read(TABLES["frames"], rev="before").num_rows == 3
    listed = pipeline("branch", "--json", "--home", home).rows
    assert {row["name"]: row.get("base") for row in listed} == {
        "main": None,
        "try": made.rows[0]["base"],
    }
    taken = pipeline("branch", "try", "--home", home)
    assert taken.code == 2 and "exists already" in taken.err


def test_branches_and_tags_are_deleted_and_it_is_told_what_nothing_sees_any_more(pipeline, home):
    assert pipeline("branch", "try", "before", "--home", home).code == 0
    answer = pipeline("branch", "--delete", "try", "--json", "--home", home)
    assert answer.rows == [{"name": "try", "deleted": True, "commits_unseen": 0}]
    assert "still seen" in answer.err
    assert [row["name"] for row in pipeline("branch", "--json", "--home", home).rows] == ["main"]
    assert pipeline("branch", "--delete", "main", "--home", home).code == 2
    assert pipeline("branch", "--delete", "--home", home).code == 2
    assert pipeline("tag", "--delete", "before", "--home", home).code == 0
    assert pipeline("tag", "--json", "--home", home).rows == []


def test_log_and_show_count_what_became_of_files_in_the_run(pipeline, home):
    newest, *_, first = pipeline("log", "--json", "--home", home).rows
    assert newest["states"]["file"] == {"changed": 1, "new": 1, "skip": 1}
    assert first["states"]["file"] == {"new": 2} and first["states"]["embed"] == {"new": 2}
    lines = pipeline("log", "--home", home).out.splitlines()
    assert [line for line in lines if "(files: 1 new, 1 changed, 1 skip)" in line] == lines[:1]
    assert sum("(files: 2 new)" in line for line in lines) == 1
    [shown] = pipeline("show", "--json", "--home", home).rows
    assert shown["states"] == newest["states"]
    told = pipeline("show", "before", "--home", home).out
    assert "file: 2 new\n" in told and "embed: 2 new\n" in told


def test_a_tag_stays_where_it_is(pipeline, home):
    assert pipeline("tag", "now", "--home", home).code == 0
    names = [row["name"] for row in pipeline("tag", "--json", "--home", home).rows]
    assert names == ["before", "now"]
    assert pipeline("tag", "before", "main", "--home", home).code == 2


def test_checkout_brings_a_pick_back_byte_for_byte(pipeline, template, home, tmp_path):
    rows = template.lake.read(TABLES["selections"], rev="before").to_pylist()
    name, selection = rows[0]["file_name"], rows[0]["selection_id"]
    answer = pipeline("checkout", f"{name}@before", "--home", home)
    assert answer.out.strip() == str(tmp_path / name)
    kept = home / "store" / "output" / selection / "frames" / name
    assert (tmp_path / name).read_bytes() == kept.read_bytes()
    assert pipeline("checkout", f"{name}@before", "--home", home).code == 2
    report = pipeline("checkout", f"{selection}/report.html@before", "--json", "--home", home)
    assert report.rows[0]["kind"] == "document"


def test_checkout_of_a_source_gives_its_bytes_or_says_that_they_are_gone(pipeline, template, home):
    out = home / "b.mp4"
    assert pipeline("checkout", "b.mp4@before", "--out", out, "--home", home).code == 0
    assert out.read_bytes() == (template.media / "b.mp4").read_bytes()
    path, again = template.media / "b.mp4", home / "again.mp4"
    assert pipeline("checkout", f"{path}@before", "--out", again, "--home", home).code == 0
    assert again.read_bytes() == path.read_bytes()
    changed = pipeline("checkout", "a.mp4@before", "--out", home / "a.mp4", "--home", home)
    assert changed.code == 1 and "holds other bytes now" in changed.err


def test_checkout_of_a_frame_decodes_it_from_its_source(pipeline, template, home):
    frames = template.lake.read(TABLES["frames"]).to_pylist()
    sources = template.lake.read(TABLES["media_sources"]).to_pylist()
    [sha256] = {row["sha256"] for row in sources if row["name"] == "b.mp4"}
    [frame] = [row["frame_id"] for row in frames if row["media_sha256"] == sha256]
    out = home / "frame.jpg"
    [answer] = pipeline("checkout", frame, "--out", out, "--json", "--home", home).rows
    assert answer["kind"] == "frame" and out.read_bytes().startswith(b"\xff\xd8")


def test_checkout_finds_a_source_whose_name_is_other_bytes_than_text(
    pipeline, tmp_path, monkeypatch
):
    house = House(tmp_path)
    path = film(house.media / os.fsdecode(b"odd \xff.mp4"), 0)
    house.run()
    monkeypatch.chdir(tmp_path)
    answer = pipeline("checkout", path.name, "--out", "back.mp4", "--home", house.home)
    assert answer.code == 0, answer.err
    assert (tmp_path / "back.mp4").read_bytes() == path.read_bytes()
    unknown = pipeline("checkout", os.fsdecode(b"\xfe.mp4"), "--home", house.home)
    assert unknown.code == 1 and "no source" in unknown.err


def test_checkout_of_what_is_not_there_says_so(pipeline, home):
    answer = pipeline("checkout", "none.jpg@before", "--home", home)
    assert answer.code == 1 and "no file of a selection" in answer.err


def test_in_a_home_without_commits_the_commands_say_what_to_do(pipeline, tmp_path):
    for command in (["show"], ["diff", "main", "main"], ["tag", "v1"], ["checkout", "a.jpg"]):
        answer = pipeline(*command, "--home", tmp_path / "none")
        assert answer.code == 1 and "pipeline curate" in answer.err, command
    assert pipeline("log", "--home", tmp_path / "none").code == 0
