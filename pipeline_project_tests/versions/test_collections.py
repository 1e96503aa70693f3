"""What garbage collection, a purge and `why` know of collections, on a lake that real steps made.

`total` and the group `a` are made of all files or some: of annabel's too, from the second run on.
"""

import hashlib
import json
import shutil
from datetime import timedelta

import pytest

from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.cli import main
from pipeline_project.versions.collecting import Collection
from pipeline_project.versions.derived import derived
from pipeline_project.worker.collections.held import MOST_INLINE_BYTES
from pipeline_project_tests.cli.test_purge import mentions
from pipeline_project_tests.worker.collections.house import House

STEPS = f"""\
def words(given):
    return {{"words": len(given.file.read_bytes().split())}}


def large(given):
    return given.file.read_bytes() * {MOST_INLINE_BYTES}


def names(given):
    return {{"files": sorted(file.path for file in given)}}
"""
YAML = """\
name: texts
collections:
  texts: {source: texts}
steps:
  - name: words
    input: {collection: texts, glob: "/*"}
    transform: {call: "steps:words"}
  - name: large
    input: {collection: texts, glob: "/*"}
    transform: {call: "steps:large"}
  - name: both
    input:
      join:
        - {collection: words, glob: "/(*).json", join_on: $1}
        - {collection: large, glob: "/(*).json", join_on: $1}
    transform: {call: "steps:names"}
  - name: pairs
    input:
      cross:
        - {collection: words, glob: "/*", name: one}
        - {collection: words, glob: "/*", name: two}
    transform: {call: "steps:names"}
  - name: initials
    input:
      group:
        - {collection: words, glob: "/(?)*", group_by: $1}
    transform: {call: "steps:names"}
  - name: total
    input: {collection: both, glob: /}
    transform: {call: "steps:names"}
"""
PRIVATE = "the private words of annabel"
MADE = {"words": 1, "large": 1, "both": 1, "pairs": 5, "initials": 1, "total": 1}


