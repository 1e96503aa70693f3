import contextlib
import json
import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline_project.adapters.sources.folder import FolderSource, fetch_file
from pipeline_project.errors import StoreError
from pipeline_project_tests import media_files
from pipeline_project_tests.worker.footage import film, photograph, still
from pipeline_project_tests.worker.house import House

UNUSABLE = {
    "empty.mp4": "MediaEmpty",
    "page.mp4": "MediaUnknown",
    "page copy.mp4": "MediaUnknown",
    "sound.mp4": "MediaEmpty",
    "no frames.mp4": "MediaCorrupt",
    "one pixel.png": "MediaTooSmall",
    "memory.mp4": "MediaUnreadable",
    "pipe.mp4": "MediaUnreadable",
    "socket.mp4": "MediaUnreadable",
    "dangling.mp4": "MediaUnreadable",
    "loop.mp4": "MediaUnreadable",
    "cut.png": "MediaCorrupt",
}
ODD_NAMES = ("a b.mp4", 'it\'s "q".mp4', "two\nlines.mp4", "東京.mp4", "~...mp4", "=1+1.mp4")
NOT_UTF8 = b"odd \xff byte.mp4"


def at_look(number, path, action):
    """Change a worker's parts: the n-th time that a file was found to be there, do something.

    It is looked at to identify it, to take its frames, and to write its picks.
    """
    looks = []

    @contextlib.contextmanager
    def fetch(uri):
        with fetch_file(uri) as found:
            looks.append(uri)
            if uri == path.as_uri() and looks.count(uri) == number:
                action()
            yield found

    return lambda parts: replace(parts, fetch=fetch)


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """One good video among everything that is not."""
    house = House(tmp_path_factory.mktemp("bad"))
    media = house.media
    film(media / "good.mp4", 0, 1, 2)
    (media / "empty.mp4").touch()
    shutil.copy(media_files.html(media / "page.mp4"), media / "page copy.mp4")
    media_files.audio_only(media / "sound.mp4")
    media_files.cut(shutil.copy(media / "good.mp4", media / "no frames.mp4"), 0.02)
    still(media / "one pixel.png", 3)
    media_files.image(media / "one pixel.png", np.zeros((1, 1, 3), np.uint8))
    media_files.cut(still(media / "cut.png", 3), 0.6)
    (media / "memory.mp4").symlink_to("/proc/self/mem")
    (media / "dangling.mp4").symlink_to("nowhere.mp4")
    (media / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(media / "pipe.mp4")
    # A socket's own path may hold 107 bytes only, so it is bound by a name relative to its folder.
    with contextlib.chdir(media), socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.mp4")
    (media / "folder.mp4").mkdir()
    film(media / "folder.mp4" / "inside.mp4", 4, 5)
    return house


@pytest.fixture(scope="module")
def first(bad):
    return bad.run(selection={"n_samples": 5})


@pytest.fixture(scope="module")
def published(bad, first):
    return bad.publish(first.result)


def test_each_unusable_file_is_a_reject_and_the_rest_of_the_run_goes_on(first):
    assert first.rejected() == UNUSABLE
    assert first.counts["rejected"] == len(UNUSABLE)
    assert first.counts["media"] == 2
    assert first.counts["picked"] == 5


def test_every_reject_says_what_was_tried_and_what_was_seen(first):
    for row in first.rejects:
        assert row["uri"].startswith("file:///") and not row["damaged"]
        assert len(row["message"]) > 30
    by_name = {row["name"]: row["message"] for row in first.rejects}
    assert "pipe" in by_name["pipe.mp4"]
    assert "HTML" in by_name["page.mp4"]
    assert "1x1" in by_name["one pixel.png"]


def test_a_copy_of_an_unusable_file_is_listed_under_its_own_name(first):
    rows = {row["name"]: row for row in first.rejects if row["name"].startswith("page")}
    assert rows["page copy.mp4"]["uri"].endswith("page%20copy.mp4")
    assert "page" in rows["page.mp4"]["message"]


def test_the_report_and_selection_json_name_every_reject(published):
    facts = json.loads((published.folder / "selection.json").read_text())
    assert {row["name"]: row["error_class"] for row in facts["rejects"]} == UNUSABLE
    assert facts["counts"]["rejected"] == len(UNUSABLE)
    page = published.report.read_text()
    assert all(name in page for name in UNUSABLE)


def test_a_second_run_hashes_and_decodes_nothing_and_still_names_every_reject(bad, first):
    again = bad.run(selection={"n_samples": 5})
    assert again.result.reused
    assert again.counts["hashed_files"] == again.counts["decoded_files"] == 0
    assert again.rejected() == UNUSABLE
    # Only what could not be read at all is tried again: it may have become readable.
    unreadable = {name for name, kind in UNUSABLE.items() if kind == "MediaUnreadable"}
    assert len(again.read) == len(unreadable)


def test_an_unusable_file_is_named_as_this_listing_names_it(bad, first):
    elsewhere = bad.media.parent / "elsewhere"
    elsewhere.mkdir()
    media_files.html(elsewhere / "renamed.mp4")
    moved = bad.run(refs=list(FolderSource(elsewhere).list()))
    assert moved.rejected() == {"renamed.mp4": "MediaUnknown"}
    assert moved.rejects[0]["uri"] == (elsewhere / "renamed.mp4").as_uri()


def test_a_truncated_video_is_used_and_marked_as_damaged(tmp_path):
    house = House(tmp_path)
    media_files.cut(
        media_files.clip(house.media / "cut.mkv", 96, options={"preset": "ultrafast"}), 0.5
    )
    first, again = house.run(), house.run()
    assert first.rejected()["cut.mkv"] in ("MediaTruncated", "MediaCorrupt")
    assert first.counts["damaged"] == 1 and first.counts["rejected"] == 0
    assert first.counts["candidates"] > 0
    assert again.rejected() == first.rejected()


def test_odd_but_sound_media_are_curated(tmp_path):
    house = House(tmp_path)
    deep = photograph(2).astype(np.uint16) * 257
    assert cv2.imwrite(str(house.media / "sixteen bits.png"), deep[:, :, ::-1])
    media_files.turned_clip(house.media / "turned.mp4", media_files.QUARTER_CLOCKWISE)
    media_files.clip(house.media / "vfr.mp4", at_ms=[0, 40, 500, 1_900, 2_000, 3_700])
    outcome = house.run(selection={"proportion_samples": 1})
    assert not outcome.rejects
    frames = {row["media_sha256"]: row for row in house.rows("frames")}
    turned = next(
        frames[row["sha256"]] for row in house.rows("media_sources") if row["name"] == "turned.mp4"
    )
    wide, high = media_files.WIDTH_PX, media_files.HEIGHT_PX
    assert (turned["width_px"], turned["height_px"]) == (high, wide)


def test_names_may_hold_anything(tmp_path):
    house = House(tmp_path)
    film(house.media / "x.mp4", 0)
    plain = (house.media / "x.mp4").rename(house.media / ODD_NAMES[0])
    for scene, name in enumerate(ODD_NAMES[1:], start=1):
        film(house.media / "x.mp4", scene).rename(house.media / name)
    film(house.media / "x.mp4", 6).rename(os.fsdecode(os.fsencode(house.media) + b"/" + NOT_UTF8))
    bad_one = os.fsdecode(os.fsencode(house.media) + b"/bad \xff.mp4")
    shutil.copy(media_files.html(house.media.parent / "page"), bad_one)
    Path(os.fsdecode(os.fsencode(house.media) + b"/lost \xff.mp4")).symlink_to("nowhere")
    long = "長" * 80 + ".mp4"
    shutil.copy(film(house.media.parent / "y.mp4", 7), house.media / long)
    outcome = house.run(selection={"proportion_samples": 1})
    published = house.publish(outcome.result, selection={"proportion_samples": 1})
    assert plain.exists()
    assert outcome.rejected() == {
        "bad \\xff.mp4": "MediaUnknown",
        "lost \\xff.mp4": "MediaUnreadable",
    }
    assert outcome.counts["picked"] == len(ODD_NAMES) + 2
    facts = json.loads((published.folder / "selection.json").read_text())
    sources = {pick["source"] for pick in facts["picks"]}
    assert sources == {*ODD_NAMES, "odd \\xff byte.mp4", long}
    assert sorted(published.files) == sorted(
        path.name for path in (published.folder / "frames").iterdir()
    )
    for name in published.files:
        assert len(name.encode()) <= 255 and not set(name) & set("/\n\"' =")


def test_a_run_in_which_nothing_is_usable_ends_with_an_empty_selection(tmp_path):
    house = House(tmp_path)
    media_files.html(house.media / "page.mp4")
    outcome = house.run()
    published = house.publish(outcome.result)
    assert outcome.counts["candidates"] == outcome.counts["picked"] == 0
    assert published.files == []
    assert "page.mp4" in published.report.read_text()
    assert (published.folder / "selection.csv").read_text().startswith("rank,file,source")
    assert house.run(refs=[]).counts["listed"] == 0


def test_a_file_that_vanishes_before_it_is_read_is_a_reject_until_it_is_back(tmp_path):
    house = House(tmp_path)
    film(house.media / "stays.mp4", 0, 1)
    film(house.media / "goes.mp4", 2, 3)
    refs = house.listing()
    aside = (house.media / "goes.mp4").rename(tmp_path / "aside")
    gone = house.run(refs)
    assert gone.rejected() == {"goes.mp4": "MediaUnreadable"}
    assert gone.counts["picked"] == 2
    aside.rename(house.media / "goes.mp4")
    back = house.run(refs)
    assert not back.rejects and back.counts["decoded_files"] == 1


def test_a_file_that_vanishes_after_it_was_identified_is_tried_again_when_it_is_back(tmp_path):
    house = House(tmp_path)
    film(house.media / "stays.mp4", 0, 1)
    goes = film(house.media / "goes.mp4", 2, 3)
    refs = house.listing()
    gone = house.run(refs, parts=at_look(2, goes, lambda: goes.rename(tmp_path / "aside")))
    assert gone.rejected() == {"goes.mp4": "MediaUnreadable"}
    (tmp_path / "aside").rename(goes)
    back = house.run(refs, datapool={"enabled": False})
    assert not back.rejects
    assert back.counts["decoded_files"] == 1 and back.counts["candidates"] == 4


class Interfering:
    """A reader that does something around the n-th opening of a file."""

    def __init__(self, reader, name, number, when, action):
        self._reader, self._name, self._when, self._action = reader, name, when, action
        self._left = number

    @contextlib.contextmanager
    def open(self, path):
        self._left -= path.name == self._name
        when = self._when if path.name == self._name and self._left == 0 else "never"
        if when == "before":
            self._action()
        with self._reader.open(path) as media:
            if when == "opened":
                self._action()
            yield ActingMedia(media, self._action) if when == "first frame" else media


class ActingMedia:
    """Open media that does something once its first frame was taken."""

    def __init__(self, media, action):
        self._media, self._action = media, action

    def __getattr__(self, name):
        return getattr(self._media, name)

    def frames(self, sampling):
        for number, frame in enumerate(self._media.frames(sampling)):
            if number == 1:
                self._action()
            yield frame


def replaced_by_film(victim):
    return lambda: film(victim, 8, 9, 10)


def replaced_by_rubbish(victim):
    return lambda: victim.write_bytes(b"x" * 5_000)


@pytest.mark.parametrize("by", [replaced_by_film, replaced_by_rubbish])
@pytest.mark.parametrize(
    "number, when",
    [(1, "before"), (1, "opened"), (2, "before"), (2, "opened"), (2, "first frame")],
    ids=lambda value: {1: "identified", 2: "looked at"}.get(value, value),
)
def test_a_file_replaced_while_it_is_read_says_nothing_of_the_bytes_that_were_hashed(
    tmp_path, by, number, when
):
    house = House(tmp_path)
    film(house.media / "stays.mp4", 0, 1)
    victim = film(house.media / "victim.mp4", 2, 3)
    original = shutil.copy(victim, tmp_path / "original")

    def parts(own):
        reader = Interfering(own.reader, victim.name, number, when, by(victim))
        return replace(own, reader=reader)

    disturbed = house.run(parts=parts, embedding={"batch_size": 1})
    assert disturbed.rejected() == {"victim.mp4": "MediaUnreadable"}
    assert "changed meanwhile" in disturbed.rejects[0]["message"]
    assert disturbed.counts["candidates"] == 2
    assert all(row["state"] == "done" for row in house.rows("datums"))

    shutil.copy(original, victim)
    again = house.run(datapool={"enabled": False})
    assert not again.rejects and again.counts["candidates"] == 4
    calm = House(tmp_path / "calm")
    shutil.copy(house.media / "stays.mp4", calm.media)
    shutil.copy(original, calm.media / "victim.mp4")
    calm.run()
    pixels = {row["frame_id"]: row["pixels_sha256"] for row in calm.rows("frames")}
    assert {row["frame_id"]: row["pixels_sha256"] for row in house.rows("frames")} == pixels


def test_a_file_that_changed_since_it_was_listed_is_remembered_as_it_was_read(tmp_path):
    house = House(tmp_path)
    first = shutil.copy2(film(house.media / "a.mp4", 0, 1), tmp_path / "first")
    refs = house.listing()
    film(house.media / "a.mp4", 2, 3, 4)
    house.run(refs)
    assert house.run().read == []
    shutil.copy2(first, house.media / "a.mp4")  # the old bytes with their old date
    back = house.run(datapool={"enabled": False})
    assert back.counts["hashed_files"] == 1 and back.counts["candidates"] == 2


@pytest.mark.parametrize("how", ["vanish", "change"])
@pytest.mark.parametrize("name", ["movie.mp4", "still.jpg", "still.png"])
def test_a_pick_whose_file_changed_before_it_was_written_is_left_out_and_told(tmp_path, name, how):
    house = House(tmp_path)
    film(house.media / "stays.mp4", 0, 1)
    victim = house.media / name
    film(victim, 2, 3) if name == "movie.mp4" else still(victim, 2)

    def lose():
        victim.unlink()
        if how == "change":
            film(victim, 9, 8) if name == "movie.mp4" else still(victim, 9)

    outcome = house.run(parts=at_look(3, victim, lose), selection={"proportion_samples": 1})
    expected = "MediaUnreadable" if how == "vanish" else "MediaCorrupt"
    assert outcome.rejected() == {name: expected}
    assert outcome.counts["picked"] == 2 and outcome.counts["damaged"] == 1
    assert any(name.split(".")[0] in warning for warning in outcome.result.warnings)
    published = house.publish(outcome.result)
    assert len(list((published.folder / "frames").iterdir())) == 2
    assert name in published.report.read_text()


def test_a_picture_too_large_for_jpeg_is_left_out_and_told(tmp_path):
    house = House(tmp_path)
    still(house.media / "good.png", 0)
    wide = np.random.default_rng(3).integers(0, 255, (40, 70_000, 3), np.uint8)
    media_files.image(house.media / "wide.png", wide)
    media_files.image(house.media / "tall.png", np.rot90(wide))
    outcome = house.run(selection={"proportion_samples": 1})
    assert outcome.rejected() == {"wide.png": "MediaCorrupt", "tall.png": "MediaCorrupt"}
    assert outcome.counts["picked"] == 1
    assert all(row["jpeg"] for row in house.rows("thumbnails"))


def test_a_store_that_cannot_be_written_is_a_clear_error(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0)
    (house.home / "store").mkdir(parents=True)
    (house.home / "store" / "output").write_text("in the way")
    with pytest.raises(StoreError, match="output/"):
        house.run()
