"""The states of the stages that take a run's set as a whole, through the real worker."""

from types import MappingProxyType

import pytest

from pipeline_project.errors import ConfigError, LakeError, StoreError
from pipeline_project.worker import select_stage, stages
from pipeline_project.worker.checkpoints import Checkpoints
from pipeline_project.worker.stages import SET_STAGES
from pipeline_project.worker.states import states_of_run
from pipeline_project.worker.write_stage import WriteStage
from pipeline_project_tests.worker.footage import still
from pipeline_project_tests.worker.house import House

# As a configuration that only shows its error once there are frames to choose from.
UNKNOWN_TAG = {
    "n_samples": 1,
    "strategies": [
        {"input": {"type": "EMBEDDINGS", "tag_name": "nobody"}, "strategy": {"type": "SIMILARITY"}}
    ],
}


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    for scene in range(4):
        still(house.media / f"{scene}.png", scene)
    return house


def sets(house):
    """(stage, state) of all rows of sets, oldest first."""
    rows = [row for row in house.rows("states") if row["stage"] in SET_STAGES]
    return [(row["stage"], row["state"]) for row in sorted(rows, key=lambda r: r["noted_at"])]


def every(state):
    return [(stage, state) for stage in SET_STAGES]


def test_a_dataset_s_first_set_is_new_under_the_key_of_its_selection(house):
    first = house.run()
    assert sets(house) == every("new")
    [selection] = house.rows("selection_sets")
    rows = [row for row in house.rows("states") if row["stage"] in SET_STAGES]
    assert {row["datum_key"] for row in rows} == {selection["set_key"]}
    assert {row["sha256"] for row in rows} == {selection["candidates_sha256"]}
    assert {(row["name"], row["uri"], row["files"]) for row in rows} == {("default", "", 1)}
    told = states_of_run(house.lake, first.result.run_id)
    for stage in SET_STAGES:
        assert first.result.states[stage] == told[stage] == {"new": 1}


def test_a_known_set_is_skipped_and_nothing_is_written(house):
    house.run()
    before = len(list(house.lake.log()))
    again = house.run()
    assert [again.result.states[stage] for stage in SET_STAGES] == [{"skip": 1}] * 3
    assert len(list(house.lake.log())) == before and sets(house) == every("new")


@pytest.mark.parametrize(
    "change", [{"selection": {"n_samples": 1}}, {"engine": "mundig"}, {"quality": {}}]
)
def test_other_settings_change_the_set(house, change):
    house.run()
    house.run(**change)
    assert sets(house) == every("new") + every("changed")


def test_another_file_changes_the_set_and_so_does_a_removed_one(house):
    house.run(selection={"n_samples": 1})
    still(house.media / "5.png", 5)
    house.run(selection={"n_samples": 1})
    (house.media / "5.png").unlink()
    (house.media / "0.png").unlink()
    house.run(selection={"n_samples": 1})
    assert sets(house) == every("new") + every("changed") * 2


def test_a_set_that_is_again_what_it_was_is_skipped_in_a_run_that_removed_a_file(house):
    first = house.run(selection={"n_samples": 1})
    still(house.media / "5.png", 5)
    house.run(selection={"n_samples": 1}, datapool={"enabled": False})
    (house.media / "5.png").unlink()
    again = house.run(selection={"n_samples": 1})
    assert again.result.selection_id == first.result.selection_id
    assert sets(house)[6:] == every("skip")


def test_other_code_changes_the_set(house, monkeypatch):
    house.run()
    raised = MappingProxyType({**stages.VERSIONS, "select": "raised"})
    monkeypatch.setattr(select_stage, "VERSIONS", raised)
    house.run()
    assert sets(house) == every("new") + every("changed")


def test_each_dataset_has_a_set_of_its_own(house):
    house.run()
    house.run(dataset="other")
    assert sets(house) == every("new") * 2


def test_a_set_that_cannot_be_picked_from_fails_and_recovers(house):
    with pytest.raises(ConfigError, match="nobody"):
        house.run(selection=UNKNOWN_TAG)
    assert sets(house) == [("select", "failed")]
    [row] = [row for row in house.rows("states") if row["stage"] == "select"]
    assert row["error_class"] == "ConfigError" and "nobody" in row["error"]
    assert house.rows("selection_sets") == []
    again = house.run()
    assert again.result.states["select"] == {"recovered": 1}
    assert sets(house)[1:] == [("deduplicate", "new"), ("select", "recovered"), ("write", "new")]
    house.run(selection={"n_samples": 1})
    assert sets(house)[4:] == every("changed")


def test_a_set_that_failed_recovers_after_runs_that_skipped_a_known_one(house):
    one = {"selection": {"n_samples": 1}, "datapool": {"enabled": False}}
    house.run(**one)
    still(house.media / "twin.png", 0)
    with pytest.raises(ConfigError, match="nobody"):
        house.run(selection=UNKNOWN_TAG)
    (house.media / "twin.png").unlink()
    assert house.run(**one).result.states["select"] == {"skip": 1}
    assert sets(house)[3:] == [("select", "failed"), *every("skip")]
    assert house.run(selection={"n_samples": 2}).result.states["select"] == {"recovered": 1}


def test_a_set_that_cannot_be_written_fails_at_writing(house, monkeypatch):
    def full(*_):
        raise StoreError("Writing a picture: no space left on the device. Free some.")

    house.run()
    with monkeypatch.context() as broken:
        broken.setattr(WriteStage, "write", full)
        with pytest.raises(StoreError, match="no space left"):
            house.run(selection={"n_samples": 1})
    assert sets(house)[3:] == [("write", "failed")]
    assert len(house.rows("selection_sets")) == 1
    house.run(selection={"n_samples": 1})
    assert sets(house)[4:] == [
        ("deduplicate", "changed"),
        ("select", "changed"),
        ("write", "recovered"),
    ]


def test_where_the_failure_cannot_be_written_down_its_own_error_is_told(house, monkeypatch):
    commit = Checkpoints.commit

    def broken(self, message, rows=None):
        if message.endswith("failed"):
            raise LakeError("committing: the lake is gone")
        return commit(self, message, rows)

    monkeypatch.setattr(Checkpoints, "commit", broken)
    with pytest.raises(ConfigError, match="nobody"):
        house.run(selection=UNKNOWN_TAG)
