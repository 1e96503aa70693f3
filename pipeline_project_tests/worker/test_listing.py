import pytest

from pipeline_project.core.records import MediaRef
from pipeline_project.worker import listing as module
from pipeline_project.worker.listing import Listing
from pipeline_project.worker.request import dump_listing

REFS = [
    MediaRef("file:///m/a%20b.jpg", "a b.jpg", "m", 3, "17", {"author": "Ada"}),
    MediaRef("s3://b/k\u00fc\n.mp4", "k\u00fc\\n.mp4", "s3://b", 2**40, 'etag "1"'),
    MediaRef("file:///m/c.png", "c.png", "m", 0, ""),
]


@pytest.mark.parametrize("part_bytes", [1, 7, 100, 150, 1 << 20])
def test_a_listing_gives_back_each_file_as_it_was_written(monkeypatch, part_bytes):
    monkeypatch.setattr(module, "_PART_BYTES", part_bytes)
    listing = Listing(dump_listing(REFS))
    assert list(listing) == REFS and len(listing) == 3
    assert listing[1] == listing[-2] == REFS[1]
    assert listing[1:] == REFS[1:] and listing[::2] == REFS[::2]
    assert listing.table["size_bytes"].to_pylist() == [3, 2**40, 0]
    assert [listing[place] for place in (2, 0, 1, 0, 2)] == [REFS[n] for n in (2, 0, 1, 0, 2)]
    with pytest.raises(IndexError):
        listing[3]


def test_odd_bytes_of_a_name_do_not_stop_a_listing():
    odd = MediaRef("file:///m/%ff.png", "\udcff.png", "m\udcfe", 1, "1")
    listing = Listing.of([*REFS, odd])
    assert listing[3] == odd
    assert listing.table["name"][3].as_py() == "\\udcff.png"


def test_nothing_listed_is_no_error():
    assert list(Listing(b"")) == [] and Listing.of([]).table.num_rows == 0
