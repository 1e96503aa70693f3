import hashlib
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pytest

from pipeline_project.core.config import CurationConfig
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.hashing import hash_of_digests, hash_of_names
from pipeline_project.worker import key_columns as module
from pipeline_project.worker.key_columns import KeyColumns
from pipeline_project.worker.known import MediaList
from pipeline_project.worker.listing import Listing
from pipeline_project.worker.stages import VERSIONS, FrameKeys, KeysOfFiles, Stages

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
    own = [keys[sha256] for sha256 in files.hashes()]
    assert KeyColumns(files, keys).sample.to_pylist() == [each.sample for each in own]


def test_no_files_have_no_keys(stages):
    columns = KeyColumns(media(), KeysOfFiles(stages, {}))
    assert columns.sample.to_pylist() == [] and len(columns.contents) == 64


def contents(stages, files, kept=MappingProxyType({})):
    return KeyColumns(files, KeysOfFiles(stages, files.kinds(), kept)).contents


def test_the_same_files_in_another_order_are_the_same_set(stages, monkeypatch):
    files = media("image", "video", "image", "image")
    turned = files.rows(np.array([3, 1, 0, 2, 1]))
    one = contents(stages, files)
    monkeypatch.setattr(module, "_PART", 2)
    assert contents(stages, turned) == one


@pytest.mark.parametrize(
    "change",
    [
        {"config": CurationConfig.model_validate({"sampling": {"mode": "fps", "fps": 3}})},
        {"config": CurationConfig.model_validate({"quality": {"classifier": "talk"}})},
        {"classifier_sha256": "c" * 64},
        {"space": EmbeddingSpace("toy", 2, "d" * 64, "none", None)},
    ],
)
def test_other_settings_or_models_are_another_set(stages, change):
    files = media("image", "video")
    assert contents(replace(stages, **change), files) != contents(stages, files)


def test_another_version_of_a_stage_is_another_set(stages, monkeypatch):
    files = media("image")
    before = contents(stages, files)
    monkeypatch.setattr("pipeline_project.worker.stages.VERSIONS", {**VERSIONS, "score": "raised"})
    assert contents(stages, files) != before


def test_more_fewer_or_other_files_are_another_set(stages):
    files = media("image", "video", "image")
    sets = [files, files[:2], files[1:], media("video", "video", "image")]
    assert len({contents(stages, each) for each in sets}) == 4


def test_kept_results_are_another_set_unless_they_are_those_of_now(stages):
    files = media("image", "video")
    older = {named(1): FrameKeys(*(named(word) for word in "abcd"))}
    same = {named(1): stages.keys(named(1), "video")}
    assert contents(stages, files, older) != contents(stages, files)
    assert contents(stages, files, same) == contents(stages, files)
    assert contents(stages, files[:1], older) == contents(stages, files[:1])


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
