import dataclasses

import numpy as np
import pytest

from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.core.selection.engine import run_selection
from pipeline_project.core.selection.pool import (
    Constraints,
    ObjectEmbeddings,
    Predictions,
    SelectionPool,
    SelectionResult,
)
from pipeline_project.errors import ConfigError

EMBEDDINGS = {"type": "EMBEDDINGS"}
DIVERSITY = {"input": EMBEDDINGS, "strategy": {"type": "DIVERSITY"}}


def random_rows(count: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rule(source: dict, kind: str, **strategy) -> dict:
    return {"input": source, "strategy": {"type": kind, **strategy}}


def metadata(key: str) -> dict:
    return {"type": "METADATA", "key": key}


def select(pool: SelectionPool, n: int | None, *rules: dict, **options) -> SelectionResult:
    raw = {"strategies": list(rules) or [DIVERSITY]} | ({"n_samples": n} if n else {})
    return run_selection(pool, parse_selection_config(raw), **options)


def pick(rows, n=None, *rules, **parts) -> list[int]:
    return select(SelectionPool(embeddings=rows, **parts), n, *rules).indices.tolist()


def test_the_same_input_gives_the_same_picks():
    rows = random_rows(300)
    assert pick(rows, 30) == pick(rows, 30)


def test_vectors_are_compared_by_direction_whatever_their_length():
    rows = random_rows(100)
    scaled = rows * np.linspace(0.1, 50, 100)[:, None]
    assert pick(rows, 10) == pick(scaled, 10)


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_huge_and_tiny_vectors_are_compared_by_direction_too(scale):
    rows = random_rows(100).astype(np.float64)
    assert pick(rows * scale, 10) == pick(rows, 10)


def test_half_precision_picks_as_well():
    rows = random_rows(500).astype(np.float16)
    assert len(set(pick(rows, 50))) == 50


def test_ten_percent_are_picked_by_default_at_least_one_at_most_500():
    assert len(pick(random_rows(118))) == 12
    assert len(pick(random_rows(3))) == 1
    assert len(pick(random_rows(6000, 4))) == 500


def test_a_share_is_one_of_the_rows_that_were_not_picked_before():
    pool = SelectionPool(embeddings=random_rows(120), preselected=range(20))
    config = parse_selection_config({"proportion_samples": 0.1})
    assert len(run_selection(pool, config).picks) == 10


def test_weights_prefer_rows_that_are_otherwise_alike():
    rows = np.repeat(np.eye(3, dtype=np.float32), 2, axis=0) + random_rows(6, 3) * 0.01
    weights = np.array([0.1, 1, 0.1, 1, 0.1, 1])
    assert set(pick(rows, 3, weights=weights)) == {1, 3, 5}


def test_a_doubtful_row_is_not_picked_for_being_far_away_while_others_are_left():
    angles = np.radians([0, 25, 50, 160, 170])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    weights = np.array([1, 1, 1, 0.01, 0.01])
    assert set(pick(rows, 3, weights=weights)) == {0, 1, 2}
    assert set(pick(rows, 3)) >= {0, 4}


def test_distances_fall_from_pick_to_pick_and_the_first_has_none():
    picked = select(SelectionPool(embeddings=random_rows(100)), 20).picks
    assert picked[0].distance is None
    later = [each.distance for each in picked[1:]]
    assert later == sorted(later, reverse=True)


@pytest.mark.parametrize("rules", [[DIVERSITY], [DIVERSITY, rule(metadata("w"), "WEIGHTS")]])
def test_a_distance_is_that_to_the_nearest_row_picked_before(rules):
    rows = random_rows(80)
    pool = SelectionPool(
        embeddings=rows, metadata={"w": np.linspace(1, 2, 80)}, preselected=[3, 40], forced=[7]
    )
    before = [3, 40]
    for each in select(pool, 15, *rules).picks:
        nearest = np.linalg.norm(rows[before] - rows[each.index], axis=1).min()
        assert each.distance == pytest.approx(nearest, abs=1e-5)
        before.append(each.index)


def test_the_order_of_the_rules_does_not_matter():
    rows, weight = random_rows(200), np.random.default_rng(1).uniform(0, 1, 200)
    rules = [DIVERSITY, rule(metadata("w"), "WEIGHTS", strength=2.0)]
    assert pick(rows, 40, *rules, metadata={"w": weight}) == pick(
        rows, 40, *reversed(rules), metadata={"w": weight}
    )


def test_weights_alone_are_the_true_largest_down_to_the_last():
    values = np.random.default_rng(0).uniform(0, 1, 50_000)
    pool = SelectionPool(metadata={"w": values})
    picked = select(pool, 5000, rule(metadata("w"), "WEIGHTS")).indices
    assert picked.tolist() == np.argsort(-values, kind="stable")[:5000].tolist()


def test_weights_below_zero_are_ordered_too():
    pool = SelectionPool(metadata={"celsius": np.array([-5.0, 3.0, -20.0, 1.0])})
    assert select(pool, 3, rule(metadata("celsius"), "WEIGHTS")).indices.tolist() == [1, 3, 0]


def test_a_missing_weight_is_the_smallest_and_passes_no_threshold():
    pool = SelectionPool(metadata={"w": np.array([np.nan, 2.0, 1.0, 3.0])})
    assert select(pool, 4, rule(metadata("w"), "WEIGHTS")).indices.tolist() == [3, 1, 0, 2]
    every = rule(metadata("w"), "THRESHOLD", threshold=-100, operation="BIGGER")
    result = select(pool, 4, every)
    assert result.indices.tolist() == [1, 2, 3]
    assert result.thresholds[0].removed.tolist() == [0]


@pytest.mark.parametrize("engine", ["own", "mundig"])
def test_where_small_values_are_preferred_a_missing_one_is_the_largest(engine):
    pool = SelectionPool(metadata={"w": np.array([np.nan, 2.0, 1.0, 3.0, np.nan, 4.0])})
    small = parse_selection_config(
        {"n_samples": 3, "strategies": [rule(metadata("w"), "WEIGHTS", strength=-1)]}
    )
    assert sorted(run_selection(pool, small, engine=engine).indices) == [1, 2, 3]


def test_a_pick_without_a_value_says_so():
    pool = SelectionPool(metadata={"w": np.array([2.0, np.nan])})
    reasons = [each.reason for each in select(pool, 2, rule(metadata("w"), "WEIGHTS")).picks]
    assert reasons == ["WEIGHTS on METADATA w 2", "WEIGHTS on METADATA w (no value)"]


@pytest.mark.parametrize(
    ("operation", "left"),
    [("SMALLER", [0]), ("SMALLER_EQUAL", [0, 1]), ("BIGGER", [2]), ("BIGGER_EQUAL", [1, 2])],
)
def test_thresholds_take_out_what_does_not_pass(operation, left):
    pool = SelectionPool(metadata={"w": np.array([1, 2, 3])})
    result = select(pool, 3, rule(metadata("w"), "THRESHOLD", threshold=2, operation=operation))
    assert sorted(result.indices) == left
    assert operation in result.thresholds[0].rule


def test_copies_are_stopped_by_a_tiny_minimum_distance():
    rows = np.repeat(random_rows(40), 5, axis=0) * np.tile([1, 2, 3, 5, 7], 40)[:, None]
    far = rule(EMBEDDINGS, "DIVERSITY", stopping_condition_minimum_distance=1e-6)
    for rules in ([far], [far, rule(metadata("w"), "WEIGHTS")]):
        pool = SelectionPool(embeddings=rows, metadata={"w": np.linspace(1, 2, 200)})
        result = select(pool, 200, *rules)
        assert sorted(result.indices // 5) == list(range(40))
        assert result.stopped_by == "minimum_distance"


def test_a_near_copy_farther_than_the_minimum_is_picked():
    rows = np.array([[1, 0], [1, 1e-4], [1, 2e-7], [0, 1]])
    far = rule(EMBEDDINGS, "DIVERSITY", stopping_condition_minimum_distance=1e-5)
    assert sorted(pick(rows, 4, far)) == [0, 1, 3]


def test_picking_stops_when_the_sum_reaches_its_bound():
    pool = SelectionPool(metadata={"objects": np.array([5, 4, 3, 2, 1])})
    weights = rule(metadata("objects"), "WEIGHTS", stopping_condition_max_sum=9)
    result = select(pool, 5, weights)
    assert (result.indices.tolist(), result.stopped_by) == ([0, 1], "max_sum")


@pytest.mark.parametrize(("low", "high"), [(100, 110), (300, 320), (480, 500)])
def test_a_target_range_brings_the_sum_between_its_bounds(low, high):
    counts = np.random.default_rng(0).integers(0, 20, 400)
    aimed = rule(metadata("n"), "WEIGHTS", target_range={"min_sum": low, "max_sum": high})
    pool = SelectionPool(embeddings=random_rows(400), metadata={"n": counts})
    assert low <= counts[select(pool, 30, aimed).indices].sum() <= high
    assert low * 0.9 <= counts[select(pool, 30, aimed, DIVERSITY).indices].sum() <= high * 1.1


def test_picking_stops_when_nothing_is_typical_enough():
    rows = np.concatenate([np.tile([1.0, 0.0], (9, 1)), [[-1.0, 0.0]]]) + random_rows(10, 2) * 0.01
    typical = rule(
        EMBEDDINGS,
        "TYPICALITY",
        num_nearest_neighbors=2,
        stopping_condition_minimum_typicality=0.5,
    )
    result = select(SelectionPool(embeddings=rows), 10, typical)
    assert sorted(result.indices) == list(range(9))
    assert result.stopped_by == "minimum_typicality"


def test_categories_are_counted():
    predicted = Predictions(("car", "bus"), counts=np.array([[9, 0], [0, 3], [1, 5], [0, 0]]))
    pool = SelectionPool(predictions={"t": predicted})
    source = {"type": "PREDICTIONS", "task": "t", "name": "CATEGORY_COUNT"}
    assert select(pool, 1, rule(source, "WEIGHTS")).indices.tolist() == [0]
    source["categories"] = ["bus"]
    assert select(pool, 1, rule(source, "WEIGHTS")).indices.tolist() == [2]
    some = rule(source, "THRESHOLD", threshold=3, operation="BIGGER_EQUAL")
    assert sorted(select(pool, 4, some).indices) == [1, 2]


def test_truth_values_are_categories():
    pool = SelectionPool(metadata={"night": np.arange(20) < 5})
    picked = select(pool, 8, rule(metadata("night"), "BALANCE", target={"true": 0.5})).indices
    assert int((picked < 5).sum()) == 4


def test_what_was_picked_before_counts_in_the_balance():
    weather = np.repeat(["sun", "rain"], 30)
    pool = SelectionPool(metadata={"weather": weather}, preselected=range(10))
    even = rule(metadata("weather"), "BALANCE", distribution="UNIFORM")
    assert int((weather[select(pool, 20, even).indices] == "rain").sum()) == 15


def test_rows_of_no_class_come_last_where_only_balance_tells_rows_apart():
    weather = np.array([None] * 5 + ["sun"] * 10 + ["", "rain", "rain"], object)
    pool = SelectionPool(metadata={"weather": weather})
    picks = select(pool, 14, rule(metadata("weather"), "BALANCE", distribution="UNIFORM")).picks
    words = [weather[each.index] or "" for each in picks]
    assert sorted(words[:4]) == ["rain", "rain", "sun", "sun"]
    assert words[4:] == ["sun"] * 8 + [""] * 2
    assert picks[-1].reason.endswith("(no class)")


def test_a_row_of_no_class_leaves_the_balance_of_diverse_picks_as_it_is():
    weather = np.array([None] * 5 + ["sun"] * 10 + ["", "rain", "rain"], object)
    pool = SelectionPool(embeddings=random_rows(18), metadata={"weather": weather})
    even = rule(metadata("weather"), "BALANCE", distribution="UNIFORM", strength=1e6)
    words = [weather[row] for row in select(pool, 10, DIVERSITY, even).indices]
    assert words.count("sun") == words.count("rain") == 2


def test_forced_rows_come_first_and_count():
    rows = random_rows(50)
    for rules in ([DIVERSITY], [DIVERSITY, rule(metadata("w"), "WEIGHTS")]):
        pool = SelectionPool(embeddings=rows, metadata={"w": np.ones(50)}, forced=[9, 4, 9])
        picked = select(pool, 10, *rules).indices.tolist()
        assert picked[:2] == [9, 4]
        assert len(set(picked)) == 10


@pytest.mark.parametrize("engine", ["own", "mundig"])
def test_where_thresholds_leave_no_row_nothing_is_picked(engine):
    pool = SelectionPool(embeddings=random_rows(9), metadata={"w": np.arange(9)})
    none = rule(metadata("w"), "THRESHOLD", threshold=9, operation="BIGGER")
    found = select(pool, 2, DIVERSITY, none, engine=engine)
    assert (found.picks, found.stopped_by) == ([], "pool_empty")
    assert len(found.thresholds[0].removed) == 9


def test_a_forced_row_passes_every_threshold():
    pool = SelectionPool(metadata={"w": np.array([1, 2, 3])}, forced=[0])
    only = rule(metadata("w"), "THRESHOLD", threshold=2, operation="BIGGER")
    assert select(pool, 3, only).indices.tolist() == [0, 2]


@pytest.mark.parametrize("also", [[], [rule(metadata("w"), "WEIGHTS")]])
def test_caps_and_gaps_are_kept_whatever_the_objective(also):
    group = np.repeat(np.arange(4), 50)
    time_s = np.tile(np.arange(50.0), 4)
    keep = Constraints(group=group, max_per_group=6, time_s=time_s, min_gap_s=3.0)
    pool = SelectionPool(
        embeddings=random_rows(200),
        metadata={"w": np.random.default_rng(0).uniform(1, 2, 200)},
        preselected=[10],
        constraints=keep,
    )
    result = select(pool, 100, DIVERSITY, *also)
    taken = np.concatenate([[10], result.indices])
    assert np.bincount(group[taken]).tolist() == [6, 6, 6, 6]
    for each in range(4):
        times = np.sort(time_s[taken[group[taken] == each]])
        assert np.diff(times).min() >= 3
    assert result.stopped_by == "constraints"


def test_rows_of_no_group_and_of_no_time_are_bound_by_nothing():
    keep = Constraints(np.full(9, -1), 1, np.full(9, np.nan), 100.0)
    assert len(pick(random_rows(9), 9, constraints=keep)) == 9
    keep = dataclasses.replace(keep, group=np.zeros(9, int), max_per_group=None)
    assert len(pick(random_rows(9), 9, constraints=keep)) == 9


@pytest.mark.parametrize("kind", ["gauss", "clips"])
def test_two_levels_cover_nearly_as_well_as_one_and_say_how_far_off_at_most(kind):
    rows = random_rows(6000, 32)
    if kind == "clips":
        walk = np.cumsum(random_rows(6000, 32, 1).reshape(60, 100, 32) * 0.3, axis=1)
        rows = (random_rows(60, 32)[:, None] + walk).reshape(6000, 32).astype(np.float32)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    whole = select(SelectionPool(embeddings=rows), 300)
    small = select(SelectionPool(embeddings=rows), 300, memory_mb=1)
    assert (whole.exact, small.exact) == (True, False)
    assert len(set(small.indices)) == 300
    found = radius(unit, small.indices)
    assert found <= small.coverage_bound
    assert found <= 1.2 * radius(unit, whole.indices)


def radius(rows: np.ndarray, picked: np.ndarray) -> float:
    return float(np.sqrt(max(0.0, 2 - 2 * (rows @ rows[picked].T).max(axis=1).min())))


def test_two_levels_stay_away_from_what_was_picked_before():
    rows = random_rows(4000, 32)
    pool = SelectionPool(embeddings=rows, preselected=range(0, 4000, 40))
    far = rule(EMBEDDINGS, "DIVERSITY", stopping_condition_minimum_distance=0.9)
    picked = select(pool, 200, far, memory_mb=1).indices
    cosine = rows[picked] @ rows[::40].T
    assert cosine.max() <= 1 - 0.9**2 / 2 + 1e-5


def test_progress_rises_to_the_number_wanted():
    seen: list[tuple[int, int]] = []
    pool = SelectionPool(embeddings=random_rows(3000))
    select(pool, 700, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (700, 700)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.empty((0, 4), np.float32), "pool is empty"),
        (np.zeros(4, np.float32), "shape"),
        (np.ones((2, 4), int), "int64"),
        (np.array([[1.0, np.nan]]), "NaN.*row 0"),
        (np.array([[1.0, 0.0], [np.inf, 1.0]]), "row 1"),
        (np.array([[1.0, 0.0], [0.0, 0.0]]), "zero vectors.*row 1"),
        (np.array([[1, 0], [np.inf, 1]], np.float32), "row 1"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(rows, message):
    with pytest.raises(ConfigError, match=message):
        pick(rows, 1)


SOURCE = {"type": "PREDICTIONS", "task": "t", "name": "CLASS_DISTRIBUTION"}
HELD = SelectionPool(
    metadata={"word": np.array(["a", "b"], object), "number": np.array([0.5, 1.5])},
    scores={"t": {"entropy": np.array([0.1, 0.2])}},
    predictions={"t": Predictions(("car", "bus"), distribution=np.eye(2))},
    queries={"few": np.ones((1, 3))},
)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (rule(metadata("w"), "WEIGHTS"), "no metadata key 'w'; known: number, word"),
        (rule(metadata("word"), "WEIGHTS"), "needs numbers; seen 'a'"),
        (rule(metadata("number"), "BALANCE", target={"a": 1}), "needs categories.*0.5"),
        (rule(metadata("word"), "BALANCE", target={"z": 1}), "no row has any.*seen a, b"),
        (rule({**SOURCE, "task": "x"}, "BALANCE", target={"car": 1}), "no task.*'x'; known: t"),
        (rule(SOURCE, "BALANCE", target={"van": 1}), "'van'.*classes: car, bus"),
        (rule({**SOURCE, "name": "CATEGORY_COUNT"}, "WEIGHTS"), "no counts"),
        (rule({"type": "SCORES", "task": "t", "score": "x"}, "WEIGHTS"), "'x'; known: entropy"),
        (DIVERSITY, "looks at EMBEDDINGS, and the pool has none"),
        (rule({**EMBEDDINGS, "task": "t"}, "DIVERSITY"), "no embeddings of the objects of 't'"),
    ],
)
def test_what_the_pool_lacks_is_named_with_what_it_has(wrong, words):
    with pytest.raises(ConfigError, match=words):
        select(HELD, 1, wrong)


def test_queries_that_are_not_there_or_of_another_space_are_refused():
    pool = dataclasses.replace(HELD, embeddings=np.eye(2))
    like = {**EMBEDDINGS, "tag_name": "many"}
    with pytest.raises(ConfigError, match="'many' to be similar to; known: few"):
        select(pool, 1, rule(like, "SIMILARITY"))
    with pytest.raises(ConfigError, match="2 dimensions.*3"):
        select(pool, 1, rule({**like, "tag_name": "few"}, "SIMILARITY"))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"metadata": {"w": np.ones(3)}}, "differ.*embeddings 2, metadata w 3"),
        ({"preselected": [5]}, "preselected names row 5"),
        ({"forced": [-1]}, "forced names row -1"),
        ({"weights": np.array([1, np.nan])}, "weights of doubtful rows"),
        ({"metadata": {"n": np.array([1, np.inf])}}, "row 1 is infinite"),
        ({"constraints": Constraints(np.zeros(2, int), 0)}, "at least 1; seen 0"),
        ({"constraints": Constraints(np.zeros(2, int), None, None, 1.0)}, "time of each row"),
        ({"objects": {"t": ObjectEmbeddings(np.eye(2), np.array([0, 9]))}}, "needs a row"),
    ],
)
def test_a_pool_that_does_not_fit_together_is_refused(parts, words):
    rules = [DIVERSITY]
    if "n" in parts.get("metadata", {}):
        rules.append(rule(metadata("n"), "WEIGHTS"))
    if "objects" in parts:
        rules.append(rule({**EMBEDDINGS, "task": "t"}, "DIVERSITY"))
    with pytest.raises(ConfigError, match=words):
        select(SelectionPool(embeddings=np.eye(2), **parts), 1, *rules)


