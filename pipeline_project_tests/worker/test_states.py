"""Every state a file and its data can take, through the real worker."""

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import PurePosixPath
from types import MappingProxyType

import pytest

from pipeline_project.adapters.addresses import as_text, on_machine, path_of
from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.worker import ledger, looking, run, select_stage, stages
from pipeline_project.worker.states import states_of_run
from pipeline_project_tests import media_files
from pipeline_project_tests.worker.footage import film, still
from pipeline_project_tests.worker.house import House

OUTPUTS = ("frames", "thumbnails", "scores", "labels")
AGAIN = {"selection": {"n_samples": 2}}


@pytest.fixture
def house(tmp_path):
    """Two still images and a film, curated once."""
    house = House(tmp_path)
    still(house.media / "a.png", 0)
    still(house.media / "b.png", 1)
    film(house.media / "c.mp4", 2, 3)
    house.first = house.run()
    return house


@pytest.fixture
def version(monkeypatch):
    """Raise one stage's version, as a change of its code would."""

    def raised(stage):
        versions = MappingProxyType({**stages.VERSIONS, stage: "raised"})
        for module in (stages, run, looking, ledger, select_stage):
            monkeypatch.setattr(module, "VERSIONS", versions)

    return raised


def files(outcome):
    """State -> files, of those that there are."""
    return {state: count for state, count in outcome.result.states["file"].items() if count}


def states(house, outcome):
    """(stage, file) -> state, of all rows of a run that name a file."""
    return {
        (row["stage"], row["name"]): row["state"]
        for row in house.rows("states")
        if row["run_id"] == outcome.result.run_id and row["uri"]
    }


def names_with_outputs(house, table, rev="main"):
    """Names of the files that a table holds something of."""
    rows = house.lake.read(house.table(table), columns=["frame_id"], rev=rev)
    hashes = {frame.partition(":")[0] for frame in rows["frame_id"].to_pylist()}
    sources = house.rows("media_sources")
    return {row["name"] for row in sources if row["sha256"] in hashes}


def test_at_first_everything_is_new(house):
    assert files(house.first) == {"new": 3}
    assert house.first.result.states["sample"] == {"new": 3, "skip": 0}
    assert states(house, house.first) == {
        ("file", name): "new" for name in "a.png b.png c.mp4".split()
    }
    assert states_of_run(house.lake, "run-1")["sample"] == {"new": 3}


def test_a_run_in_which_nothing_happened_skips_everything_and_commits_nothing(house):
    before = len(list(house.lake.log()))
    again = house.run()
    assert files(again) == {"skip": 3}
    assert again.result.states["embed"] == {"skip": 3}
    assert len(list(house.lake.log())) == before


def test_one_new_file_is_one_row_and_the_others_are_counted(house):
    still(house.media / "d.png", 4)
    again = house.run()
    assert files(again) == {"new": 1, "skip": 3}
    assert states(house, again) == {("file", "d.png"): "new"}
    assert states_of_run(house.lake, again.result.run_id) == {
        "file": {"new": 1, "skip": 3},
        **dict.fromkeys(("sample", "score", "classify", "embed"), {"new": 1, "skip": 3}),
        **dict.fromkeys(("deduplicate", "select", "write"), {"changed": 1}),
    }


def test_other_bytes_at_an_address_are_a_change_and_the_old_bytes_leave(house):
    old = house.sha256("a.png")
    still(house.media / "a.png", 5)
    again = house.run()
    assert files(again) == {"changed": 1, "skip": 2}
    frames = {row["media_sha256"] for row in house.rows("frames")}
    kept = {frame.partition(":")[0] for frame in house.picked(house.first.result)}
    assert (old in frames) == (old in kept) and house.sha256("a.png") in frames


def test_a_file_that_is_again_what_it_was_is_known(house):
    before = (house.media / "a.png").read_bytes(), (house.media / "a.png").stat()
    still(house.media / "a.png", 5)
    house.run()
    (house.media / "a.png").write_bytes(before[0])
    os.utime(house.media / "a.png", ns=(before[1].st_atime_ns, before[1].st_mtime_ns))
    again = house.run(**AGAIN)
    assert again.read == [] or again.counts["hashed_files"] == 0
    assert files(again) == {"changed": 1, "skip": 2}
    assert house.sha256("a.png") in {row["media_sha256"] for row in house.rows("frames")}
    assert files(house.run(**AGAIN)) == {"skip": 3}


