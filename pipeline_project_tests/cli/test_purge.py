import json
import os
import shutil

import pytest

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES, embeddings_table
from pipeline_project.adapters.lake.upkeep import Upkeep
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project_tests.versions.test_collecting import aged
from pipeline_project_tests.worker.footage import still
from pipeline_project_tests.worker.house import House

GONE, STAYS, SHARED = "a" * 64, "b" * 64, "c" * 64
VECTORS = embeddings_table("space", 2)


def rows_of(sha256, name, selection):
    """One source's rows in every table that can tell of it."""
    uri, frame = f"file:///footage/{name}", f"{sha256}:0"
    file = f"0001_{name}.jpg"
    return [
        (TABLES["media"], {"sha256": sha256}),
        (TABLES["media_sources"], {"uri": uri, "sha256": sha256, "name": name}),
        (TABLES["datums"], {"datum_key": f"sample-{name}", "input_sha256": sha256}),
        (TABLES["datums"], {"datum_key": f"score-{name}", "input_sha256": f"sample-{name}"}),
        (TABLES["frames"], {"frame_id": frame, "media_sha256": sha256}),
        (TABLES["thumbnails"], {"frame_id": frame, "jpeg": f"pixels of {name}".encode()}),
        (TABLES["scores"], {"frame_id": frame, "datum_key": f"score-{name}"}),
        (TABLES["labels"], {"frame_id": frame, "datum_key": f"label-{name}"}),
        (VECTORS, {"frame_id": frame, "datum_key": "kept frame", "vector": [0.0, 1.0]}),
        (TABLES["candidates"], {"selection_id": selection, "frame_id": frame}),
        (
            TABLES["selections"],
            {"selection_id": selection, "frame_id": frame, "file_name": file},
        ),
        (TABLES["decisions"], {"dataset": "d", "frame_id": frame, "decision": "reject"}),
        (
            TABLES["annotations"],
            {"dataset": "d", "frame_id": frame, "import_id": "i", "annotation_id": "1"},
        ),
        (
            TABLES["rejects"],
            {"uri": uri, "name": name, "datum_key": "run", "error_class": "MediaTruncated"},
        ),
        (
            TABLES["states"],
            {"run_id": name, "stage": "file", "uri": uri, "state": "new", "sha256": sha256},
        ),
        (
            TABLES["states"],
            {
                "run_id": name,
                "stage": "select",
                "uri": "",
                "state": "failed",
                "error": f"{name}.json is no JSON",
            },
        ),
        (TABLES["datapool_edits"], {"edit_id": f"e-{name}", "kind": "source", "value": sha256}),
    ]


