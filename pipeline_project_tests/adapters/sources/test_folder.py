import json
import os
from pathlib import Path

import pytest

from pipeline_project.adapters.addresses import path_of
from pipeline_project.adapters.sources import open_source
from pipeline_project.adapters.sources.folder import FolderSource, fetch_file
from pipeline_project.errors import ConfigError, MediaUnreadable
from pipeline_project.sample import sample_dir
from pipeline_project.worker.request import dump_listing, load_listing
from pipeline_project_tests.contracts.media_source import MediaSourceContract


@pytest.fixture
def folder(tmp_path):
    for name in ("b.mp4", "a.JPG", "sub/c.mov", "sub/deep/d.png", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / ".trash").mkdir()
    (tmp_path / ".trash" / "old.mp4").touch()
    return tmp_path


class TestFolderSource(MediaSourceContract):
    @pytest.fixture
    def source(self, folder):
        return FolderSource(folder)

    @pytest.fixture
    def gone(self, tmp_path):
        return (tmp_path / "gone.mp4").as_uri()


def names(source):
    return [ref.name for ref in source.list()]


def test_media_are_listed_in_order_of_their_paths(folder):
    source = FolderSource(folder)
    assert names(source) == ["a.JPG", "b.mp4", "sub/c.mov", "sub/deep/d.png"]
    assert source.ignored == 1
    assert names(source) == names(source)
    assert source.ignored == 1


def test_a_reference_tells_place_size_and_a_fingerprint_that_changes(folder):
    before = next(iter(FolderSource(folder, spec="as written").list()))
    assert (before.uri, before.size_bytes) == ((folder / "a.JPG").as_uri(), 5)
    assert before.source == "as written"
    os.utime(folder / "a.JPG", ns=(1, 1))
    assert next(iter(FolderSource(folder).list())).fingerprint != before.fingerprint


@pytest.mark.parametrize(
    "include, expected",
    [
        (["*.mp4"], ["b.mp4"]),
        (["sub/*"], ["sub/c.mov", "sub/deep/d.png"]),
        (["notes.*", "b.*"], ["b.mp4", "notes.txt"]),
        (["*.MP4"], []),
    ],
)
def test_include_patterns_say_what_is_listed(folder, include, expected):
    assert names(FolderSource(folder, include)) == expected


def test_results_of_earlier_runs_are_no_footage_unless_they_are_named(folder):
    result = folder / "curated" / "20261122-070524-aaae6d14"
    (result / "frames").mkdir(parents=True)
    (result / "frames" / "0001_b.jpg").touch()
    (folder / "curated" / "own.jpg").touch()
    for name in ("candidates.csv", "report.html", "selection.csv", "selection.json"):
        (result / name).touch()
    footage = ["a.JPG", "b.mp4", "curated/own.jpg", "sub/c.mov", "sub/deep/d.png"]
    assert names(FolderSource(folder)) == footage
    assert names(FolderSource(folder, ["*/frames/*"])) == [
        "curated/20261122-070524-aaae6d14/frames/0001_b.jpg"
    ]
    assert names(FolderSource(result)) == ["frames/0001_b.jpg"]


def test_one_file_is_a_source_whatever_its_suffix(folder):
    [ref] = FolderSource(folder / "notes.txt").list()
    assert ref.name == "notes.txt"


def test_links_that_lead_nowhere_are_listed_and_links_to_folders_are_not(folder):
    (folder / "gone.mp4").symlink_to("nowhere")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    (folder / "round.mp4").symlink_to(folder)
    listed = {ref.name: ref for ref in FolderSource(folder).list()}
    assert {"gone.mp4", "loop.mp4"} <= set(listed) and "round.mp4" not in listed
    assert listed["gone.mp4"].fingerprint == ""


def test_odd_names_survive_the_listing_and_lead_back_to_the_file(tmp_path):
    odd = [b"a b%20.mp4", b"two\nlines.mp4", b"odd \xff.mp4", "\u2028é?#.mp4".encode()]
    for name in odd:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    refs = list(load_listing(dump_listing(FolderSource(tmp_path).list())))
    assert sorted(path_of(ref.uri).read_bytes() for ref in refs) == sorted(odd)
    assert all(ref.name.encode("utf-8") for ref in refs)


@pytest.mark.parametrize("spec", ["nowhere", "a\0b", "x" * 300])
def test_a_source_that_is_not_there_is_wrong_use_and_named(tmp_path, monkeypatch, spec):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="Looking for media in .*Check the path"):
        open_source(spec)


@pytest.mark.parametrize("spec", ["", "  "])
def test_an_empty_source_does_not_mean_the_current_folder(spec):
    with pytest.raises(ConfigError, match="empty"):
        open_source(spec)


@pytest.mark.parametrize("spec", ["ftp://example.com/prefix", "https://example.com/a.mp4"])
def test_an_address_that_cannot_be_read_here_is_wrong_use(spec):
    with pytest.raises(ConfigError, match="folders, files and s3"):
        open_source(spec)


def test_a_file_address_is_a_source(folder):
    assert names(open_source((folder / "sub").as_uri())) == ["c.mov", "deep/d.png"]


def test_no_source_means_the_bundled_sample():
    source = open_source(None)
    assert source.spec == "the bundled sample"
    assert len(names(source)) == sum(path.is_file() for path in sample_dir().iterdir())


def test_fetching_gives_the_very_file(folder):
    source = FolderSource(folder)
    with source.fetch((folder / "b.mp4").as_uri()) as path:
        assert path == folder / "b.mp4"


@pytest.mark.parametrize("name", ["gone.mp4", "x" * 300, "a.JPG/inside.mp4"])
def test_fetching_what_is_not_there_says_so(folder, name):
    missing = Path(f"{folder}/{name}").as_uri()
    with pytest.raises(MediaUnreadable, match="Was it moved"), fetch_file(missing):
        pass


@pytest.mark.parametrize("written", ["path", "address"])
def test_a_source_of_odd_bytes_says_so_in_text_and_its_files_can_be_fetched(tmp_path, written):
    folder = tmp_path / "odd \udcff"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"content")
    source = open_source(str(folder) if written == "path" else folder.as_uri())
    [ref] = source.list()
    assert json.dumps([source.spec, ref.source], ensure_ascii=False).encode()
    with source.fetch(ref.uri) as path:
        assert path.read_bytes() == b"content"


def test_one_folder_has_one_address_however_it_is_spelt(folder):
    (folder.parent / "link").symlink_to(folder)
    spelt = [folder, folder / "sub" / "..", folder.parent / "link"]
    assert len({tuple(ref.uri for ref in FolderSource(each).list()) for each in spelt}) == 1


def test_a_linked_folder_is_counted_as_left_out_and_not_followed(folder):
    (folder / "sub" / "circle").symlink_to(folder)
    source = FolderSource(folder)
    assert names(source) == ["a.JPG", "b.mp4", "sub/c.mov", "sub/deep/d.png"]
    assert source.ignored == 2


def test_pictures_that_cannot_be_decoded_are_listed_to_be_rejected_by_name(folder):
    (folder / "phone.HEIC").write_bytes(b"ftypheic")
    assert "phone.HEIC" in names(FolderSource(folder))