def test_a_removed_file_takes_its_outputs_away_from_the_next_commit_on(tmp_path):
    house = House(tmp_path)
    for scene in range(4):
        still(house.media / f"{scene}.png", scene)
    first = house.run(selection={"n_samples": 1})
    [picked] = house.picked(first.result)
    gone = next(n for n in "0.png 1.png".split() if house.sha256(n) != picked.partition(":")[0])
    before = house.lake.resolve("main").commit_id
    (house.media / gone).unlink()
    again = house.run(selection={"n_samples": 1})
    assert files(again) == {"removed": 1, "skip": 3}
    assert states(house, again) == {("file", gone): "removed"}
    for table in OUTPUTS:
        assert gone not in names_with_outputs(house, table)
        assert gone in names_with_outputs(house, table, before)
    assert files(house.run(selection={"n_samples": 1})) == {"skip": 3}


def test_picked_frames_of_a_removed_file_stay_and_new_picks_keep_away_from_them(tmp_path):
    house = House(tmp_path)
    still(house.media / "a.png", 0)
    first = house.run(selection={"n_samples": 1})
    [picked] = house.picked(first.result)
    shutil.copy(house.media / "a.png", tmp_path / "kept.png")
    (house.media / "a.png").unlink()
    still(house.media / "b.png", 1)
    again = house.run(selection={"n_samples": 1})
    assert files(again) == {"new": 1, "removed": 1}
    assert again.counts["pool"] == 1
    assert picked in {row["frame_id"] for row in house.rows("frames")}
    assert house.publish(again.result).picked == 1


def test_a_removed_file_that_is_back_is_new_and_nothing_is_computed_again(house):
    shutil.move(house.media / "c.mp4", house.home.parent / "c.mp4")
    house.run(**AGAIN)
    shutil.move(house.home.parent / "c.mp4", house.media / "c.mp4")
    again = house.run(**AGAIN)
    assert files(again) == {"new": 1, "skip": 2}
    assert again.counts["decoded_files"] == again.counts["hashed_files"] == 0
    assert "c.mp4" in names_with_outputs(house, "labels")


@pytest.mark.parametrize("last", [b"z\xff/last \xfe.png", "z#?%41/ü.png".encode(), b"z\nz.png"])
def test_a_file_is_removed_whatever_the_name_of_the_last_one_listed(house, last):
    path = house.media / os.fsdecode(last)
    path.parent.mkdir(exist_ok=True)
    shutil.copy(house.media / "a.png", path)
    house.run(**AGAIN)
    (house.media / "c.mp4").unlink()
    assert files(house.run(**AGAIN)) == {"removed": 1, "skip": 3}


def test_one_file_of_odd_bytes_as_the_source_removes_nothing(house):
    path = house.media / os.fsdecode(b"odd \xff.png")
    shutil.copy(house.media / "a.png", path)
    house.run(**AGAIN)
    refs = list(FolderSource(path, spec=as_text(str(path))).list())
    assert files(house.run(refs=refs, **AGAIN)) == {"skip": 1}


def test_contents_that_another_file_holds_stay(house):
    shutil.copy(house.media / "a.png", house.media / "copy.png")
    house.run()
    (house.media / "a.png").unlink()
    again = house.run()
    assert files(again) == {"removed": 1, "skip": 3}
    assert house.rows("removals") == []


def test_a_run_on_a_part_removes_nothing(house):
    assert "removed" not in files(house.run(include=["*.png"], refs=house.listing()[:2]))
    refs = [ref for ref in house.listing() if ref.name == "c.mp4"]
    one = [replace(ref, source=str(house.media / "c.mp4")) for ref in refs]
    assert "removed" not in files(house.run(refs=one))


