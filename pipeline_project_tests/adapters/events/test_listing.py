"""Passes over a folder and over a real bucket, in one look or in many."""

import os

import pytest

from pipeline_project.adapters.events import listing
from pipeline_project.adapters.events.book import Book
from pipeline_project.adapters.events.listing import Pass
from pipeline_project.adapters.sources.bucket import BucketSource
from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.errors import ConfigError


@pytest.fixture
def book(tmp_path):
    opened = Book(tmp_path / "b.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "footage"
    made.mkdir()
    return made


def look(folder, book):
    return Pass(FolderSource(folder), settle=True).look(book, Deadline(60))


def test_a_file_that_is_still_written_is_not_taken(folder, book):
    growing = folder / "a.mp4"
    growing.write_bytes(b"1")
    look(folder, book)
    growing.write_bytes(b"12")
    look(folder, book)
    assert book.waiting().files == 0
    look(folder, book)
    assert book.waiting().files == 1


def test_a_file_written_over_at_the_same_size_is_not_taken_either(folder, book):
    path = folder / "a.mp4"
    path.write_bytes(b"1")
    os.utime(path, ns=(1, 1))
    look(folder, book)
    path.write_bytes(b"2")
    os.utime(path, ns=(2, 2))
    look(folder, book)
    assert book.waiting().files == 0


def test_an_old_file_that_is_moved_in_is_seen(folder, book, tmp_path):
    look(folder, book)
    old = tmp_path / "old.mp4"
    old.write_bytes(b"1")
    os.utime(old, (1, 1))  # long before the last look
    old.rename(folder / "old.mp4")
    look(folder, book)
    look(folder, book)
    assert book.waiting().files == 1


def test_a_long_listing_is_gone_on_with_by_the_next_look(folder, book, monkeypatch):
    monkeypatch.setattr(listing, "PIECE", 2)
    for number in range(5):
        (folder / f"{number}.mp4").write_bytes(b"1")
    passing = Pass(FolderSource(folder), settle=True)
    at_once = Deadline(0)
    assert [passing.look(book, at_once) for _ in range(3)] == [False, False, True]
    assert book.moving() == 5
    (folder / "0.mp4").unlink()
    assert [passing.look(book, at_once) for _ in range(3)] == [False, False, True]
    assert (book.waiting().files, book.moving()) == (4, 0)


def test_a_listing_that_breaks_off_takes_nothing_for_gone(folder, book, monkeypatch):
    for number in range(5):
        (folder / f"{number}.mp4").write_bytes(b"1")
    look(folder, book)

    class Breaks(FolderSource):
        def list(self):
            yield next(super().list())
            raise ConfigError("the server went away")

    broken = Pass(Breaks(folder), settle=True)
    with pytest.raises(ConfigError):
        broken.look(book, Deadline(60))
    assert book.waiting().files + book.moving() == 5


def test_objects_of_one_second_are_all_seen(seaweed, bucket, book):
    client = seaweed.session().client("s3")
    passing = Pass(BucketSource(f"s3://{bucket}/p", session=seaweed.session()), settle=False)
    client.put_object(Bucket=bucket, Key="p/b.mp4", Body=b"1")
    assert passing.look(book, Deadline(60))
    book.done(book.ask())
    # As fast as can be: most likely within the second of the first, and before it by name.
    client.put_object(Bucket=bucket, Key="p/a.mp4", Body=b"1")
    client.put_object(Bucket=bucket, Key="p/c.mp4", Body=b"1")
    assert passing.look(book, Deadline(60))
    assert book.waiting().files == 2
    book.done(book.ask())
    client.put_object(Bucket=bucket, Key="p/b.mp4", Body=b"2")  # same name, same size
    client.delete_object(Bucket=bucket, Key="p/a.mp4")
    assert passing.look(book, Deadline(60))
    assert book.waiting().files == 2
