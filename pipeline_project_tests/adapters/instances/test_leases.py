"""The lease book: arithmetic of who was last, and several processes at once."""

import json
import subprocess
import sys
import textwrap
from datetime import timedelta

import pytest

from pipeline_project.adapters.instances.leases import LeaseBook, abandoned
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import PermanentError, StoreConflict, StoreError, TransientError
from pipeline_project_tests.contracts.instances import MovableClock


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def store(tmp_path):
    return LocalObjectStore(tmp_path)


@pytest.fixture
def book(store, clock):
    return LeaseBook(store, "i-1", clock)


def test_the_last_one_out_is_told_so(book):
    book.acquire("a", lease_s=60, started_instance=True)
    book.acquire("b", lease_s=60, started_instance=False)
    assert not book.release("a").was_last
    departure = book.release("b")
    assert departure.was_last


def test_the_duty_to_stop_passes_to_those_who_stay(book):
    book.acquire("a", lease_s=60, started_instance=True)
    book.acquire("b", lease_s=60, started_instance=False)
    book.release("a")
    assert book.release("b").started_instance


def test_the_duty_to_stop_is_inherited_from_a_run_that_died(book, clock):
    book.acquire("dead", lease_s=60, started_instance=True)
    clock.pass_s(61)
    book.acquire("b", lease_s=60, started_instance=False)
    departure = book.release("b")
    assert departure.was_last
    assert departure.started_instance


def test_an_instance_that_nobody_here_started_is_not_ours_to_stop(book):
    book.acquire("a", lease_s=60, started_instance=False)
    assert not book.release("a").started_instance


def test_acquiring_again_keeps_the_mark_of_having_started(book):
    book.acquire("a", lease_s=60, started_instance=True)
    book.acquire("a", lease_s=60, started_instance=False)
    assert book.live()[0].started_instance


def test_a_run_whose_machine_slept_can_renew_until_its_lease_is_swept(book, clock):
    book.acquire("a", lease_s=60, started_instance=True)
    clock.pass_s(3_600)
    book.renew("a", lease_s=60)
    assert [lease.run_id for lease in book.live()] == ["a"]


def test_the_book_does_not_grow_with_dead_runs(book, clock, store):
    for number in range(5):
        book.acquire(f"dead-{number}", lease_s=1, started_instance=False)
    clock.pass_s(timedelta(days=2).total_seconds())
    book.acquire("a", lease_s=60, started_instance=False)
    page = json.loads(store.get(book.key))
    assert [entry["run_id"] for entry in page["leases"]] == ["a"]
    assert page["schema_version"] == 1


def test_releasing_nothing_writes_nothing(book, store):
    assert not book.release("a").held
    assert not store.exists(book.key)


ENTRY = b'{"schema_version": 1, "leases": [{"run_id": "a", "started_instance": true, %b}]}'
MARK = b'{"schema_version": 1, "leases": [], "closing": {"run_id": "a", "until": %b}}'


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"\xff\xfe", b"null", b'{"schema_version": 1, "leases": [3]}'),
        b'{"schema_version": 2, "leases": []}',
        ENTRY % b'"expires_at": 5',
        ENTRY % b'"expires_at": "soon"',
        ENTRY % b'"expires_at": "2030-01-01T00:00:00"',  # of which zone?
        MARK % b'"2030-01-01T00:00:00"',
        MARK % b"null",
    ],
)
def test_a_book_that_cannot_be_understood_is_a_clear_error(book, store, data):
    store.put(book.key, data)
    with pytest.raises(StoreError, match="leases/i-1.json"):
        book.live()


def test_losing_every_race_ends_with_a_transient_error(tmp_path, clock):
    class Contested(LocalObjectStore):
        def put_new(self, key, data):
            raise StoreConflict("lost")

    book = LeaseBook(Contested(tmp_path), "i-1", clock, sleep=lambda _: None)
    with pytest.raises(TransientError, match="Try again"):
        book.acquire("a", lease_s=60, started_instance=False)


