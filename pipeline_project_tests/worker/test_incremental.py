import contextlib
import os
import shutil
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

import pytest

from pipeline_project.worker import ledger, run, select_stage, stages
from pipeline_project.worker.__main__ import local_parts
from pipeline_project.worker.homes import open_home
from pipeline_project_tests import media_files
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House, Notes

FRAME_STAGES = ("sample", "score", "classify", "embed")
ALL_KNOWN = "nothing to decode, score or embed"


@pytest.fixture
def house(tmp_path):
    """Two videos and a still image, curated once."""
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2)
    film(house.media / "b.mp4", 3, 4)
    still(house.media / "c.png", 5)
    house.first = house.run()
    return house


@pytest.fixture
def version(monkeypatch):
    """Raise one stage's version, as a change of its code would."""

    def raised(stage):
        versions = MappingProxyType({**stages.VERSIONS, stage: "raised"})
        for module in (stages, run, ledger, select_stage):
            monkeypatch.setattr(module, "VERSIONS", versions)

    return raised


def done(outcome):
    """The frame stages that ran, and on how many files."""
    return {name: outcome.stage(name)[0] for name in FRAME_STAGES if outcome.stage(name)[0]}


def keys_once(house):
    """Every table's key holds each value once, as readers see it."""
    for table, key in (
        ("media", ("sha256",)),
        ("frames", ("frame_id",)),
        ("scores", ("frame_id", "datum_key")),
        ("labels", ("frame_id", "datum_key")),
        ("datums", ("datum_key",)),
    ):
        values = [tuple(row[name] for name in key) for row in house.rows(table)]
        assert len(values) == len(set(values)), table


def test_the_first_run_does_everything_once(house):
    assert done(house.first) == dict.fromkeys(FRAME_STAGES, 3)
    assert house.first.stage("probe") == (3, 0, 0)
    assert not house.first.result.reused


def test_a_second_run_over_the_same_input_reads_nothing_and_returns_the_same_selection(house):
    again = house.run()
    assert again.read == []
    assert again.counts["hashed_files"] == again.counts["decoded_frames"] == 0
    assert done(again) == {} and again.stage("probe") == (0, 3, 0)
    assert again.result.reused
    assert again.result.selection_id == house.first.result.selection_id
    assert again.counts["picked"] == house.first.counts["picked"]
    assert ALL_KNOWN in again.said[0]


def test_another_spelling_of_the_same_selection_is_the_same(house):
    assert house.run(selection={"nSamples": 3, "proportion_samples": None}).result.reused


def test_frames_that_were_taken_out_of_the_store_are_written_again(house):
    prefix = house.first.result.output_prefix
    frames = [item.key for item in house.store.list(f"{prefix}/frames")]
    before = [house.store.get(key) for key in frames]
    for key in frames[:2]:
        house.store.delete(key)
    again = house.run()
    assert again.result.reused and not again.result.warnings
    assert [house.store.get(key) for key in frames] == before


def test_a_touched_file_is_hashed_but_not_decoded(house):
    os.utime(house.media / "a.mp4", ns=(1, 1))
    again = house.run()
    assert again.counts["hashed_files"] == 1
    assert again.counts["decoded_files"] == 0 and done(again) == {}
    assert again.result.reused
    assert house.run().counts["hashed_files"] == 0


def test_the_same_bytes_under_another_name_are_not_decoded_again(house):
    shutil.copy(house.media / "a.mp4", house.media / "z.mp4")
    again = house.run()
    assert again.counts["listed"] == 4 and again.counts["media"] == 3
    assert again.counts["duplicate_files"] == 1
    assert again.counts["hashed_files"] == 1 and again.counts["decoded_files"] == 0
    assert again.result.reused
    names = [row["name"] for row in house.rows("media_sources")]
    assert sorted(names) == ["a.mp4", "b.mp4", "c.png", "z.mp4"]


def test_copies_that_come_together_are_decoded_once(tmp_path):
    house = House(tmp_path)
    shutil.copy(film(house.media / "a.mp4", 0, 1), house.media / "b.mp4")
    outcome = house.run()
    assert outcome.counts["decoded_files"] == outcome.counts["duplicate_files"] == 1
    keys_once(house)


