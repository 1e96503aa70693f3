import json

import pytest

from pipeline_project.errors import ConfigError
from pipeline_project.making import stage_code
from pipeline_project.making.stage_code import Code

MEASURE = '''"""A module."""

from own.core import numbers
from own.core.scale import scaled
from own.other import unseen

LIMIT = 3


def measure(pixels: list) -> float:
    """What it says of itself."""
    return scaled(pixels) + LIMIT + numbers.half(unseen(1))


def nobody_asks():
    return 1
'''
SCALE = "FACTOR = 2\n\n\ndef scaled(x):\n    return x * FACTOR\n"
NUMBERS = "def half(x):\n    return x / 2\n\n\ndef third(x):\n    return x / 3\n"


@pytest.fixture
def package(tmp_path):
    """A package whose stage uses a constant two modules away."""
    for name, text in {
        "core/measure.py": MEASURE,
        "core/scale.py": SCALE,
        "core/numbers.py": NUMBERS,
        "other.py": "def unseen(x):\n    return x\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def hashed(package):
    return Code(package, "own", ("own.core",)).hash_of(["core.measure:measure"])


def changed(package, name, before, after):
    first = hashed(package)
    text = (package / name).read_text()
    assert before in text
    (package / name).write_text(text.replace(before, after))
    return hashed(package) != first


def test_every_stage_has_the_code_of_its_version():
    kept = json.loads(stage_code.KEPT.read_text())
    problems = stage_code.problems(kept, stage_code.current())
    assert not problems, problems


@pytest.mark.parametrize(
    "name, before, after",
    [
        ("core/measure.py", "LIMIT = 3", "LIMIT = 4"),
        ("core/scale.py", "FACTOR = 2", "FACTOR = 2.5"),
        ("core/numbers.py", "x / 2", "x // 2"),
        ("core/measure.py", "+ LIMIT", "- LIMIT"),
    ],
)
def test_a_change_of_what_a_stage_uses_changes_its_hash(package, name, before, after):
    assert changed(package, name, before, after)


@pytest.mark.parametrize(
    "name, before, after",
    [
        ("core/measure.py", "LIMIT = 3", "# A comment.\n\nLIMIT = 3  # and another"),
        ("core/measure.py", "What it says of itself.", "Other words."),
        ("core/measure.py", "pixels: list", "pixels: tuple"),
        ("core/measure.py", "return 1", "return 2"),
        ("core/numbers.py", "x / 3", "x / 4"),
        ("other.py", "return x", "return -x"),
    ],
)
def test_what_no_stage_uses_and_what_only_people_read_changes_nothing(package, name, before, after):
    assert not changed(package, name, before, after)


def test_an_entry_point_that_is_gone_is_told(package):
    with pytest.raises(ConfigError, match="defines no gone"):
        Code(package, "own", ("own.core",)).hash_of(["core.measure:gone"])


def test_the_problem_says_which_stage_and_what_to_run():
    kept = {"score": {"version": "2", "code": "a"}, "embed": {"version": "1", "code": "b"}}
    now = {"score": {"version": "2", "code": "x"}, "embed": {"version": "2", "code": "y"}}
    changed, raised = stage_code.problems(kept, now).splitlines()
    assert "score" in changed and "raise the version" in changed and "--same-results" in changed
    assert "embed went from version 1 to 2" in raised and stage_code.COMMAND in raised
    assert stage_code.problems(now, now) == ""


def test_accepting_keeps_what_was_raised_and_refuses_what_was_not(tmp_path, monkeypatch):
    kept = tmp_path / "stage_code.json"
    before = stage_code.current()
    raised = {**before["sample"], "version": "0"}
    kept.write_text(json.dumps({**before, "sample": raised, "score": {"version": "2", "code": ""}}))
    monkeypatch.setattr(stage_code, "KEPT", kept)
    monkeypatch.setattr(
        stage_code, "current", lambda: {**before, "score": {"version": "2", "code": "x"}}
    )
    assert stage_code.main(["--accept"]) == 1
    assert json.loads(kept.read_text())["sample"] == before["sample"]
    assert json.loads(kept.read_text())["score"]["code"] == ""
    assert stage_code.main(["--accept", "--same-results", "score"]) == 0
    assert stage_code.main([]) == 0