def uploaded(house, machine, *without):
    """A listing of the house's media as a machine that uploads them gives it."""
    uploads = house.home / "store" / "input"
    uploads.mkdir(parents=True, exist_ok=True)
    refs = []
    for ref in house.listing():
        path = path_of(ref.uri)
        stored = uploads / f"{hashlib.sha256(path.read_bytes()).hexdigest()}{path.suffix}"
        if ref.name not in without:
            shutil.copy(path, stored)
            uri = on_machine(ref.uri, machine)
            refs.append(replace(ref, uri=uri, stored_uri=stored.as_uri()))
    return refs


def curate_uploads(house, machine, *without):
    refs = uploaded(house, machine, *without)
    return house.run(refs=refs, datapool={"enabled": False}, selection={"n_samples": 1})


@pytest.fixture
def far(tmp_path):
    """A home whose only files are those of a laptop that uploads them; its own are not there."""
    house = House(tmp_path / "far")
    still(house.media / "a.png", 0)
    still(house.media / "b.png", 1)
    film(house.media / "c.mp4", 2, 3)
    house.first = curate_uploads(house, "laptop-1")
    return house


def test_uploads_are_read_from_the_store_alone(far):
    assert {PurePosixPath(uri).parent.name for uri in far.first.read} == {"input"}
    again = curate_uploads(far, "laptop-1")
    assert again.read == [] and files(again) == {"skip": 3}


def not_picked(house):
    """Names of files of which no frame was picked: those stay in the lake."""
    picked = {row["frame_id"].partition(":")[0] for row in house.rows("selections")}
    rows = house.rows("media_sources")
    return sorted({row["name"] for row in rows if row["sha256"] not in picked})


def test_what_the_machine_that_uploads_has_lost_is_removed(far):
    lost, *_ = not_picked(far)
    fewer = curate_uploads(far, "laptop-1", lost)
    assert files(fewer) == {"removed": 1, "skip": 2}
    assert states(far, fewer)["file", lost] == "removed"
    for table in OUTPUTS:
        assert lost not in names_with_outputs(far, table), table
    back = curate_uploads(far, "laptop-1")
    assert files(back) == {"new": 1, "skip": 2} and back.read == []
    assert lost in names_with_outputs(far, "frames")


def test_an_upload_that_an_older_version_knew_by_its_place_goes_with_its_file(tmp_path):
    house = House(tmp_path)
    for scene in range(3):
        still(house.media / f"{scene}.png", scene)
    older = [replace(ref, uri=ref.stored_uri, stored_uri="") for ref in uploaded(house, "ann")]
    house.first = house.run(refs=older, datapool={"enabled": False}, selection={"n_samples": 1})
    curate_uploads(house, "ann")
    name, *_ = not_picked(house)
    again = curate_uploads(house, "ann", name)
    assert files(again) == {"removed": 1, "skip": 2}
    for table in OUTPUTS:
        assert name not in names_with_outputs(house, table)


def test_a_changed_upload_is_changed_not_new(far):
    still(far.media / "a.png", 9)
    again = curate_uploads(far, "laptop-1")
    assert files(again) == {"changed": 1, "skip": 2}
    assert len(names_with_outputs(far, "frames")) == 3


def test_what_another_machine_still_has_stays(far):
    """Both have the same folder and the same files; one loses two of them, then the other one."""
    first, second = not_picked(far)
    assert files(curate_uploads(far, "laptop-2")) == {"new": 3}
    one = curate_uploads(far, "laptop-1", first, second)
    assert files(one) == {"removed": 2, "skip": 1}
    assert {first, second} <= names_with_outputs(far, "frames")
    other = curate_uploads(far, "laptop-2", first)
    assert files(other) == {"removed": 1, "skip": 2}
    assert first not in names_with_outputs(far, "frames")
    assert second in names_with_outputs(far, "frames")


def test_a_file_that_could_not_be_read_where_it_was_is_rejected_by_name(far):
    refs = uploaded(far, "laptop-1")
    refs[0] = replace(refs[0], stored_uri="", fingerprint="")
    again = far.run(refs=refs, dataset="uploads", **AGAIN)
    assert again.rejected() == {"a.png": "MediaUnreadable"}
    assert "gone from its machine" in again.rejects[0]["message"]
    assert files(again) == {"failed": 1, "skip": 2}


