"""A user's folder with texts, a pipeline over them, and a home."""

import os
import textwrap
from pathlib import Path

from pipeline_project.core.collections.definition import read_pipeline
from pipeline_project.worker.collections.contents import collection_files
from pipeline_project.worker.collections.held import Bytes
from pipeline_project.worker.collections.opening import open_place
from pipeline_project.worker.collections.reading import read_file
from pipeline_project.worker.collections.run import plan_pipeline, run_pipeline
from pipeline_project.worker.collections.walk import Wish

STEPS = """\
import collections
import os


def words(given, longer_than=0):
    text = given.file.read_bytes().decode()
    assert "bad" not in text, "a bad word"
    note("words", given)
    return {"words": sum(len(word) > longer_than for word in text.split())}


def letters(given):
    note("letters", given)
    return {"letters": len(given.file.read_bytes())}


def total(given):
    note("total", given)
    return {"total": sum(file.json()["words"] for file in given)}


def note(step, given):
    with open(os.environ["NOTES"], "a") as notes:
        for file in given:
            notes.write(f"{step} {file.path}\\n")
"""
YAML = """\
name: texts
collections:
  texts: {source: texts}
steps:
  - name: words
    input: {collection: texts, glob: "/*"}
    transform: {call: "steps:words"}
  - name: letters
    input: {collection: texts, glob: "/*"}
    transform: {call: "steps:letters"}
  - name: both
    input:
      join:
        - {collection: words, glob: "/(*).json", join_on: $1}
        - {collection: letters, glob: "/(*).json", join_on: $1}
    transform: {merge: true}
  - name: total
    input: {collection: both, glob: /}
    transform: {call: "steps:total"}
"""


class House:
    """Writes the user's files, runs the pipeline, and tells what was done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = folder / "notes"
        (folder / "texts").mkdir()
        self.write("steps.py", STEPS)
        self.write("p.yaml", YAML)
        for name in ("a", "b", "c"):
            self.write(f"texts/{name}.txt", f"some words of {name}")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(textwrap.dedent(text))

    def change(self, name: str, before: str, after: str) -> None:
        text = (self.folder / name).read_text()
        assert before in text
        self.write(name, text.replace(before, after))

    def place(self, **more):
        return open_place((self.folder / "home").as_uri(), run_id="run", processes=1, **more)

    def wish(self, text: str | None = None, **more) -> Wish:
        path = self.folder / "p.yaml"
        pipeline = read_file(path) if text is None else read_pipeline(text, "p.yaml")
        return Wish(pipeline, self.folder, **more)

    def run(self, text: str | None = None, **more):
        """Run; `done` of the report holds what the user's functions were called with."""
        self.notes.write_text("")
        return run_pipeline(self.place(), self.wish(text, **more))

    def plan(self, text: str | None = None, **more):
        return plan_pipeline(self.place(), self.wish(text, **more))

    @property
    def called(self) -> list[str]:
        """Step and path of every call of the last run, sorted."""
        return sorted(self.notes.read_text().splitlines())

    def outputs(self, collection: str, rev: str | None = None, pipeline: str = "texts"):
        place = self.place()
        files = collection_files(place.lake, pipeline, collection, rev)
        return {held.path: Bytes(place.access).read(held) for held in files}


def counts(report) -> dict[str, dict[str, int]]:
    """What is not 0 of every step's counts."""
    return {step.name: {name: n for name, n in step.counts.items() if n} for step in report.steps}


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "NOTES": str(folder / "notes")}