def test_objects_that_nobody_embedded_are_asked_for():
    config = parse_selection_config(
        {
            "n_samples": 1,
            "strategies": [rule({**EMBEDDINGS, "task": "t"}, "DIVERSITY")],
            "auto_tasks": [{"type": "TILING", "name": "t", "num_rows": 1, "num_cols": 2}],
        }
    )
    with pytest.raises(ConfigError, match="no embeddings of the objects of 't'; known: none"):
        run_selection(SelectionPool(embeddings=np.eye(2)), config)


def test_objects_that_take_more_memory_than_allowed_are_refused():
    many = ObjectEmbeddings(random_rows(4000, 64), np.arange(4000) % 3)
    pool = SelectionPool(embeddings=np.eye(3), objects={"t": many})
    with pytest.raises(ConfigError, match="embeddings of 4000 objects of t need more"):
        select(pool, 2, rule({**EMBEDDINGS, "task": "t"}, "DIVERSITY"), memory_mb=1)


@pytest.mark.parametrize("kind", ["DIVERSITY", "TYPICALITY"])
def test_rows_that_hold_no_object_at_all_are_picked_in_their_order(kind):
    nothing = ObjectEmbeddings(np.empty((0, 4)), np.empty(0, int))
    pool = SelectionPool(embeddings=np.eye(3), objects={"t": nothing})
    result = select(pool, 2, rule({**EMBEDDINGS, "task": "t"}, kind))
    assert result.indices.tolist() == [0, 1]


def test_too_little_memory_is_refused_with_what_is_needed():
    with pytest.raises(ConfigError, match=r"need at least \d+ MB"):
        select(SelectionPool(embeddings=random_rows(3000, 64)), 2000, memory_mb=1)
    pool = SelectionPool(embeddings=random_rows(4000, 64), metadata={"w": np.ones(4000)})
    with pytest.raises(ConfigError, match="DIVERSITY alone; seen WEIGHTS on METADATA w"):
        select(pool, 10, DIVERSITY, rule(metadata("w"), "WEIGHTS"), memory_mb=1)


def test_mundig_says_what_it_does_not_have():
    pool = SelectionPool(
        embeddings=np.eye(3),
        metadata={"w": np.ones(3)},
        constraints=Constraints(np.zeros(3, int), 1),
    )
    with pytest.raises(ConfigError, match="caps and gaps"):
        select(pool, 1, engine="mundig")
    aimed = rule(metadata("w"), "WEIGHTS", target_range={"max_sum": 2})
    with pytest.raises(ConfigError, match="does not have target_range"):
        select(dataclasses.replace(pool, constraints=None), 1, aimed, engine="mundig")
