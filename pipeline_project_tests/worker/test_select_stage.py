"""Selections that meet another one of their dataset, and selections that come to nothing."""

import threading
from dataclasses import replace

import pytest

from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.core.selection import near_duplicates
from pipeline_project.errors import StoreConflict, TransientError
from pipeline_project.worker import select_stage
from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House
from pipeline_project_tests.worker.test_bad_input import at_look


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2, 3)
    film(house.media / "b.mp4", 6, 7, 5, 4)
    return house


class Meddling(LocalObjectStore):
    """Does something just before the first object below a prefix is created."""

    prefix, action = "selections/", None

    def put_new(self, key, data):
        if key.startswith(self.prefix) and self.action is not None:
            action, self.action = self.action, None
            action()
        return super().put_new(key, data)


def before_its_turn(house, action):
    store = Meddling(house.home / "store")
    store.action = action
    return lambda parts: replace(parts, store=store)


def while_writing(house, action):
    return at_look(3, house.media / "a.mp4", action)


def outputs(house):
    return {item.key.split("/")[1] for item in house.store.list("output")}


@pytest.mark.parametrize("moment", [while_writing, before_its_turn])
def test_a_run_that_another_one_overtakes_stays_away_from_its_picks(house, moment):
    other = []
    meddle = moment(house, lambda: other.append(house.run(selection={"n_samples": 3})))
    outcome = house.run(parts=meddle, selection={"n_samples": 4})
    first, second = house.picked(other[0].result), house.picked(outcome.result)
    assert len(first) == 3 and len(second) == 4 and not set(first) & set(second)
    assert outcome.counts["pool"] == 3
    assert outputs(house) == {other[0].result.selection_id, outcome.result.selection_id}
    assert any("meanwhile" in said for said in outcome.said)


def test_a_run_that_is_overtaken_by_its_like_returns_that_selection(house):
    other = []
    meddle = while_writing(house, lambda: other.append(house.run()))
    outcome = house.run(parts=meddle)
    assert outcome.result.reused and outcome.result.selection_id == other[0].result.selection_id
    assert len(house.rows("selection_sets")) == 1 and outputs(house) == {
        outcome.result.selection_id
    }


def test_runs_at_the_same_time_never_pick_the_same_frame(house):
    house.run(selection={"n_samples": 1})
    together = threading.Barrier(2)
    results = []

    class Together(LocalObjectStore):
        waited = False

        def put(self, key, data):
            if key.startswith("output/") and not self.waited:
                self.waited = True
                together.wait(30)
            return super().put(key, data)

    def work(number):
        store = Together(house.home / "store")
        outcome = house.run(
            parts=lambda parts: replace(parts, store=store), selection={"n_samples": number}
        )
        results.append(outcome.result)

    threads = [threading.Thread(target=work, args=(number,)) for number in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    picked = [row["frame_id"] for row in house.rows("selections")]
    assert len(results) == 2 and len(picked) == len(set(picked)) == 6


def test_a_run_that_loses_again_and_again_ends_with_a_clear_error(house):
    class Lost(LocalObjectStore):
        def put_new(self, key, data):
            if key.startswith("selections/"):
                raise StoreConflict("lost")
            return super().put_new(key, data)

    with pytest.raises(TransientError, match="Run again"):
        house.run(parts=lambda parts: replace(parts, store=Lost(house.home / "store")))
    assert outputs(house) == set() and house.rows("selections") == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_selection_that_fails_leaves_no_frames_in_the_store(house, error):
    class Failing(LocalObjectStore):
        written = 0

        def put(self, key, data):
            if key.startswith("output/"):
                self.written += 1
                if self.written == 3:
                    raise error("stopped")
            return super().put(key, data)

    store = Failing(house.home / "store")
    with pytest.raises(error, match="stopped"):
        house.run(parts=lambda parts: replace(parts, store=store))
    assert store.written >= 3
    assert outputs(house) == set()
    assert house.run().counts["picked"] == 3


def test_a_selection_whose_commit_fails_gives_its_turn_back(house):
    def failing(parts):
        class Lake:
            def __getattr__(self, name):
                return getattr(parts.lake, name)

            def begin(self, **given):
                writer = parts.lake.begin(**given)
                commit = writer.commit

                def stop(message):
                    if message.startswith("selection"):
                        raise KeyboardInterrupt
                    return commit(message)

                writer.commit = stop
                return writer

        return replace(parts, lake=Lake())

    with pytest.raises(KeyboardInterrupt):
        house.run(parts=failing)
    assert outputs(house) == set() and list(house.store.list("selections")) == []


@pytest.fixture
def stage_facts(monkeypatch):
    """What the set stages came to, run by run."""
    seen = []
    run = select_stage.SelectionStage.run

    def noted(*given):
        seen.append(run(*given))
        return seen[-1]

    monkeypatch.setattr(select_stage.SelectionStage, "run", noted)
    return seen


def test_the_commit_that_holds_a_selection_is_named_when_it_is_met_again(house, stage_facts):
    house.run()
    house.run(selection={"n_samples": 2})
    house.run()
    sets = house.lake.read(
        select_stage.TABLES["selection_sets"], columns=["selection_id", "commit_id"]
    ).to_pylist()
    commits = {row["selection_id"]: row["commit_id"] for row in sets}
    assert [facts.reused for facts in stage_facts] == [False, False, True]
    assert [facts.commit_id for facts in stage_facts] == [
        commits[facts.selection_id] for facts in stage_facts
    ]
    assert stage_facts[2].commit_id == stage_facts[0].commit_id != stage_facts[1].commit_id


def test_another_threshold_of_likeness_is_another_selection(house, monkeypatch):
    def stricter(parts):
        class Other:
            prepare, embed = parts.embedder.prepare, parts.embedder.embed
            space = replace(parts.embedder.space, duplicate_cosine=0.5)

        return replace(parts, embedder=Other())

    house.run()
    assert not house.run(parts=stricter).result.reused
    assert house.run().result.reused
    monkeypatch.setattr(select_stage, "MAX_HAMMING_BITS", near_duplicates.MAX_HAMMING_BITS + 1)
    assert not house.run().result.reused
