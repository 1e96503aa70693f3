import numpy as np
import pytest

from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.core.selection.engine import select
from pipeline_project.errors import ConfigError


def random_rows(count: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pick(rows, n=None, **options):
    config = parse_selection_config({"n_samples": n} if n else {})
    return select(rows, config, **options)


def brute_farthest_first(rows: np.ndarray, first: int, count: int) -> list[int]:
    order = [first]
    while len(order) < count:
        distance = np.linalg.norm(rows[:, None] - rows[order][None], axis=2).min(axis=1)
        order.append(int(np.argmax(distance)))
    return order


def test_each_pick_is_the_farthest_from_those_before():
    rows = random_rows(200)
    order = [each.index for each in pick(rows, 20)]
    assert order == brute_farthest_first(rows, order[0], 20)


def test_the_same_input_gives_the_same_picks():
    rows = random_rows(300)
    assert pick(rows, 30) == pick(rows, 30)


def test_vectors_are_compared_by_direction_whatever_their_length():
    rows = random_rows(100)
    scaled = rows * np.linspace(0.1, 50, 100)[:, None]
    assert [p.index for p in pick(rows, 10)] == [p.index for p in pick(scaled, 10)]


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_huge_and_tiny_vectors_are_compared_by_direction_too(scale):
    rows = random_rows(100).astype(np.float64)
    assert [p.index for p in pick(rows * scale, 10)] == [p.index for p in pick(rows, 10)]


def test_no_index_is_picked_twice_when_more_are_asked_than_there_are():
    assert sorted(each.index for each in pick(random_rows(5), 50)) == [0, 1, 2, 3, 4]


def test_ten_percent_are_picked_by_default_at_least_one_at_most_500():
    assert len(pick(random_rows(118))) == 12
    assert len(pick(random_rows(3))) == 1
    assert len(pick(random_rows(6000, 4))) == 500


def test_new_picks_stay_away_from_the_pool():
    clusters = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)
    rows = clusters + random_rows(40, 4) * 0.05
    picked = pick(rows, 2, pool=np.eye(4, dtype=np.float32)[:2])
    assert {each.index // 10 for each in picked} == {2, 3}


def test_the_pool_does_not_count_as_picked():
    assert len(pick(random_rows(50), 10, pool=random_rows(7, seed=1))) == 10


def test_weights_prefer_rows_that_are_otherwise_alike():
    rows = np.repeat(np.eye(3, dtype=np.float32), 2, axis=0) + random_rows(6, 3) * 0.01
    weights = np.array([0.1, 1, 0.1, 1, 0.1, 1])
    assert {each.index for each in pick(rows, 3, weights=weights)} == {1, 3, 5}


def test_a_doubtful_row_is_not_picked_for_being_far_away_while_others_are_left():
    angles = np.radians([0, 25, 50, 160, 170])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    weights = np.array([1, 1, 1, 0.01, 0.01])
    assert {each.index for each in pick(rows, 3, weights=weights)} == {0, 1, 2}
    assert {each.index for each in pick(rows, 3)} >= {0, 4}


def test_distances_fall_from_pick_to_pick_and_the_first_has_none():
    picked = pick(random_rows(100), 20)
    assert picked[0].distance is None
    later = [each.distance for each in picked[1:]]
    assert later == sorted(later, reverse=True)


def test_a_minimum_distance_stops_the_picking():
    rule = {"type": "DIVERSITY", "stopping_condition_minimum_distance": 0.5}
    config = {"nSamples": 40, "strategies": [{"input": {"type": "EMBEDDINGS"}, "strategy": rule}]}
    rows = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0) + random_rows(40, 4) * 0.01
    assert len(select(rows, parse_selection_config(config))) == 4


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.empty((0, 4), np.float32), "shape"),
        (np.zeros(4, np.float32), "shape"),
        (np.ones((2, 4), int), "int64"),
        (np.array([[1.0, np.nan]]), "NaN.*row 0"),
        (np.array([[1.0, 0.0], [np.inf, 1.0]]), "row 1"),
        (np.array([[1.0, 0.0], [0.0, 0.0]]), "zero vectors.*row 1"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(rows, message):
    with pytest.raises(ConfigError, match=message):
        pick(rows, 1)


def test_a_pool_of_another_space_is_refused():
    with pytest.raises(ConfigError, match="16 dimensions.*8"):
        pick(random_rows(10, 16), 2, pool=random_rows(3, 8))
