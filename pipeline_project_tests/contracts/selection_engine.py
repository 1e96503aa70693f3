"""What every selection engine must do; each one's test subclasses this pack.

Parity means: given the same rows and rules, the same picks in the same order wherever no two rows
come within rounding of each other; and where they do, equal quality by measure (a coverage radius
within 0.5 %, class shares within one pick of the target). So the pack states what to expect by a
brute-force reading of the documented semantics, not by either engine's word.
"""

from typing import Any

import numpy as np
import pytest

from pipeline_project.core.selection.config import parse_selection_config
from pipeline_project.core.selection.engine import run_selection
from pipeline_project.core.selection.pool import (
    EngineName,
    ObjectEmbeddings,
    Predictions,
    SelectionPool,
    SelectionResult,
)

EMBEDDINGS = {"type": "EMBEDDINGS"}
SIMILAR = {"type": "EMBEDDINGS", "tag_name": "wanted"}
ROWS, DIM = 300, 16


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def rule(source: dict[str, Any], kind: str, **strategy: Any) -> dict[str, Any]:
    return {"input": source, "strategy": {"type": kind, **strategy}}


def metadata(key: str) -> dict[str, Any]:
    return {"type": "METADATA", "key": key}


def pool(seed: int = 0, **changes: Any) -> SelectionPool:
    """A pool with everything that a rule may look at."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(ROWS), rng.integers(0, 4, ROWS))
    parts: dict[str, Any] = {
        "embeddings": unit(rng.normal(size=(ROWS, DIM))),
        "metadata": {
            "sharpness": rng.uniform(0.1, 9, ROWS),
            "noise": rng.uniform(0.5, 1.5, ROWS),
            "weather": rng.choice(["sun", "rain", "snow"], ROWS, p=[0.8, 0.15, 0.05]),
        },
        "scores": {"detector": {"uncertainty": rng.uniform(0.01, 1, ROWS)}},
        "predictions": {
            "detector": Predictions(("car", "bus"), counts=rng.integers(0, 5, (ROWS, 2)) * 1.0)
        },
        "objects": {"detector": ObjectEmbeddings(unit(rng.normal(size=(len(owner), 6))), owner)},
        "queries": {"wanted": unit(rng.normal(size=(4, DIM)))},
    }
    return SelectionPool(**{**parts, **changes})


class SelectionEngineContract:
    engine: EngineName

    def select(
        self, held: SelectionPool, n: int, *rules: dict[str, Any], **options: Any
    ) -> SelectionResult:
        config = parse_selection_config({"n_samples": n, "strategies": list(rules)})
        return run_selection(held, config, engine=self.engine, **options)

    def picks(self, held: SelectionPool, n: int, *rules: dict[str, Any]) -> list[int]:
        return self.select(held, n, *rules).indices.tolist()

    def test_diversity_picks_the_farthest_row_each_time(self):
        held = pool()
        assert self.picks(held, 60, rule(EMBEDDINGS, "DIVERSITY")) == farthest(held.embeddings, 60)

    def test_diversity_covers_as_well_as_the_exact_greedy_method_where_rows_nearly_tie(self):
        rows = unit(np.random.default_rng(3).normal(size=(3000, 64)))
        picked = self.picks(SelectionPool(embeddings=rows), 300, rule(EMBEDDINGS, "DIVERSITY"))
        assert radius(rows, picked) <= 1.005 * radius(rows, farthest(rows, 300))

    def test_new_picks_are_far_from_those_picked_before_which_are_not_returned(self):
        held = pool(preselected=[7, 12, 100])
        expected = farthest(held.embeddings, 43, first=[7, 12, 100])[3:]
        assert self.picks(held, 40, rule(EMBEDDINGS, "DIVERSITY")) == expected

    def test_what_was_picked_before_counts_in_every_objective(self):
        held = pool(preselected=[7, 12, 100])
        rules = [rule(EMBEDDINGS, "DIVERSITY"), rule(metadata("sharpness"), "WEIGHTS")]
        factors = spreads(held.embeddings, 1.0), sums(held.metadata["sharpness"], 1.0)
        expected = product(43, *factors, first=[7, 12, 100])[3:]
        assert self.picks(held, 40, *rules) == expected

    def test_a_row_picked_before_may_be_named_twice(self):
        twice = self.picks(pool(preselected=[7, 7, 12]), 20, rule(EMBEDDINGS, "DIVERSITY"))
        assert twice == self.picks(pool(preselected=[7, 12]), 20, rule(EMBEDDINGS, "DIVERSITY"))
        assert len(set(twice) - {7, 12}) == 20

    def test_a_minimum_distance_ends_the_picking(self):
        held = pool()
        far = rule(EMBEDDINGS, "DIVERSITY", stopping_condition_minimum_distance=1.0)
        result = self.select(held, 300, far)
        chosen = held.embeddings[result.indices]
        apart = np.linalg.norm(chosen[:, None] - chosen[None], axis=2)[
            ~np.eye(len(chosen), dtype=bool)
        ]
        assert apart.min() >= 1.0
        assert radius(held.embeddings, result.indices.tolist()) < 1.0
        assert result.stopped_by == "minimum_distance"

    def test_weights_pick_the_largest(self):
        held = pool()
        expected = np.argsort(-held.metadata["sharpness"], kind="stable")[:100].tolist()
        assert sorted(self.picks(held, 100, rule(metadata("sharpness"), "WEIGHTS"))) == sorted(
            expected
        )

    def test_a_negative_strength_picks_the_smallest(self):
        held = pool()
        expected = np.argsort(held.metadata["sharpness"], kind="stable")[:50].tolist()
        negative = rule(metadata("sharpness"), "WEIGHTS", strength=-1.0)
        assert sorted(self.picks(held, 50, negative)) == sorted(expected)

    @pytest.mark.parametrize(("one", "two"), [(1.0, 1.0), (3.0, 0.5), (-1.0, 2.0)])
    def test_two_weights_are_multiplied_each_to_the_power_of_its_strength(self, one, two):
        held = pool()
        first, second = held.metadata["sharpness"], held.scores["detector"]["uncertainty"]
        rules = [
            rule(metadata("sharpness"), "WEIGHTS", strength=one),
            rule(
                {"type": "SCORES", "task": "detector", "score": "uncertainty"},
                "WEIGHTS",
                strength=two,
            ),
        ]
        expected = product(40, sums(first, one), sums(second, two))
        assert self.picks(held, 40, *rules) == expected
        assert self.picks(held, 40, *reversed(rules)) == expected

    @pytest.mark.parametrize(("spread", "weight"), [(1.0, 1.0), (2.0, 0.3), (-0.5, 1.0)])
    def test_diversity_and_weights_are_multiplied(self, spread, weight):
        held = pool()
        expected = product(
            60, spreads(held.embeddings, spread), sums(held.metadata["sharpness"], weight)
        )
        rules = [
            rule(EMBEDDINGS, "DIVERSITY", strength=spread),
            rule(metadata("sharpness"), "WEIGHTS", strength=weight),
        ]
        assert self.picks(held, 60, *rules) == expected

    def test_similarity_picks_what_is_nearest_to_a_query(self):
        held = pool()
        distance = np.linalg.norm(held.embeddings[:, None] - held.queries["wanted"][None], axis=2)
        expected = np.argsort(distance.min(axis=1))[:30].tolist()
        assert self.picks(held, 30, rule(SIMILAR, "SIMILARITY")) == expected

    def test_typicality_picks_what_has_the_nearest_neighbours(self):
        rows = unit(
            np.repeat(np.eye(4), [2, 40, 3, 5], axis=0)
            + np.random.default_rng(1).normal(size=(50, 4)) * 0.2
        )
        typical = rule(EMBEDDINGS, "TYPICALITY", num_nearest_neighbors=5)
        picked = self.picks(SelectionPool(embeddings=rows), 5, typical)
        assert all(2 <= each < 42 for each in picked)
        assert picked == np.argsort(-typicality(rows, 5), kind="stable")[:5].tolist()

    def test_diversity_similarity_and_typicality_go_together(self):
        held = pool(5)
        rules = [
            rule(EMBEDDINGS, "DIVERSITY"),
            rule(SIMILAR, "SIMILARITY", strength=0.5),
            rule(EMBEDDINGS, "TYPICALITY", num_nearest_neighbors=4, strength=0.7),
        ]
        distance = np.linalg.norm(
            held.embeddings[:, None] - held.queries["wanted"][None], axis=2
        ).min(axis=1)
        expected = product(
            40,
            spreads(held.embeddings, 1.0),
            sums(np.exp(-distance / distance.mean()), 0.5),
            sums(typicality(held.embeddings, 4), 0.7),
        )
        picked = self.picks(held, 40, *rules)
        assert picked[:20] == expected[:20]
        assert len(set(picked) & set(expected)) >= 38

    @pytest.mark.parametrize(
        "target", [{"sun": 0.2, "rain": 0.4, "snow": 0.4}, {"snow": 0.5, "rain": 0.25}]
    )
    def test_balance_meets_its_target_which_others_share_the_rest_of(self, target):
        held = pool(metadata={"weather": np.repeat(["sun", "rain", "snow"], [150, 80, 70])})
        picked = self.picks(held, 100, rule(metadata("weather"), "BALANCE", target=target))
        counts = {
            name: int((held.metadata["weather"][picked] == name).sum())
            for name in ("sun", "rain", "snow")
        }
        for name, ratio in {"sun": 1 - sum(target.values()), **target}.items():
            assert abs(counts[name] - 100 * ratio) <= 1

    @pytest.mark.parametrize("distribution", ["UNIFORM", "INPUT"])
    def test_balance_follows_a_distribution(self, distribution):
        weather = np.repeat(["sun", "rain", "snow"], [180, 60, 60])
        held = SelectionPool(metadata={"weather": weather})
        picked = self.picks(
            held, 60, rule(metadata("weather"), "BALANCE", distribution=distribution)
        )
        expected = (20, 20, 20) if distribution == "UNIFORM" else (36, 12, 12)
        found = [int((weather[picked] == name).sum()) for name in ("sun", "rain", "snow")]
        assert np.abs(np.subtract(found, expected)).max() <= 1

    def test_balance_of_predictions_and_diversity_go_together(self):
        held = pool(2)
        share = held.predictions["detector"].counts
        share = share / np.maximum(1, share.sum(axis=1, keepdims=True))
        classes = {"type": "PREDICTIONS", "task": "detector", "name": "CLASS_DISTRIBUTION"}
        rules = [
            rule(EMBEDDINGS, "DIVERSITY"),
            rule(classes, "BALANCE", target={"car": 0.7, "bus": 0.3}),
        ]
        expected = product(50, spreads(held.embeddings, 1.0), balance(share, [0.7, 0.3], 1.0))
        assert self.picks(held, 50, *rules) == expected

    def test_objects_can_be_diverse_similar_and_typical_too(self):
        held = pool(4)
        objects = {"type": "EMBEDDINGS", "task": "detector"}
        for each in (
            rule(objects, "DIVERSITY"),
            rule(objects, "TYPICALITY", num_nearest_neighbors=3),
        ):
            picked = self.picks(held, 50, each)
            assert len(set(picked)) == 50
        found = held.objects["detector"]
        spread = object_spread(found.vectors, found.row, 50)
        assert self.picks(held, 50, rule(objects, "DIVERSITY")) == spread

    def test_thresholds_go_first(self):
        held = pool()
        wanted = rule(metadata("sharpness"), "THRESHOLD", threshold=5.0, operation="BIGGER")
        result = self.select(held, 30, rule(EMBEDDINGS, "DIVERSITY"), wanted)
        sharp = np.flatnonzero(held.metadata["sharpness"] > 5)
        expected = sharp[farthest(held.embeddings[sharp], 30)]
        assert result.indices.tolist() == expected.tolist()
        assert (
            result.thresholds[0].removed.tolist()
            == np.flatnonzero(held.metadata["sharpness"] <= 5).tolist()
        )

    def test_random_is_the_same_for_the_same_seed_and_another_for_another(self):
        held = pool()
        chance = [
            self.picks(held, 30, rule({"type": "RANDOM", "random_seed": seed}, "WEIGHTS"))
            for seed in (1, 1, 2)
        ]
        assert chance[0] == chance[1] != chance[2]

    def test_more_than_there_are_gives_each_row_once(self):
        result = self.select(pool(), 1000, rule(EMBEDDINGS, "DIVERSITY"))
        assert sorted(result.indices.tolist()) == list(range(ROWS))
        assert result.stopped_by == "pool_empty"

    def test_rows_that_are_all_alike_are_picked_each_once(self):
        rows = np.tile(np.float32([0.6, 0.8]), (10, 1))
        picked = self.picks(SelectionPool(embeddings=rows), 5, rule(EMBEDDINGS, "DIVERSITY"))
        assert len(set(picked)) == 5

    def test_a_single_row_is_picked(self):
        one = SelectionPool(embeddings=np.float32([[0.6, 0.8]]))
        assert self.picks(one, 1, rule(EMBEDDINGS, "DIVERSITY")) == [0]


def farthest(rows: np.ndarray, n: int, first: list[int] | None = None) -> list[int]:
    order = list(first or [0])
    nearest = (rows @ rows[order].T).max(axis=1)
    while len(order) < n:
        nearest[order] = np.inf
        order.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, rows @ rows[order[-1]])
    return order


def radius(rows: np.ndarray, picked: list[int]) -> float:
    return float(np.sqrt(max(0.0, 2 - 2 * (rows @ rows[picked].T).max(axis=1).min())))


def typicality(rows: np.ndarray, few: int) -> np.ndarray:
    distance = np.linalg.norm(rows[:, None].astype(float) - rows[None], axis=2)
    nearest = np.sort(distance, axis=1)[:, 1 : few + 1]
    return np.exp(-nearest / nearest.mean()).mean(axis=1)


def product(n: int, *factors: Any, first: list[int] | None = None) -> list[int]:
    """The greedy maximum of a product; a factor gives each row's logarithm after some picks."""
    picked = list(first or [])
    while len(picked) < n:
        gain = sum(factor(picked) for factor in factors)
        gain[picked] = -np.inf
        picked.append(int(gain.argmax()))
    return picked