def test_no_lease_is_lost_when_processes_come_and_go_at_once(tmp_path):
    script = """
    import sys
    from pathlib import Path
    from pipeline_project.adapters.instances.leases import LeaseBook, abandoned
    from pipeline_project.adapters.object_store.local import LocalObjectStore
    book = LeaseBook(LocalObjectStore(Path(sys.argv[1])), "i-1")
    sys.stdin.read()  # so that all begin together
    for round_ in range(10):
        book.acquire(f"{sys.argv[2]}-{round_}", lease_s=600, started_instance=False)
        if round_ % 2:
            assert book.release(f"{sys.argv[2]}-{round_}").held
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), name],
            stdin=subprocess.PIPE,
        )
        for name in "abcd"
    ]
    for process in processes:
        process.stdin.close()
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    held = {lease.run_id for lease in LeaseBook(LocalObjectStore(tmp_path), "i-1").live()}
    assert held == {f"{name}-{number}" for name in "abcd" for number in range(0, 10, 2)}


def test_the_last_run_out_marks_the_page_and_whoever_comes_takes_over(book, clock):
    book.acquire("a", lease_s=60, started_instance=True)
    assert book.release("a", closing_s=30).was_last
    assert book.page().closes(clock.now)
    book.acquire("b", lease_s=60, started_instance=False)
    assert book.page().closes(clock.now)  # until a's stop has been asked for
    book.closed("a")
    assert not book.page().closes(clock.now)
    assert book.release("b").started_instance


def test_a_release_that_got_no_further_than_its_mark_goes_on_from_there(book, clock):
    book.acquire("a", lease_s=60, started_instance=True)
    first = book.release("a", closing_s=30)
    assert book.release("a", closing_s=30) == first
    book.acquire("b", lease_s=60, started_instance=False)
    assert not book.release("a", closing_s=30).was_last  # b took over: a has nothing to stop
    assert not book.page().closes(clock.now)
    book.release("b", closing_s=30)
    book.closed("b")
    assert not book.release("a", closing_s=30).held


def test_a_run_left_no_mark_where_it_started_nothing(book, clock):
    book.acquire("a", lease_s=60, started_instance=False)
    book.release("a", closing_s=30)
    assert book.page().closing is None


def test_an_expired_run_cannot_renew_while_the_instance_is_being_stopped(book, clock):
    book.acquire("slept", lease_s=60, started_instance=True)
    book.acquire("a", lease_s=600, started_instance=True)
    clock.pass_s(61)
    book.release("a", closing_s=30)
    with pytest.raises(PermanentError):
        book.renew("slept", lease_s=60)


def test_what_nobody_wants_is_abandoned_and_only_that(book, clock):
    assert not abandoned(book.page(), clock.now)
    book.acquire("stranger's", lease_s=60, started_instance=False)
    clock.pass_s(61)
    assert not abandoned(book.page(), clock.now)  # it ran before us
    book.acquire("a", lease_s=60, started_instance=True)
    assert not abandoned(book.page(), clock.now)
    clock.pass_s(61)
    assert abandoned(book.page(), clock.now)
    assert book.close("reaper", closing_s=30, only_abandoned=True) == []
    assert not abandoned(book.page(), clock.now)  # the reaper is at it
    assert book.close("other reaper", closing_s=30, only_abandoned=True) is None
    clock.pass_s(31)
    assert abandoned(book.page(), clock.now)  # it died before it could
    book.close("other reaper", closing_s=30, only_abandoned=True)
    book.closed("other reaper")
    assert not abandoned(book.page(), clock.now)


def test_a_page_written_without_a_closing_mark_is_read(book, store):
    lease = '{"run_id": "a", "expires_at": "2031-01-01T00:00:00+00:00", "started_instance": true}'
    page = f'{{"schema_version": 1, "instance_id": "i-1", "leases": [{lease}]}}'
    store.put("leases/i-1.json", page.encode())
    assert [each.run_id for each in book.live()] == ["a"]