class Texts(House):
    def __init__(self, folder):
        self.folder, self.notes = folder, folder / "notes"

    @property
    def lake(self):
        return self.place().lake

    @property
    def store(self):
        return LocalObjectStore(self.folder / "home/store")

    def seen(self, rev=None):
        """Paths of every collection at a revision."""
        return {name: sorted(self.outputs(name, rev)) for name in MADE}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Two runs, with a tag on each; the second found a file more."""
    folder = tmp_path_factory.mktemp("texts")
    house = Texts(folder)
    (folder / "texts").mkdir()
    house.write("steps.py", STEPS)
    house.write("p.yaml", YAML)
    for name in ("bob", "amy"):
        house.write(f"texts/{name}.txt", f"words of {name}")
    house.run()
    house.lake.tag("before")
    house.write("texts/annabel.txt", PRIVATE)
    house.run()
    house.lake.tag("with")
    return house


@pytest.fixture
def house(template, tmp_path):
    return Texts(shutil.copytree(template.folder, tmp_path / "texts"))


def told(capsys, house, *arguments):
    capsys.readouterr()
    code = main([*map(str, arguments), "--home", str(house.folder / "home"), "--json"])
    said = capsys.readouterr()
    return code, [json.loads(line) for line in said.out.splitlines()], said.err


def test_a_purge_takes_all_that_was_made_of_a_file_out_of_every_version(house, capsys, monkeypatch):
    monkeypatch.chdir(house.folder)
    before, all_before = house.seen("before"), house.seen("with")
    code, [plan], said = told(capsys, house, "purge", "annabel.txt")
    assert code == 0 and "5 results of texts/pairs" in said
    assert plan["steps"] == {f"texts/{step}": count for step, count in MADE.items()}
    assert house.seen("with") == all_before
    code, [purged], _ = told(capsys, house, "purge", "annabel.txt", "--yes")
    assert code == 0 and purged["rows"]["collection_results"] == 10
    sha256 = hashlib.sha256(PRIVATE.encode()).hexdigest()
    words = (b"annabel", sha256.encode())
    assert mentions(house.folder / "home", *words) == []
    assert house.seen("before") == before
    left = {
        name: [path for path in paths if "annabel" not in path]
        for name, paths in all_before.items()
    } | {"total": [], "initials": ["/b.json"]}
    assert house.seen("with") == house.seen() == left


def test_after_a_purge_the_next_run_makes_anew_what_other_files_had_a_part_in(
    house, capsys, monkeypatch
):
    monkeypatch.chdir(house.folder)
    assert told(capsys, house, "purge", "annabel.txt", "--yes")[0] == 0
    assert list(house.store.list("collections/turns")) == []
    (house.folder / "texts/annabel.txt").unlink()
    house.run()
    assert {name: len(paths) for name, paths in house.seen().items()} == {
        "words": 2, "large": 2, "both": 2, "pairs": 4, "initials": 2, "total": 1,
    }  # fmt: skip


def test_why_shows_the_steps_that_hold_a_file_and_what_they_made(house, template, capsys):
    for name in ("annabel.txt", template.folder / "texts/annabel.txt"):
        code, [facts], _ = told(capsys, house, "why", name)
        assert code == 0
        [found] = facts["collections"]
        assert (found["collection"], found["path"]) == ("texts", "/annabel.txt")
        steps = [step["step"] for step in found["steps"]]
        assert {step: steps.count(step) for step in steps} == MADE
        made = {step["step"]: step for step in found["steps"]}
        assert made["both"]["outputs"] == made["both"]["inputs_of_it"] == ["/annabel.json"]
        assert made["total"]["other_inputs"] == 2
        assert steps.index("words") < steps.index("pairs") < len(steps)
    assert main(["why", "annabel.txt", "--home", str(house.folder / "home")]) == 0
    assert "total: done" in (words := capsys.readouterr().out)
    assert "/annabel.json and 2 other inputs: /both.json" in words


def test_why_tells_of_a_file_that_left_a_collection(house, capsys):
    (house.folder / "texts/annabel.txt").unlink()
    house.run()
    code, [facts], _ = told(capsys, house, "why", "annabel.txt")
    assert code == 0 and facts["collections"][0]["state"] == "removed"
    assert facts["collections"][0]["steps"] == []


def test_garbage_collection_leaves_every_version_of_a_collection_whole(house):
    before = {rev: house.seen(rev) for rev in ("before", "with", "main")}
    house.store.put("collections/00/" + "0" * 64, b"nobody's")
    now = timedelta(0)
    found = Collection(house.place().lake, house.store, None, "gc", now, now).run()
    assert found.objects == ["collections/00/" + "0" * 64]
    assert {rev: house.seen(rev) for rev in before} == before


def result(key, inputs, outputs):
    listed = [[{"path": path, "sha256": sha} for path, sha in some] for some in (inputs, outputs)]
    return {
        "datum_key": key, "pipeline": "p",
        "inputs": json.dumps(listed[0]), "outputs": json.dumps(listed[1]),
    }  # fmt: skip


def test_what_another_file_of_the_same_bytes_gave_is_no_part_of_it():
    rows = [
        result("group", [("/a.json", "2"), ("/b.json", "3")], [("/all.json", "4")]),
        result("own", [("/a", "1")], [("/a.json", "2")]),
        result("twin", [("/b", "1")], [("/b.json", "3")]),
        result("after", [("/all.json", "4")], []),
        result("other", [("/c", "5")], [("/c.json", "2")]),
    ]
    found = derived(lambda: rows, {("p", "/a", "1")})
    assert [row["datum_key"] for row in found] == ["own", "group", "after"]
    assert derived(lambda: rows, {("q", "/a", "1")}) == []
    every = derived(lambda: rows, set(), {"1"})
    assert {row["datum_key"] for row in every} == {"own", "twin", "group", "after"}