def test_changed_bytes_under_the_same_name_are_processed(house):
    film(house.media / "b.mp4", 7, 8, 9)
    again = house.run()
    assert again.counts["hashed_files"] == again.counts["decoded_files"] == 1
    assert done(again) == dict.fromkeys(FRAME_STAGES, 1)
    assert not again.result.reused


def test_changed_sampling_looks_at_videos_anew_but_not_at_images_nor_headers(house):
    again = house.run(sampling={"mode": "fps", "fps": 2})
    assert again.stage("probe") == (0, 3, 0)
    assert done(again) == dict.fromkeys(FRAME_STAGES, 2)
    assert again.counts["candidates"] > house.first.counts["candidates"]
    keys_once(house)
    assert house.run().result.selection_id == house.first.result.selection_id
    assert house.run(sampling={"mode": "fps", "fps": 2, "every_s": 9}).result.reused


@pytest.mark.parametrize(
    "stage, rerun, decoded",
    [
        ("probe", (), 0),
        ("sample", FRAME_STAGES, 3),
        ("score", ("score", "classify"), 3),
        ("classify", ("classify",), 0),
        ("embed", ("embed",), 3),
        ("deduplicate", (), 0),
        ("select", (), 0),
    ],
)
def test_a_changed_stage_runs_again_and_so_do_those_after_it(house, version, stage, rerun, decoded):
    version(stage)
    again = house.run(datapool={"enabled": False})
    assert done(again) == dict.fromkeys(rerun, 3)
    assert again.counts["decoded_files"] == decoded
    assert again.stage("probe")[0] == (3 if stage == "probe" else 0)
    keys_once(house)
    assert list(house.picked(again.result)) == list(house.picked(house.first.result))


def test_a_changed_set_stage_selects_anew_and_an_unchanged_one_does_not(house, version):
    version("select")
    assert not house.run().result.reused
    assert house.run().result.reused


def test_a_changed_classifier_labels_again_without_decoding(house):
    def other(parts):
        turned = replace(
            parts.classifier,
            labels=tuple(reversed(parts.classifier.labels)),
            sha256="1" * 64,
        )
        return replace(parts, classifier=turned)

    before = {row["frame_id"]: row["label"] for row in house.rows("labels")}
    keys = {row["datum_key"] for row in house.rows("labels")}
    again = house.run(parts=other)
    assert again.counts["decoded_files"] == 0 and done(again) == {"classify": 3}
    assert "frames of 3 known files anew" in again.said[0]
    assert not any("Looking at" in line for line in again.said)
    new = [row for row in house.rows("labels") if row["datum_key"] not in keys]
    assert {row["frame_id"] for row in new} == set(before)
    assert {row["frame_id"]: row["label"] for row in new} != before
    assert house.run().result.selection_id == house.first.result.selection_id


def test_labels_of_many_files_are_renewed_by_one_reading_of_their_scores(house, version):
    read = []

    class Counting:
        def __init__(self, lake):
            self._lake = lake

        def __getattr__(self, name):
            return getattr(self._lake, name)

        def read(self, table, **given):
            read.append((table.name, "mean_luma" in (given.get("columns") or ())))
            return self._lake.read(table, **given)

    version("classify")
    before = {row["frame_id"]: row for row in house.rows("labels")}
    again = house.run(parts=lambda own: replace(own, lake=Counting(own.lake)))
    assert done(again) == {"classify": 3} and again.counts["decoded_files"] == 0
    assert read.count(("scores", True)) == 1
    new = house.rows("labels")
    assert len(new) == 2 * len(before)
    for row in new:
        assert {**row, "datum_key": ""} == {**before[row["frame_id"]], "datum_key": ""}


class Forgetful:
    """A reader that decodes one frame less of one video, as two passes over damage may differ."""

    def __init__(self, reader, name):
        self._reader, self._name = reader, name

    @contextlib.contextmanager
    def open(self, path):
        with self._reader.open(path) as media:
            yield OneLess(media) if path.name == self._name else media


