import pytest

from pipeline_project.core.collections.datums import datums
from pipeline_project.core.collections.definition import read_pipeline
from pipeline_project.core.collections.plan import (
    Known,
    check_outputs,
    datum_key,
    plan_step,
    step_code,
)
from pipeline_project.errors import ConfigError
from pipeline_project_tests.core.collections.test_datums import atom, listing
from pipeline_project_tests.core.collections.test_definition import GOOD

STEP = read_pipeline(GOOD, "talk.yaml").steps[0]
ALL = atom("images", "/*")


def planned(now, before=None, code="1", known_code="1", state="done", **more):
    """The plan for files `now`, after files `before` were done by `known_code`."""
    done = {
        d.datum_id: Known(datum_key(d, known_code), state) for d in datums(ALL, {"images": before})
    }
    results = {each.datum_key: each.state for each in done.values()}
    return plan_step(datums(ALL, {"images": now}), code, done, results, **more)


def counts(plan) -> dict[str, int]:
    lists = {name: getattr(plan, name) for name in plan.__slots__ if name != "keys"}
    return {name: len(each) for name, each in lists.items() if each}


def test_nothing_is_done_twice():
    assert counts(planned(listing("/a", "/b"), listing("/a", "/b"))) == {"skipped": 2}


def test_only_what_is_new_is_worked_on():
    assert counts(planned(listing("/a", "/b"), listing("/a"))) == {"new": 1, "skipped": 1}


def test_changed_contents_are_worked_on_again():
    assert counts(planned(listing("/a", salt="x"), listing("/a"))) == {"changed": 1}


def test_changed_code_changes_every_datum():
    assert counts(planned(listing("/a", "/b"), listing("/a", "/b"), code="2")) == {"changed": 2}


def test_what_is_gone_is_removed():
    assert counts(planned(listing("/a"), listing("/a", "/b"))) == {"removed": 1, "skipped": 1}


def test_what_failed_is_left_alone_until_something_changes_or_it_is_asked_for():
    same = listing("/a"), listing("/a")
    assert counts(planned(*same, state="failed")) == {"failed": 1}
    assert counts(planned(*same, state="failed", code="2")) == {"changed": 1}
    assert counts(planned(*same, state="failed", retry=True)) == {"changed": 1}


def test_a_result_that_is_there_is_used_for_contents_that_come_back():
    (old,) = datums(ALL, {"images": listing("/a")})
    plan = plan_step(
        [old], "1", {old.datum_id: Known("other", "done")}, {datum_key(old, "1"): "done"}
    )
    assert counts(plan) == {"reused": 1}


def test_the_code_of_a_step_is_its_name_version_settings_and_model():
    codes = {
        step_code(STEP, "1"),
        step_code(STEP, "2"),
        step_code(STEP, "1", "model"),
        step_code(read_pipeline(GOOD, "talk.yaml").steps[1], "1"),
    }
    assert len(codes) == 4


def test_two_datums_of_one_output_path_are_refused_before_any_work():
    found = datums(ALL, {"images": listing("/a.jpg", "/a.png")})
    with pytest.raises(
        ConfigError, match=r"talk.yaml:14: .*images:/a.jpg and images:/a.png.*/a.json"
    ):
        check_outputs(STEP, found)
