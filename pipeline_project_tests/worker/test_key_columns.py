import hashlib

import numpy as np
import pyarrow as pa
import pytest

from pipeline_project.core.config import CurationConfig
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.hashing import hash_of_digests, hash_of_names
from pipeline_project.worker import key_columns as module
from pipeline_project.worker.key_columns import key_columns
from pipeline_project.worker.known import MediaList
from pipeline_project.worker.listing import Listing
from pipeline_project.worker.stages import FrameKeys, KeysOfFiles, Stages

_FILES = pa.schema({"sha256": pa.string(), "kind": pa.string()})


def named(word):
    return hashlib.sha256(str(word).encode()).hexdigest()


@pytest.fixture
def stages():
    return Stages(CurationConfig(), "a" * 64, EmbeddingSpace("toy", 2, "b" * 64, "none", None))


def media(*kinds):
    """Media of these kinds."""
    table = pa.table({"sha256": [named(n) for n in range(len(kinds))], "kind": list(kinds)}, _FILES)
    return MediaList(Listing(b""), np.arange(len(kinds)), table, {})


def test_keys_in_columns_are_those_given_one_by_one(stages, monkeypatch):
    monkeypatch.setattr(module, "_PART", 2)
    files = media("image", "video", "image", "image", "video")
    kept = {named(3): FrameKeys(*(named(word) for word in "abcd"))}
    keys = KeysOfFiles(stages, files.kinds(), kept)
    columns = key_columns(files, keys)
    own = [keys[sha256] for sha256 in files.hashes()]
    assert columns.sample.to_pylist() == [each.sample for each in own]
    assert columns.contents == hash_of_names(key for each in own for key in each.all())


def test_no_files_have_no_keys(stages):
    columns = key_columns(media(), KeysOfFiles(stages, {}))
    assert columns.sample.to_pylist() == [] and columns.contents == hash_of_names([])


@pytest.mark.parametrize("at_once", [2, 1000])
def test_a_set_of_digests_hashes_as_their_names_do(monkeypatch, at_once):
    monkeypatch.setattr("pipeline_project.core.hashing._HASHED_AT_ONCE", at_once)
    alike = bytes(8) + b"\x01" * 24
    digests = [hashlib.sha256(bytes([n])).digest() for n in range(5)]
    for more in ([], [digests[3]], [alike, alike[::-1], bytes(32), alike[:-1] + b"\0"]):
        every = [*digests, *more]
        array = np.frombuffer(b"".join(every), np.uint8).reshape(-1, 32)
        assert hash_of_digests(array) == hash_of_names(each.hex() for each in every)


def test_which_hashes_are_among_the_media():
    files = media("image", "video")
    assert files.held({named(1), named(7)}) == {named(1)} and files.held(()) == frozenset()


def test_kinds_are_told_by_hash():
    files = media("image", "video")
    assert dict(files.kinds()) == {named(0): "image", named(1): "video"}
    assert len(files.kinds()) == 2