class OneLess:
    def __init__(self, media):
        self._media = media

    def __getattr__(self, name):
        return getattr(self._media, name)

    def frames(self, sampling):
        return islice(self._media.frames(sampling), 1, None)


def test_frames_that_a_later_stage_never_saw_are_left_out_and_told(house, version):
    version("embed")
    again = house.run(
        parts=lambda own: replace(own, reader=Forgetful(own.reader, "a.mp4")),
        datapool={"enabled": False},
    )
    # The table still has the vectors of the version before, under another key.
    assert again.counts["candidates"] == house.first.counts["candidates"] - 1
    [warning] = again.result.warnings
    assert warning.startswith("a.mp4: 1 frames")
    later = house.run(selection={"proportion_samples": 1}, datapool={"enabled": False})
    assert later.counts["picked"] == house.first.counts["candidates"] - 1


def test_frames_that_only_a_later_stage_saw_are_no_candidates(tmp_path, version):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2)
    first = house.run(parts=lambda own: replace(own, reader=Forgetful(own.reader, "a.mp4")))
    version("embed")
    again = house.run(datapool={"enabled": False})
    assert first.counts["candidates"] == again.counts["candidates"] == 2


def test_a_decoder_has_as_many_threads_whatever_else_is_listed(tmp_path):
    house = House(tmp_path)
    request = house.ask([])
    readers = [
        local_parts(open_home(house.home.as_uri()), request, files, Notes()).reader
        for files in (1, 9)
    ]
    assert vars(readers[0]) == vars(readers[1])


def test_a_changed_embedder_embeds_again_into_a_table_of_its_own(house):
    def other(parts):
        class Other:
            prepare, embed = parts.embedder.prepare, parts.embedder.embed
            space = replace(parts.embedder.space, weights_sha256="f" * 64)

        return replace(parts, embedder=Other())

    again = house.run(parts=other)
    assert done(again) == {"embed": 3}
    assert again.counts["pool"] == 3  # the earlier picks, by their vectors in the new space
    assert {row["kind"] for row in house.rows("duplicates")} == {"earlier pick"}


def test_a_failed_file_waits_for_other_code_and_is_still_reported(house, version):
    media_files.cut(still(house.media / "cut.png", 6), 0.6)
    media_files.html(house.media / "page.mp4")
    assert house.run().rejected() == {"cut.png": "MediaCorrupt", "page.mp4": "MediaUnknown"}
    again = house.run()
    assert again.read == []
    assert again.rejected() == {"cut.png": "MediaCorrupt", "page.mp4": "MediaUnknown"}
    assert again.stage("probe")[2] == again.stage("sample")[2] == 1
    version("sample")
    later = house.run()
    assert any("cut.png" in uri for uri in later.read)
    assert not any("page.mp4" in uri for uri in later.read)
    version("probe")
    assert any("page.mp4" in uri for uri in house.run().read)


def test_a_file_that_fails_in_a_later_stage_keeps_its_earlier_results(house, version):
    version("embed")

    class Failing:
        def __init__(self, reader):
            self._reader = reader

        def open(self, path):
            if path.name == "c.png":
                # Other bytes come than were written, as from a failing disk; the date is the same.
                path = media_files.cut(shutil.copy(path, house.home / "damaged.png"), 0.6)
            return self._reader.open(path)

    failed = house.run(parts=lambda own: replace(own, reader=Failing(own.reader)))
    assert failed.rejected() == {"c.png": "MediaCorrupt"}
    assert failed.stage("embed") == (2, 0, 1) and failed.stage("sample") == (0, 3, 0)
    states = {(row["stage"], row["state"]) for row in house.rows("datums")}
    assert ("sample", "failed") not in states and ("embed", "failed") in states


def test_rehash_reads_every_file_again_and_finds_what_the_date_hides(house):
    before = (house.media / "b.mp4").stat()
    data = bytearray((house.media / "b.mp4").read_bytes())
    data[-1] ^= 1
    (house.media / "b.mp4").write_bytes(data)
    os.utime(house.media / "b.mp4", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert house.run().result.reused
    again = house.run(rehash=True)
    assert again.counts["hashed_files"] == 3
    assert again.counts["decoded_files"] == 1