def sums(values: np.ndarray, strength: float) -> Any:
    return lambda picked: strength * np.log(values[picked].sum() + values)


def spreads(rows: np.ndarray, strength: float) -> Any:
    square = np.maximum(0, 2 - 2 * rows.astype(float) @ rows.T.astype(float))

    def factor(picked: list[int]) -> np.ndarray:
        if not picked:
            return np.zeros(len(rows))
        among = square[np.ix_(picked, picked)] + 9 * np.eye(len(picked))
        held = among.min(axis=1).sum() if len(picked) > 1 else 0.0
        return strength * np.log(np.maximum(1e-12, held + square[:, picked].min(axis=1)))

    return factor


def balance(share: np.ndarray, target: list[float], strength: float) -> Any:
    def factor(picked: list[int]) -> np.ndarray:
        held = share[picked].sum(axis=0) + share
        held = held / np.maximum(1e-12, held.sum(axis=1, keepdims=True))
        return -strength * np.log(-(np.log(np.maximum(held, 1e-10)) @ np.asarray(target)))

    return factor


def object_spread(objects: np.ndarray, owner: np.ndarray, n: int) -> list[int]:
    """Rows by the mean squared distance of their objects to those of the rows before."""
    square = np.maximum(0, 2 - 2 * objects.astype(float) @ objects.T.astype(float))
    nearest, picked = np.full(len(objects), 4.0), []
    counts = np.bincount(owner, minlength=ROWS)
    while len(picked) < n:
        mean = np.bincount(owner, nearest, minlength=ROWS) / np.maximum(1, counts)
        mean[picked] = -1
        picked.append(int(mean.argmax()))
        for each in np.flatnonzero(owner == picked[-1]):
            nearest = np.minimum(nearest, square[each])
    return picked
