"""The book: what waits, what a run takes, and that nothing is ever lost between the two."""

import math
import sqlite3

import pytest

from pipeline_project.adapters.events.book import Book
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import PipelineError


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def book(tmp_path, clock):
    opened = Book(tmp_path / "books" / "b.sqlite", clock)
    yield opened
    opened.close()


def ref(name, size=10, fingerprint="1"):
    return MediaRef(name, name, "place", size, fingerprint)


def test_a_file_waits_once_two_passes_found_it_the_same(book):
    book.see([ref("a", 5)], 1, settle=True)
    assert (book.waiting().files, book.moving()) == (0, 1)
    book.see([ref("a", 9)], 2, settle=True)  # it grew meanwhile
    assert (book.waiting().files, book.moving()) == (0, 1)
    book.see([ref("a", 9)], 3, settle=True)
    assert (book.waiting().files, book.waiting().size_bytes, book.moving()) == (1, 9, 0)


def test_the_same_size_at_another_time_is_another_file(book):
    book.see([ref("a", 5, "1")], 1, settle=False)
    book.done(book.ask())
    book.see([ref("a", 5, "1")], 2, settle=False)
    assert book.waiting().files == 0
    book.see([ref("a", 5, "2")], 3, settle=False)
    assert book.waiting().files == 1


def test_a_file_that_is_gone_is_news_and_then_forgotten(book):
    book.see([ref("a"), ref("b")], 1, settle=False)
    book.done(book.ask())
    book.see([ref("a")], 2, settle=False)
    assert book.forget_unseen(2) == 1
    assert book.waiting().files == 1
    book.done(book.ask())
    assert book.forget_unseen(2) == 0
    book.see([ref("b")], 3, settle=False)  # and comes back
    assert book.waiting().files == 1


def test_a_file_that_went_before_it_had_settled_is_no_news(book):
    book.see([ref("a")], 1, settle=True)
    book.forget_unseen(2)
    assert (book.waiting().files, book.moving()) == (0, 0)


def test_what_comes_during_a_run_waits_for_the_next(book):
    book.see([ref("a")], 1, settle=False)
    batch = book.ask()
    book.see([ref("a"), ref("b")], 2, settle=False)
    assert (batch.files, book.waiting().files) == (1, 1)
    book.done(batch)
    assert book.ask().files == 1


def test_a_file_that_changes_during_its_run_is_taken_again(book):
    book.see([ref("a", 1)], 1, settle=False)
    batch = book.ask()
    book.see([ref("a", 2)], 2, settle=False)
    book.done(batch)
    assert book.waiting().files == 1


def test_files_of_a_failed_run_wait_again_and_with_longer_pauses(book, clock):
    book.see([ref("a")], 1, settle=False)
    first = book.ask()
    book.failed(first, 60)
    assert book.waiting().files == 1
    assert book.held_back_s() == 60
    clock.now += 61
    assert book.held_back_s() == 0
    second = book.ask()
    assert (second.files, second.attempts) == (1, 2)
    assert second.key != first.key


def test_after_the_last_attempt_they_wait_for_another_file_and_go_with_it(book, clock):
    book.see([ref("a")], 1, settle=False)
    book.failed(book.ask(), math.inf)
    clock.now += 1e9
    assert math.isinf(book.held_back_s())
    book.see([ref("b")], 2, settle=False)
    assert book.held_back_s() == 0
    batch = book.ask()
    assert (batch.files, batch.attempts) == (2, 1)


def test_what_was_asked_for_is_known_to_the_next_process(tmp_path, clock):
    first = Book(tmp_path / "b.sqlite", clock)
    first.see([ref("a")], 1, settle=False)
    batch = first.ask()
    first.close()
    second = Book(tmp_path / "b.sqlite", clock)
    assert second.asked() == batch
    second.close()


def test_a_block_that_breaks_off_writes_nothing(book):
    with pytest.raises(ZeroDivisionError), book.writing():
        book.see([ref("a")], 1, settle=False)
        raise ZeroDivisionError
    assert book.waiting().files == 0


def test_the_age_of_what_waits_is_that_of_the_first_and_never_negative(book, clock):
    book.see([ref("a")], 1, settle=False)
    clock.now += 100
    book.see([ref("a"), ref("b")], 2, settle=False)
    assert book.waiting().age_s == 100
    clock.now -= 1000
    assert book.waiting().age_s == 0


@pytest.mark.parametrize(("older", "newer"), [("0055AE", "0055AF"), ("FF", "100"), ("00FF", "100")])
def test_events_out_of_order_are_told_by_their_sequencer(book, older, newer):
    assert book.tell("a", 2, "e2", newer, gone=False)
    assert not book.tell("a", 1, "e1", older, gone=False)
    assert not book.tell("a", 2, "e2", newer, gone=False)  # a duplicate
    assert book.waiting().size_bytes == 2


def test_a_removal_that_comes_late_does_not_undo_a_newer_object(book):
    assert book.tell("a", 2, "e2", "20", gone=False)
    assert not book.tell("a", 0, "", "10", gone=True)
    assert book.waiting().size_bytes == 2
    assert book.tell("a", 0, "", "30", gone=True)


def test_events_without_a_sequencer_are_told_by_what_they_say(book):
    assert book.tell("a", 2, "e2", "", gone=False)
    assert not book.tell("a", 2, "e2", "", gone=False)
    assert book.tell("a", 2, "e3", "", gone=False)


def test_a_damaged_book_says_what_to_do(tmp_path):
    path = tmp_path / "b.sqlite"
    path.write_bytes(b"this is no database, and longer than a header" * 50)
    with pytest.raises(PipelineError, match="delete it: one run over everything follows"):
        Book(path)


def test_books_are_written_through_to_the_disk(book):
    assert book._db.execute("pragma synchronous").fetchone() == (2,)
    assert isinstance(book._db, sqlite3.Connection)
