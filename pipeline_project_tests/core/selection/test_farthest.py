import numpy as np
import pytest

from pipeline_project.core.selection.clusters import cluster_rows
from pipeline_project.core.selection.farthest import FarthestFirst


def clips(count: int, steps: int = 50, dim: int = 24, seed: int = 0) -> np.ndarray:
    """Random walks, as frames of videos are."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 1, dim)) + np.cumsum(
        rng.normal(size=(count, steps, dim)) * 0.1, axis=1
    )
    rows = rows.reshape(count * steps, dim).astype(np.float32)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rng.permutation(rows)


def pick(rows, wanted, close=lambda row: (), **options):
    picked, distances = [], []
    state = FarthestFirst(rows, wanted)

    def on_pick(row, distance):
        picked.append(row)
        distances.append(distance)
        return close(row)

    ended = state.pick(wanted, on_pick, **options)
    return picked, distances, ended


def nearest_before(rows, picked):
    """How far each pick was from those before, and how far the rest could have been."""
    best = np.full(len(rows), -1.0)
    for row in picked:
        yield np.sqrt(max(0, 2 - 2 * best[row])), np.sqrt(max(0, 2 - 2 * best.min()))
        best = np.maximum(best, rows.astype(np.float64) @ rows[row])
        best[row] = np.inf


@pytest.mark.parametrize("kind", ["clips", "noise"])
def test_with_thousands_of_picks_each_is_still_the_farthest(kind):
    rows = clips(100)
    if kind == "noise":
        rows = np.random.default_rng(0).normal(size=(5000, 24)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    picked, distances, _ = pick(rows, 3000)
    assert len(set(picked)) == 3000
    for said, (own, farthest) in zip(
        distances[1:], list(nearest_before(rows, picked))[1:], strict=True
    ):
        assert own == pytest.approx(farthest, abs=1e-4)
        assert said == pytest.approx(own, abs=1e-4)


def test_clips_cluster_and_noise_does_not():
    rows = clips(100)
    assert cluster_rows(rows, rows[:200]) is not None
    noise = np.random.default_rng(0).normal(size=(500, 200)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    assert cluster_rows(noise, noise[:50]) is None


def test_no_pick_within_reach_is_spared_a_cluster():
    rows = clips(60)
    picks, others = rows[:100], rows[100:400]
    clusters = cluster_rows(rows, picks)
    cosine = (rows[clusters.order] @ picks.T).max(axis=1)
    for number in range(len(clusters.start) - 1):
        part = slice(clusters.start[number], clusters.start[number + 1])
        spared = clusters.centre[number] @ others.T <= clusters.reach(number, cosine[part])
        nearer = rows[clusters.order[part]] @ others[spared].T > cosine[part, None]
        assert not nearer.any()


def test_closed_rows_are_not_picked_even_when_rows_were_sorted_meanwhile():
    rows = clips(100)
    group = np.arange(5000) % 2500
    picked, _, ended = pick(
        rows, 4000, close=lambda row: np.flatnonzero(group == group[row]).tolist()
    )
    assert np.bincount(group[picked]).tolist() == [1] * 2500
    assert ended == "no rows"


def test_a_minimum_distance_holds_for_every_pair():
    rows = clips(100)
    picked, _, ended = pick(rows, 5000, least_distance=0.3)
    cosine = rows[picked] @ rows[picked].T - 2 * np.eye(len(picked))
    assert np.sqrt(2 - 2 * cosine.max()) >= 0.3 - 1e-5
    assert (rows @ rows[picked].T).max(axis=1).min() >= 1 - 0.3**2 / 2 - 1e-5
    assert ended == "minimum_distance"


def test_rows_seen_before_count_however_many_they_are():
    rows = clips(100)
    state = FarthestFirst(rows, 4600)
    state.see(range(4500))
    picked: list[int] = []
    state.pick(100, lambda row, distance: picked.append(row) or ())
    assert min(picked) >= 4500
    far = (rows[4500:] @ rows[:4500].T).max(axis=1)
    assert picked[0] == 4500 + int(far.argmin())