def test_a_folder_that_may_not_be_listed_removes_nothing_of_it(tmp_path):
    house = House(tmp_path)
    (house.media / "sub").mkdir()
    still(house.media / "a.png", 0)
    still(house.media / "sub" / "b.png", 1)
    house.run()
    closed = replace(
        house.listing()[0], uri=(house.media / "sub").as_uri(), name="sub", fingerprint="x"
    )
    again = house.run(refs=[house.listing()[0], closed])
    assert "removed" not in files(again)


def test_a_failed_file_fails_once_waits_and_recovers_when_it_is_asked_for(house):
    media_files.cut(still(house.media / "cut.png", 6), 0.6)
    failed = house.run()
    assert files(failed) == {"failed": 1, "skip": 3}
    assert states(house, failed)["sample", "cut.png"] == "failed"
    again = house.run()
    assert files(again) == {"failed": 1, "skip": 3} and again.read == []
    retried = house.run(retry_failed=True)
    assert files(retried) == {"failed": 1, "skip": 3}
    assert any("cut.png" in uri for uri in retried.read)


def test_a_file_that_failed_in_a_passing_way_recovers(house):
    def failing(parts):
        class Failing:
            prepare, space = parts.embedder.prepare, parts.embedder.space

        reader = parts.reader

        class Reader:
            def open(self, path):
                if path.name == "d.png":
                    path = media_files.cut(shutil.copy(path, house.home / "cut.png"), 0.6)
                return reader.open(path)

        return replace(parts, reader=Reader())

    still(house.media / "d.png", 4)
    assert files(house.run(parts=failing)) == {"failed": 1, "skip": 3}
    assert files(house.run()) == {"failed": 1, "skip": 3}
    again = house.run(retry_failed=True)
    assert files(again) == {"recovered": 1, "skip": 3}
    assert states(house, again)["sample", "d.png"] == "recovered"
    assert files(house.run()) == {"skip": 4}


def test_what_is_no_media_is_looked_at_again_on_request(house):
    media_files.html(house.media / "page.mp4")
    assert files(house.run()) == {"failed": 1, "skip": 3}
    assert house.run().read == []
    assert [uri[-8:] for uri in house.run(retry_failed=True).read] == ["page.mp4"]


@pytest.mark.parametrize(
    "stage, rerun",
    [("score", ("score", "classify")), ("classify", ("classify",)), ("embed", ("embed",))],
)
def test_other_code_changes_its_stage_and_those_after_it_only(house, version, stage, rerun):
    version(stage)
    again = house.run()
    assert files(again) == {"skip": 3}
    for name in ("sample", "score", "classify", "embed"):
        state = {"changed": 3, "skip": 0} if name in rerun else {"skip": 3}
        assert again.result.states[name] == state
    assert {state for (name, _), state in states(house, again).items()} == {"changed"}


def test_keep_old_leaves_known_files_to_the_old_code(house, version):
    old = {row["datum_key"] for row in house.rows("scores")}
    version("score")
    still(house.media / "d.png", 4)
    again = house.run(keep_old=True)
    assert again.counts["decoded_files"] == 1
    assert again.result.states["score"] == {"new": 1, "skip": 3}
    new = {row["datum_key"] for row in house.rows("scores")} - old
    assert len(new) == 1
    assert again.counts["candidates"] == 1
    every = house.run(keep_old=True, datapool={"enabled": False})
    assert every.counts["decoded_files"] == 0 and every.counts["candidates"] == 5
    assert house.run().counts["decoded_files"] == 3


def test_keep_old_keeps_no_results_of_other_settings(house, version):
    version("score")
    again = house.run(keep_old=True, sampling={"mode": "fps", "fps": 2})
    assert again.result.states["sample"]["changed"] == 1
    assert again.result.states["score"]["skip"] == 2


def test_a_lake_without_lines_of_whole_files_gets_them_and_computes_nothing(house, monkeypatch):
    plan = stages.Stages.plan
    monkeypatch.setattr(stages.Stages, "plan", lambda self, kind: plan(self, kind)[::-1])
    again = house.run()
    assert again.counts["decoded_files"] == 0 and files(again) == {"skip": 3}
    assert sum(row["stage"] == "file" for row in house.rows("datums")) == 6
