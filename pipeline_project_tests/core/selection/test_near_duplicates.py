import tracemalloc

import numpy as np
import pytest

from pipeline_project.core.selection import near_duplicates
from pipeline_project.core.selection.near_duplicates import FrameFeatures, find_duplicates


def features(vectors, *, pixels=None, phash=None, source=None, rank=None) -> FrameFeatures:
    vectors = np.asarray(vectors, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    count = len(vectors)
    spread = np.random.default_rng(0).integers(0, 2**64, count, dtype=np.uint64)
    return FrameFeatures(
        pixels_sha256=pixels or [str(row) for row in range(count)],
        phash=np.asarray(phash, np.uint64) if phash is not None else spread,
        source=source or ["a"] * count,
        vectors=vectors,
        rank=np.asarray(rank if rank is not None else np.zeros(count), np.float64),
    )


APART = np.eye(4)


def test_frames_that_differ_are_no_duplicates():
    assert find_duplicates(features(APART), min_cosine=0.9) == {}


def test_equal_pixels_are_exact_duplicates_whatever_their_file():
    given = features(APART, pixels=["p", "q", "p", "r"], source=["a", "b", "c", "d"])
    assert find_duplicates(given, min_cosine=0.9) == {2: (0, "exact")}


def test_close_perceptual_hashes_bind_within_one_file_only():
    hashes = [0, 0b11, 0b11, 2**64 - 1]
    given = features(APART, phash=hashes, source=["a", "a", "b", "a"])
    assert find_duplicates(given, min_cosine=0.9) == {1: (0, "perceptual")}


def test_close_vectors_bind_across_files():
    given = features([[1, 0], [1, 0.01], [0, 1]], source=["a", "b", "c"])
    assert find_duplicates(given, min_cosine=0.99) == {1: (0, "embedding")}


def test_the_sharpest_stands_for_the_group():
    given = features([[1, 0], [1, 0.01], [1, 0.02]], rank=[1, 3, 2])
    assert find_duplicates(given, min_cosine=0.99) == {0: (1, "embedding"), 2: (1, "embedding")}


def test_a_slow_pan_does_not_chain_into_one_group():
    angles = np.linspace(0, np.pi / 2, 46)  # 2 degrees from frame to frame
    given = features(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    found = find_duplicates(given, min_cosine=float(np.cos(np.radians(5))))
    keepers = set(range(46)) - set(found)
    assert len(keepers) >= 10
    for row, (keeper, _) in found.items():
        assert np.degrees(abs(angles[row] - angles[keeper])) <= 5.001


@pytest.mark.parametrize("count", [1023, 1024, 2500])
def test_groups_of_equal_frames_are_found_across_blocks(count):
    places = np.random.default_rng(3).normal(size=(50, 8))
    rows = places[np.arange(count) % 50]
    found = find_duplicates(features(rows), min_cosine=0.9999)
    assert {keeper for keeper, _ in found.values()} == set(range(50))
    assert len(found) == count - 50


def test_no_frames_have_no_duplicates():
    empty = FrameFeatures([], np.empty(0, np.uint64), [], np.empty((0, 4), np.float32), np.empty(0))
    assert find_duplicates(empty, min_cosine=0.9) == {}


def mixed(count, seed):
    """Frames of 40 places in six files; some have equal pixels, some close hashes."""
    chance = np.random.default_rng(seed)
    place = chance.integers(0, 40, count)
    places = np.random.default_rng(1).normal(size=(40, 8))
    hashes = np.random.default_rng(2).integers(0, 2**64, 60, dtype=np.uint64)
    return features(
        places[place]
        + chance.normal(scale=chance.choice([0, 0.1, 1], (count, 1)), size=(count, 8)),
        pixels=[str(each) for each in chance.integers(0, count // 2, count)],
        phash=hashes[chance.integers(0, 60, count)]
        ^ np.uint64(1) * chance.integers(0, 2, count).astype(np.uint64),
        source=[str(each) for each in chance.integers(0, 6, count)],
        rank=chance.integers(0, 9, count),
    )


def by_definition(given, min_cosine):
    """Which leader each frame has, by one comparison after the other."""
    leaders, found = [], {}
    for row in sorted(range(len(given.source)), key=lambda row: (-given.rank[row], row)):
        tests = {
            "exact": lambda one, two: given.pixels_sha256[one] == given.pixels_sha256[two],
            "perceptual": lambda one, two: (
                given.source[one] == given.source[two]
                and int(given.phash[one] ^ given.phash[two]).bit_count() <= 2
            ),
            "embedding": lambda one, two: given.vectors[one] @ given.vectors[two] >= min_cosine,
        }
        matches = (
            (leader, kind)
            for kind, close in tests.items()
            for leader in leaders
            if close(row, leader)
        )
        match = next(matches, None)
        if match is None:
            leaders.append(row)
        else:
            found[row] = match
    return found


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_many_frames_give_what_one_comparison_after_the_other_gives(seed):
    given = mixed(600, seed)
    found = find_duplicates(given, min_cosine=0.9)
    assert found == by_definition(given, 0.9)
    assert {kind for _, kind in found.values()} == {"exact", "perceptual", "embedding"}


@pytest.mark.parametrize("leaders", [1, 7, 64])
def test_results_do_not_depend_on_how_rows_fall_into_blocks_of_any_size(monkeypatch, leaders):
    given = mixed(2200, 5)
    expected = find_duplicates(given, min_cosine=0.9)
    monkeypatch.setattr(near_duplicates, "_BLOCK_ROWS", leaders)
    assert find_duplicates(given, min_cosine=0.9) == expected


def test_memory_does_not_grow_with_the_number_of_frames():
    count = 12_000
    vectors = np.random.default_rng(0).normal(size=(count, 32))
    given = features(vectors)
    tracemalloc.start()
    try:
        assert find_duplicates(given, min_cosine=0.999) == {}
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 75e6  # one block of rows against all frames at once would take 110 MB


def clips(count, dim=160):
    """Frames of clips that move slowly, in more dimensions than the first comparison looks at."""
    chance = np.random.default_rng(7)
    starts = np.repeat(chance.normal(size=(count // 20, dim)), 20, axis=0)
    steps = chance.normal(scale=0.12, size=(count // 20, 20, dim)).cumsum(axis=1)
    return features(starts + steps.reshape(count, dim), rank=chance.random(count))


def test_vectors_of_many_dimensions_give_what_comparing_all_of_each_pair_gives():
    given = clips(600)
    cosine = given.vectors.astype(np.float64) @ given.vectors.T.astype(np.float64)
    leaders, expected = [], {}
    for row in np.argsort(-given.rank, kind="stable").tolist():
        close = [leader for leader in leaders if cosine[row, leader] >= 0.985]
        if close:
            expected[row] = (close[0], "embedding")
        else:
            leaders.append(row)
    assert 100 < len(expected) < 500
    assert find_duplicates(given, min_cosine=0.985) == expected


def test_without_a_threshold_vectors_are_not_compared():
    given = features([[1, 0], [1, 0], [0, 1]], phash=[1, 2**40 - 1, 1], source=["a", "a", "a"])
    assert find_duplicates(given, min_cosine=None) == {2: (0, "perceptual")}
