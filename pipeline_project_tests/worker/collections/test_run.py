"""What is worked on, what is left alone, and what a collection holds afterwards."""

import json

import pytest

from pipeline_project.errors import ConfigError
from pipeline_project_tests.worker.collections.house import STEPS, YAML, counts

SKIP = {"words": {"skipped": 3}, "letters": {"skipped": 3}, "both": {"skipped": 3}}


def test_only_what_is_new_changed_or_gone_is_worked_on(house):
    planned = house.plan()
    first = house.run()
    assert counts(planned) == counts(first)
    assert counts(first)["both"] == {"new": 3}
    assert json.loads(house.outputs("both")["/a.json"]) == {"words": 4, "letters": 15}
    assert json.loads(house.outputs("total")["/both.json"]) == {"total": 12}

    again = house.run()
    assert (again.commit_id, house.called) == (None, [])
    assert counts(again) == {**SKIP, "total": {"skipped": 1}}

    house.write("texts/d.txt", "one more")
    more = house.run()
    assert house.called == [
        "letters /d.txt",
        "total /a.json",
        "total /b.json",
        "total /c.json",
        "total /d.json",
        "words /d.txt",
    ]
    assert counts(more)["both"] == {"new": 1, "skipped": 3}
    assert counts(more)["total"] == {"changed": 1}

    house.write("texts/a.txt", "now more words than these were")
    assert counts(house.plan())["words"] == {"changed": 1, "skipped": 3}
    changed = house.run()
    assert counts(changed)["words"] == {"changed": 1, "skipped": 3}
    assert [each for each in house.called if "total" not in each] == [
        "letters /a.txt",
        "words /a.txt",
    ]

    (house.folder / "texts/b.txt").unlink()
    assert counts(house.plan())["both"] == {"skipped": 3, "removed": 1}
    gone = house.run()
    assert counts(gone)["both"] == {"skipped": 3, "removed": 1}
    assert sorted(house.outputs("both")) == ["/a.json", "/c.json", "/d.json"]
    assert sorted(house.outputs("both", rev=changed.commit_id)) == [
        "/a.json",
        "/b.json",
        "/c.json",
        "/d.json",
    ]


def test_what_was_there_before_is_not_made_twice(house):
    house.run()
    before = house.outputs("both")
    house.write("texts/a.txt", "another text")
    house.run()
    house.write("texts/a.txt", "some words of a")
    back = house.run()
    assert house.called == []
    assert counts(back)["words"] == {"reused": 1, "skipped": 2}
    assert house.outputs("both") == before


def test_an_output_that_comes_out_as_before_changes_nothing_after_it(house):
    house.run()
    house.write("texts/a.txt", "four other words now")  # as many words, not as many letters
    report = house.run()
    assert counts(report)["words"] == {"changed": 1, "skipped": 2}
    house.change("steps.py", '"letters": len', '"letters": 0 * len')
    house.run()
    house.write("texts/a.txt", "four words once again!!")
    report = house.run()
    assert counts(report)["letters"] == {"changed": 1, "skipped": 2}
    assert counts(report)["both"] == {"skipped": 3}
    assert [each.split()[0] for each in house.called] == ["letters", "words"]


def test_settings_and_code_of_a_step_change_it_and_those_after_it_only(house):
    house.run()
    house.change("p.yaml", '"steps:words"}', '"steps:words"}\n    params: {longer_than: 4}')
    report = house.run()
    assert {each.split()[0] for each in house.called} == {"words", "total"}
    assert counts(report)["letters"] == {"skipped": 3}
    assert json.loads(house.outputs("total")["/both.json"]) == {"total": 3}

    commented = STEPS.replace("def letters", "# A comment.\ndef letters", 1).replace(
        "def words(given, longer_than=0):", 'def words(given, longer_than=0):\n    """Words."""'
    )
    house.write("steps.py", commented)
    assert house.run().commit_id is None


def test_a_version_set_by_hand_replaces_that_of_the_code(house):
    pinned = YAML.replace('{call: "steps:words"}', '{call: "steps:words"}\n    version: "1"')
    house.run(pinned)
    house.change("steps.py", 'return {"words"', 'return {"more": 1, "words"')
    assert counts(house.plan(pinned))["words"] == {"skipped": 3}
    assert counts(house.plan(pinned.replace('version: "1"', 'version: "2"')))["words"] == {
        "changed": 3
    }


def test_a_failed_datum_stops_no_other_and_is_tried_again_when_its_code_changes(house):
    house.write("texts/b.txt", "a bad text")
    report = house.run()
    assert counts(report)["words"] == {"new": 3, "failed": 1}
    assert [(each.datum, each.error) for each in report.steps[0].failures] == [
        ("texts:/b.txt", "AssertionError: a bad word")
    ]
    assert sorted(house.outputs("both")) == ["/a.json", "/c.json"]

    known = house.run()
    assert (house.called, counts(known)["words"]) == ([], {"skipped": 2, "failed": 1})
    assert known.steps[0].failures[0].error == "AssertionError: a bad word"
    asked = house.run(retry_failed=True)
    assert counts(asked)["words"] == {"changed": 1, "skipped": 2, "failed": 1}

    house.change("steps.py", 'assert "bad" not in text', 'assert "worse" not in text')
    mended = house.run()
    assert counts(mended)["words"] == {"changed": 3, "recovered": 1}
    assert counts(mended)["both"] == {"new": 1, "skipped": 2}


def test_only_the_named_steps_are_run(house):
    house.run(only={"words"})
    assert {each.split()[0] for each in house.called} == {"words"}
    assert house.outputs("letters") == {}
    house.run()
    house.write("texts/d.txt", "one more")
    report = house.run(only={"letters"})
    assert house.called == ["letters /d.txt"]
    assert counts(report)["words"] == {"skipped": 3}


def test_a_step_that_is_taken_out_takes_its_collection_with_it(house):
    first = house.run()
    without = YAML[: YAML.index("  - name: total")]
    house.run(without)
    assert house.outputs("total") == {}
    assert list(house.outputs("total", rev=first.commit_id)) == ["/both.json"]


def test_two_pipelines_keep_their_collections_apart(house):
    house.run()
    house.run(YAML.replace("name: texts\n", "name: other\n", 1))
    assert house.called == []  # what is the same is not worked on again
    assert sorted(house.outputs("both", pipeline="other")) == sorted(house.outputs("both"))


def test_a_source_that_is_not_there_is_told_with_its_line(house):
    with pytest.raises(ConfigError, match=r"p.yaml:3: collection texts: .*missing"):
        house.run(YAML.replace("source: texts", "source: missing"))


@pytest.mark.parametrize(
    ("function", "said"),
    [("nothing:words", "no module 'nothing'"), ("steps:nothing", "no function 'nothing'")],
)
def test_a_function_that_is_not_there_is_told_with_its_line_before_any_work(house, function, said):
    with pytest.raises(ConfigError, match=rf"p.yaml:5: step words: .*{said}"):
        house.run(YAML.replace("steps:words", function))
    assert house.called == []