def commit(lake, rows, branch=None):
    """Rows of one table come into one piece, so that a purge takes a part of it."""
    writer = lake.begin(run_id="run", branch=branch)
    for name in dict.fromkeys(table.name for table, _ in rows):
        [table, *_] = [table for table, _ in rows if table.name == name]
        writer.append(table, [row for of, row in rows if of.name == name])
    return writer.commit("rows")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A home whose lake holds three sources, two with the same bytes, on two branches and a tag."""
    home = tmp_path_factory.mktemp("house") / "home"
    lake = opened(home)
    commit(lake, rows_of(GONE, "secret.mp4", "s1") + rows_of(STAYS, "other.mp4", "s1"))
    lake.tag("v1")
    lake.start_branch("side")
    commit(lake, [rows_of(GONE, "secret.mp4", "s2")[9]], branch="side")
    twins = [rows_of(SHARED, name, "s1")[:2] for name in ("one.mp4", "two.mp4")]
    commit(lake, [*twins[0], twins[1][1]])
    store = LocalObjectStore(home / "store")
    for name in ("secret.mp4", "other.mp4"):
        store.put(f"output/s1/frames/0001_{name}.jpg", f"pixels of {name}".encode())
    report = b"<img pixels of secret.mp4>"
    picks = [{"frame_id": f"{sha}:0", "file": name} for sha, name in ((GONE, "a"), (STAYS, "b"))]
    documents = {
        "report.html": report,
        "selection.csv": f"frame_id\n{GONE}:0\n{STAYS}:0\n".encode(),
        "selection.json": json.dumps({"source": "/footage", "picks": picks}).encode(),
    }
    for name, data in documents.items():
        store.put(f"output/s1/{name}", data)
    store.put(f"input/{GONE}.mp4", b"the very bytes of secret.mp4")
    lines = [{"uri": f"file:///footage/{name}"} for name in ("secret.mp4", "other.mp4")]
    listing = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    store.put("runs/run/listing.jsonl", listing)
    commands = LocalObjectStore(home / "commands")
    commands.put("1/stderr", b"frames 3 of 9 secret.mp4")
    commands.put("2/stderr", b"frames 3 of 9 other.mp4")
    shutil.copytree(home / "store/output/s1", home.parent / "curated/s1")
    return home.parent


@pytest.fixture
def house(template, tmp_path):
    return shutil.copytree(template, tmp_path / "house")


def opened(home):
    return LanceLake((home / "lake").as_uri(), LocalObjectStore(home / "lake"))


def mentions(folder, *words):
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and any(word in path.read_bytes() for word in words)
    ]


def counts(lake, rev):
    return {table.name: lake.read(table, rev=rev).num_rows for table in lake.tables()}


def purge(pipeline, house, *arguments):
    given = ("--out", house / "curated", "--home", house / "home")
    return pipeline("purge", *arguments, *given)


def test_without_yes_a_purge_tells_what_would_go_and_changes_nothing(pipeline, house):
    before = {path: path.read_bytes() for path in house.rglob("*") if path.is_file()}
    answer = purge(pipeline, house, "secret.mp4")
    assert answer.code == 0 and "1 contents with 2 results, in 2 selections" in answer.err
    assert {path: path.read_bytes() for path in house.rglob("*") if path.is_file()} == before


def test_a_purged_source_is_nowhere_on_disk_and_in_no_version(pipeline, house):
    words = (b"secret.mp4", GONE.encode())
    assert len(mentions(house, *words)) > 15  # the tables hold them as plain bytes
    [told] = purge(pipeline, house, "secret.mp4", "--yes", "--json").rows
    assert mentions(house, *words) == []
    assert told["rows"]["thumbnails"] == 1 and told["rows"]["candidates"] == 2
    lake = opened(house / "home")
    for rev in ("v1", "main", "side"):
        seen = counts(lake, rev)
        assert seen["frames"] == seen["thumbnails"] == seen["embeddings_space"] == 1, rev
        assert seen["datums"] == 2 and seen["annotations"] == seen["decisions"] == 1
    assert lake.read(TABLES["frames"])["media_sha256"].to_pylist() == [STAYS]
    assert [each.message for each in lake.log("side")][0].startswith("a source was purged")
    assert any("secret" in each and "the file itself" in each for each in told["left"])


def test_a_source_of_other_bytes_than_text_is_purged_by_its_path(pipeline, tmp_path):
    house = House(tmp_path)
    odd = still(house.media / os.fsdecode(b"odd \xff.png"), 0)
    still(house.media / "stays.png", 1)
    house.publish(house.run().result)
    sha256 = house.sha256(odd.name)
    assert mentions(tmp_path, sha256.encode())
    answer = pipeline("purge", odd, "--yes", "--home", house.home, "--out", house.out)
    assert answer.code == 0, answer.err
    assert mentions(tmp_path, sha256.encode(), rb"odd \xff") == []
    assert mentions(house.out, b"stays.png")


def uploads(source):
    """One upload, as an older version and as this one knew it; the older was of this source."""
    place = f"s3://bucket/home/input/{GONE}.mp4"
    known = {"sha256": GONE, "name": "secret.mp4"}
    return [
        (TABLES["media_sources"], {**known, "uri": place, "source": source}),
        (
            TABLES["media_sources"],
            {**known, "uri": "file://ann-1/secret.mp4", "stored_uri": place, "source": "/footage"},
        ),
        (TABLES["media"], {"sha256": GONE}),
    ]


@pytest.mark.parametrize("by", ["secret.mp4", "file://ann-1/secret.mp4"])
def test_an_upload_that_an_older_version_knew_by_its_place_goes_with_its_file(
    pipeline, tmp_path, by
):
    lake = opened(tmp_path / "home")
    commit(lake, uploads("/footage"))
    answer = pipeline("purge", by, "--yes", "--home", tmp_path / "home")
    assert answer.code == 0, answer.err
    assert "0 contents stay" in answer.err and counts(lake, "main")["media"] == 0


def test_a_download_of_the_same_bytes_is_another_source_than_the_upload(pipeline, tmp_path):
    lake = opened(tmp_path / "home")
    commit(lake, uploads("pexels:id:7"))
    answer = pipeline("purge", "file://ann-1/secret.mp4", "--yes", "--home", tmp_path / "home")
    assert answer.code == 0, answer.err
    assert "1 contents stay" in answer.err and counts(lake, "main")["media"] == 1


def test_what_is_not_of_the_source_stays_as_it_was(pipeline, house):
    purge(pipeline, house, "secret.mp4", "--yes")
    for folder in (house / "home/store/output/s1", house / "curated/s1"):
        names = sorted(path.name for path in folder.rglob("*") if path.is_file())
        assert names == ["0001_other.mp4.jpg", "selection.csv", "selection.json"]
        assert (folder / "selection.csv").read_text() == f"frame_id\n{STAYS}:0\n"
        [pick] = json.loads((folder / "selection.json").read_text())["picks"]
        assert pick["frame_id"] == f"{STAYS}:0"
    listing = (house / "home/store/runs/run/listing.jsonl").read_text()
    assert "other.mp4" in listing and len(listing.splitlines()) == 1
    assert (house / "home/commands/2/stderr").exists()


def test_of_two_sources_with_the_same_bytes_only_the_origin_goes_until_it_is_the_last(
    pipeline, house
):
    lake = opened(house / "home")
    [told] = purge(pipeline, house, "one.mp4", "--yes", "--json").rows
    assert told["rows"] == {"media_sources": 1} and told["shared"] == 1
    assert SHARED in lake.read(TABLES["media"])["sha256"].to_pylist()
    purge(pipeline, house, "two.mp4", "--yes")
    assert SHARED not in lake.read(TABLES["media"])["sha256"].to_pylist()
    assert mentions(house, b"one.mp4", b"two.mp4", SHARED.encode()) == []


@pytest.mark.parametrize("step", ["remove", "compact", "drop_versions", "record"])
def test_a_purge_that_was_killed_is_finished_by_the_next(pipeline, house, monkeypatch, step):
    calls = []
    real = getattr(Upkeep, step)

    def dying(*given, **options):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, step, dying)
        assert purge(pipeline, house, "secret.mp4", "--yes").code == 130
    asked = purge(pipeline, house)
    assert asked.code == 2 and "--yes finishes them" in asked.err
    answer = purge(pipeline, house, "--yes")
    assert answer.code == 0 and "Finishing purge" in answer.err
    assert mentions(house, b"secret.mp4", GONE.encode()) == []
    assert purge(pipeline, house, "--yes").code == 2


def test_files_that_a_writer_may_be_writing_keep_a_purge_unfinished(pipeline, house):
    stray = house / "home/lake/tables/thumbnails.lance/data/stray.lance"
    stray.write_bytes(b"pixels of secret.mp4")
    answer = purge(pipeline, house, "secret.mp4", "--yes")
    assert answer.code == 1 and "pipeline purge --yes" in answer.err
    aged(stray)
    assert purge(pipeline, house, "--yes").code == 0
    assert not stray.exists() and mentions(house, b"secret.mp4") == []


def test_a_source_that_nothing_knows_is_an_error(pipeline, house):
    answer = purge(pipeline, house, "never.mp4", "--yes")
    assert answer.code == 1 and "no version of this lake knows" in answer.err
