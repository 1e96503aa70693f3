from datetime import UTC, datetime

import pytest

from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import StoreConflict
from pipeline_project.worker.datapool import EarlierSelection
from pipeline_project.worker.turns import Turns

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    return LocalObjectStore(tmp_path)


class Clock:
    """Seconds that pass only while somebody waits; `then` happens at the first wait."""

    def __init__(self, then=lambda: None):
        self.now_s = 1000.0
        self.then = then

    def wait(self, seconds):
        self.now_s += seconds
        self.then()


def turns(store, clock=None, dataset="d"):
    clock = clock or Clock()
    return Turns(store, dataset, now_s=lambda: clock.now_s, wait=clock.wait)


def recorded(*ids):
    return [EarlierSelection(each, "", "", "", {}, "", NOW) for each in ids]


def test_the_first_turn_is_free(store):
    assert turns(store).next(list) == (1, [])


def test_a_turn_is_taken_once(store):
    turns(store).take(1, "a")
    with pytest.raises(StoreConflict):
        turns(store).take(1, "b")


def test_the_next_turn_waits_until_the_last_selection_is_recorded(store):
    known = []
    clock = Clock(then=lambda: known.append(*recorded("a")) if not known else None)
    turns(store, clock).take(1, "a")
    assert turns(store, clock).next(lambda: list(known)) == (2, recorded("a"))
    assert clock.now_s < 1001


def test_a_run_that_died_holds_the_next_one_up_for_seconds_only_and_later_ones_not_at_all(store):
    clock = Clock()
    turns(store, clock).take(1, "a")
    assert turns(store, clock).next(list) == (2, [])
    assert clock.now_s == pytest.approx(1020, abs=1)
    before = clock.now_s
    assert turns(store, clock).next(list) == (2, [])
    assert clock.now_s == before


def test_a_turn_that_was_given_back_is_free_again(store):
    turns(store).take(1, "a")
    turns(store).give_back(1, "b")
    assert turns(store).next(lambda: recorded("a"))[0] == 2
    turns(store).give_back(1, "a")
    assert turns(store).next(list)[0] == 1


def test_datasets_have_turns_of_their_own(store):
    turns(store).take(1, "a")
    turns(store, dataset="../else").take(1, "b")
