import cv2
import numpy as np
import pytest

from pipeline_project.core.hashing import (
    canonical_json,
    datum_key,
    perceptual_hash,
    pixels_sha256,
    set_key,
)

BASE = {
    "input_sha256": "ab" * 32,
    "stage": "score",
    "stage_version": "1",
    "params": {"every_s": 1.0},
    "model_sha256": "",
}


def picture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC)


def distance(one: int, two: int) -> int:
    return (one ^ two).bit_count()


@pytest.mark.parametrize(
    "change",
    [
        {"input_sha256": "cd" * 32},
        {"stage": "embed"},
        {"stage_version": "2"},
        {"params": {"every_s": 2.0}},
        {"params": {}},
        {"model_sha256": "ef"},
    ],
)
def test_a_datum_key_changes_with_each_of_its_parts(change):
    assert datum_key(**BASE) != datum_key(**{**BASE, **change})


def test_a_datum_key_is_the_same_in_every_process_and_version_of_the_project():
    golden = "cce8405c8588c5fc69ec74ddf904323ecd235890d88bd2b0e91323e60c3ff2ee"
    assert datum_key(**BASE) == golden


def test_the_order_of_parameters_does_not_matter():
    assert canonical_json({"b": 1, "a": 2}) == canonical_json({"a": 2, "b": 1}) == '{"a":2,"b":1}'


def test_a_set_key_knows_members_versions_config_and_pool_but_no_order():
    base = {
        "members": ["a", "b"],
        "stage_versions": {"select": "1"},
        "config": {"n": 3},
        "pool": "",
    }
    key = set_key(**base)
    assert key == set_key(**{**base, "members": ["b", "a", "a"]})
    for change in (
        {"members": ["a"]},
        {"stage_versions": {"select": "2"}},
        {"config": {"n": 4}},
        {"pool": "x"},
    ):
        assert key != set_key(**{**base, **change})


def test_equal_pixels_have_equal_hashes_and_one_changed_value_shows():
    one, two = picture(), picture()
    assert pixels_sha256(one) == pixels_sha256(two)
    two[0, 0, 0] ^= 1
    assert pixels_sha256(one) != pixels_sha256(two)


def test_equal_bytes_in_another_shape_are_other_pixels():
    assert pixels_sha256(np.zeros((2, 6, 3), np.uint8)) != pixels_sha256(
        np.zeros((6, 2, 3), np.uint8)
    )


def test_the_perceptual_hash_survives_resizing_brightness_and_jpeg():
    original = picture()
    smaller = cv2.resize(original, (160, 120), interpolation=cv2.INTER_AREA)
    brighter = cv2.convertScaleAbs(original, alpha=0.8, beta=20)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1)
    for changed in (smaller, brighter, jpeg):
        assert distance(perceptual_hash(original), perceptual_hash(changed)) <= 4


def test_the_perceptual_hash_tells_pictures_apart():
    hashes = [perceptual_hash(picture(seed)) for seed in range(8)]
    pairs = [(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(distance(a, b) for a, b in pairs) >= 12


def test_a_black_picture_has_a_perceptual_hash():
    assert 0 <= perceptual_hash(np.zeros((5, 7, 3), np.uint8)) < 2**64
