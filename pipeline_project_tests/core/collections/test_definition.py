import re
import textwrap
from pathlib import Path

import pytest

from pipeline_project.core.collections.definition import read_pipeline
from pipeline_project.errors import ConfigError

GOOD = """\
type: pipeline_project.components.CollectionPipeline
attributes:
  name: talk
  collections:
    images:
      source: pictures
  steps:
    - name: cls
      input:
        join:
          - {collection: vol, glob: "/(*).json", join_on: $1}
          - {collection: sob, glob: "/(*).json", join_on: $1}
      transform: {classify: talk}
    - name: vol
      input: {collection: images, glob: "/*.jpg"}
      transform: {measure: laplacian_variance}
    - name: sob
      input: {collection: images, glob: "/*.jpg"}
      transform: {measure: [sobel_variance]}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_pipeline(text, "talk.yaml")
    return str(caught.value).splitlines()


def with_step(body: str) -> str:
    step = textwrap.indent(textwrap.dedent(body), "    ")
    return GOOD + step


def test_steps_come_in_an_order_that_can_be_run():
    pipeline = read_pipeline(GOOD, "talk.yaml")
    assert [step.name for step in pipeline.steps] == ["vol", "sob", "cls"]
    assert pipeline.steps[0].where == "talk.yaml:14"
    assert pipeline.steps[1].value == ("sobel_variance",)


def test_attributes_may_stand_alone():
    alone = textwrap.dedent("\n".join(GOOD.splitlines()[2:]))
    assert len(read_pipeline(alone, "talk.yaml").steps) == 3


@pytest.mark.parametrize(
    ("before", "after", "line", "said"),
    [
        ("collection: vol,", "collection: vols,", 11, "no collection or step 'vols'; did you"),
        ("glob: \"/*.jpg\"", "glob: \"/(*.jpg\"", 15, "'(' is never closed"),
        ("glob: \"/(*).json\"", "glob: \"/*.json\"", 11, "has 0; put what is compared in parenth"),
        (", join_on: $1", "", 11, "stands in a join and has no join_on"),
        ("join_on: $1", "join_on: stem", 11, "names no capture group"),
        ("name: sob", "name: vol", 17, "entry 2 of steps has this name already"),
        ("name: vol", "name: images", 14, "would be written over the collection images"),
        ("measure: laplacian_variance", "measure: laplace", 16, "no measure 'laplace'"),
        ("name: talk", "nmae: talk", 3, "'nmae' is not known here; allowed: name"),
        ("classify: talk", "clasify: talk", 13, "allowed: measure, merge, classify, call"),
        ("classify: talk", "classify: talk, merge: true", 13, "seen: merge and classify"),
        ("collection: images, glob: \"/*.jpg\"", "collection: cls, glob: /*", 9, "waits for"),
        ("      source: pictures", "      source: pictures\n      source: b", 7, "a second time"),
        ("join:", "join: [", 11, "this is no YAML"),
        ("CollectionPipeline", "Other", 1, "allowed is pipeline_project.components"),
        ("name: vol", "name: vol/x", 14, "should match pattern"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_what_is_allowed(before, after, line, said):
    found = problems(GOOD.replace(before, after, 1))
    assert any(each.startswith(f"talk.yaml:{line}: ") and said in each for each in found), found


def test_everything_that_is_wrong_is_told_at_once():
    bad = GOOD.replace("collection: vol,", "collection: vols,").replace("laplacian", "laplace")
    assert [each.split(":")[1] for each in problems(bad)] == ["11", "16"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("- {name: x, input: {}, transform: {merge: true}}", "seen: none of them"),
        (
            "- {name: x, input: {cross: [{collection: vol, glob: /}]}, transform: {merge: true}}",
            "a cross has two inputs or more",
        ),
        (
            "- name: x\n  input:\n    cross:\n      - {collection: vol, glob: /}\n"
            "      - {collection: vol, glob: /*}\n  transform: {merge: true}",
            "two inputs of this cross are called 'vol'",
        ),
        (
            "- {name: x, input: {group: [{collection: vol, glob: /*}]}, transform: {merge: true}}",
            "stands in a group and has no group_by",
        ),
        (
            "- {name: x, input: {collection: vol}, transform: {merge: true}}",
            "'glob' is missing",
        ),
        (
            "- {name: x, input: {collection: vol, glob: /*}, transform: {command: [cat]}}",
            "never names {out}",
        ),
        (
            "- {name: x, input: {collection: vol, glob: /*}, transform: {merge: true},"
            " params: {a: 1}}",
            "only `call` takes params",
        ),
        (
            "- {name: x, input: {collection: vol, glob: /*}, transform: {merge: true}, output: $1}",
            "this step's inputs capture 0",
        ),
        (
            "- name: x\n  input: {join: [{collection: vol, glob: /(*), join_on: $1},"
            " {cross: [{collection: sob, glob: /}, {collection: cls, glob: /}]}]}\n"
            "  transform: {merge: true}",
            "needs a collection with join_on",
        ),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(body, said):
    found = problems(with_step(body))
    assert any(said in each for each in found), found


def test_an_empty_file_is_told():
    assert problems("") == [
        "talk.yaml:1: a pipeline has name, collections and steps; seen: nothing"
    ]


def test_the_pipeline_that_the_readme_shows_is_sound():
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    (shown,) = re.findall(r"```yaml\n(type: .*?)```", readme, re.DOTALL)
    assert [step.name for step in read_pipeline(shown, "README.md").steps] == [
        "vol",
        "sob",
        "features",
    ]
