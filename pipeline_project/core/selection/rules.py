"""A configuration's rules, bound to the rows of one pool."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline_project.core.selection.columns import Classes, classes, numbers
from pipeline_project.core.selection.config import SelectionRule
from pipeline_project.core.selection.diversity import Diversity, ObjectDiversity
from pipeline_project.core.selection.likeness import similarity, typicality
from pipeline_project.core.selection.objectives import (
    Balance,
    Numbers,
    Objective,
    Preference,
    Rows,
    Sum,
    TargetSum,
)
from pipeline_project.core.selection.pool import ObjectEmbeddings, SelectionPool
from pipeline_project.core.selection.vectors import Vectors, same_space, unit_rows
from pipeline_project.errors import ConfigError

DEFAULT_NEIGHBOURS = 20
_DOUBT_POWER = 10.0  # a row of half the weight must be 1024 times as good otherwise


@dataclass(frozen=True, slots=True)
class Ground:
    """The rows that count: candidates that no threshold took out, and what was picked before.

    Attributes:
        pool: all rows.
        pool_rows: how many those are.
        rows: shape (n,), the pool's rows that count; everything bound is in this order.
        vectors: shape (n, dim), unit length; None without EMBEDDINGS.
        candidate: shape (n,), which of them may be picked.
        capacity: most rows that will ever be picked, those picked before included.
        wanted: how many are to be picked.
        seed: for RANDOM.
        balance_alone: whether nothing but BALANCE tells rows apart.
    """

    pool: SelectionPool
    pool_rows: int
    rows: Rows
    vectors: Vectors | None
    candidate: np.ndarray
    capacity: int
    wanted: int
    seed: int
    balance_alone: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One factor of the product.

    Attributes:
        words: the rule in one line.
        objective: makes it, with nothing picked.
        describe: what it says of one row, for reports; "" for nothing.
        add_to_mundig: adds it to a `lightly_mundig.Selection` of these rows.
        beyond_mundig: what of it mundig lacks; None for nothing.
        spread: whether it is the diversity of whole rows, by a positive power.
        least_distance: of DIVERSITY; 0 for none.
    """

    words: str
    objective: Callable[[], Objective]
    describe: Callable[[int], str]
    add_to_mundig: Callable[[Any, Rows], None]
    beyond_mundig: str | None = None
    spread: bool = False
    least_distance: float = 0.0


def bind(rule: SelectionRule, ground: Ground) -> Rule:
    """Bind one rule other than THRESHOLD.

    Raises:
        ConfigError: the pool lacks what the rule looks at.
    """
    kind = rule.strategy.type
    if kind == "WEIGHTS":
        values = numbers(ground.pool, rule, ground.pool_rows, ground.seed)
        return _weights(rule, values[ground.rows], ground)
    if kind == "BALANCE":
        return _balance(rule, classes(ground.pool, rule), ground)
    if rule.input.task is not None:
        return _of_objects(rule, ground)
    vectors = _vectors(ground)
    if kind == "DIVERSITY":
        return _diversity(rule, vectors, ground)
    if kind == "SIMILARITY":
        queries = _queries(rule, ground, vectors.shape[1])
        return _valued(rule, similarity(vectors, queries), None)
    few = rule.strategy.num_nearest_neighbors or DEFAULT_NEIGHBOURS
    return _valued(rule, typicality(vectors, few), None)


def doubt(weights: Numbers) -> Rule:
    """The rule that leaves doubtful rows for last."""
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ConfigError("Selecting: the weights of doubtful rows must be finite, 0 or more.")
    return Rule(
        words="doubtful rows last",
        objective=lambda: Preference(weights, _DOUBT_POWER),
        describe=lambda row: "doubtful" if weights[row] < 1 else "",
        add_to_mundig=lambda selection, known: selection.add_weighting_strategy(
            weights[known].astype(np.float32), _DOUBT_POWER
        ),
    )


def _weights(rule: SelectionRule, values: Numbers, ground: Ground) -> Rule:
    wanted = rule.strategy.target_range
    if wanted is None:
        return _valued(rule, values, None)
    return Rule(
        words=rule.words,
        objective=lambda: TargetSum(
            values, rule.strategy.power, ground.wanted, wanted.min_sum, wanted.max_sum
        ),
        describe=lambda row: _with_value(rule, values[row]),
        add_to_mundig=lambda selection, known: None,
        beyond_mundig="target_range",
    )


def _with_value(rule: SelectionRule, value: float) -> str:
    return f"{rule.words} (no value)" if np.isnan(value) else f"{rule.words} {value:.4g}"


def _valued(rule: SelectionRule, values: Numbers, added: Numbers | None) -> Rule:
    """WEIGHTS, SIMILARITY or TYPICALITY, once each row has its number."""
    strategy = rule.strategy

    def objective() -> Sum:
        return Sum(
            values,
            strategy.power,
            added=added,
            max_sum=strategy.stopping_condition_max_sum,
            least=strategy.stopping_condition_minimum_typicality,
        )

    stops = {
        "stopping_condition_max_sum": strategy.stopping_condition_max_sum,
        "stopping_condition_minimum_typicality": strategy.stopping_condition_minimum_typicality,
    }
    return Rule(
        words=rule.words,
        objective=objective,
        describe=lambda row: _with_value(rule, values[row]),
        add_to_mundig=lambda selection, known: selection.add_weighting_strategy(
            objective().values[known].astype(np.float32), strategy.power
        ),
        beyond_mundig=next((name for name, value in stops.items() if value is not None), None),
    )


def _balance(rule: SelectionRule, found: Classes, ground: Ground) -> Rule:
    strategy = rule.strategy
    found = Classes(found.names, found.share[ground.rows])
    target = dict(strategy.target or {})
    held = found.share[ground.candidate]
    if strategy.distribution == "UNIFORM":
        present = [name for at, name in enumerate(found.names) if held[:, at].any()]
        target = dict.fromkeys(present, 1.0 / max(1, len(present)))
    elif strategy.distribution == "INPUT":
        total = held.sum()
        target = {
            name: float(held[:, at].sum() / total) if total else 0.0
            for at, name in enumerate(found.names)
        }
    unknown = [name for name in target if name not in found.names]
    if unknown and rule.input.type == "PREDICTIONS":
        raise ConfigError(
            f"Selecting, {rule.words}: target names {unknown[0]!r}, which is no class of the "
            f"task; its classes: {', '.join(found.names)}."
        )
    if unknown and len(unknown) == len(target):
        raise ConfigError(
            f"Selecting, {rule.words}: no row has any of the target's classes; seen "
            f"{', '.join(found.names[:12]) or 'no value at all'}."
        )

    def describe(row: int) -> str:
        share = found.share[row]
        return f"{rule.words} {found.names[int(share.argmax())] if share.any() else '(no class)'}"

    def add_to_mundig(selection: Any, known: Rows) -> None:
        share, ratios = Balance.columns(found, target, last=ground.balance_alone)
        selection.add_balancing_strategy(share[known].tolist(), ratios.tolist(), strategy.power)

    return Rule(
        words=rule.words,
        objective=lambda: Balance(found, target, strategy.power, last=ground.balance_alone),
        describe=describe,
        add_to_mundig=add_to_mundig,
    )


def _diversity(rule: SelectionRule, vectors: Vectors, ground: Ground) -> Rule:
    strategy = rule.strategy
    least = strategy.stopping_condition_minimum_distance or 0.0
    return Rule(
        words=rule.words,
        objective=lambda: Diversity(vectors, strategy.power, ground.capacity, least),
        describe=lambda row: "",
        add_to_mundig=lambda selection, known: selection.add_diversifying_strategy(
            vectors[known],
            strategy.power,
            stopping_condition_minimum_distance=least or None,
        ),
        spread=strategy.power > 0,
        least_distance=least,
    )


def _of_objects(rule: SelectionRule, ground: Ground) -> Rule:
    """DIVERSITY, SIMILARITY or TYPICALITY of the objects that rows hold."""
    strategy, task = rule.strategy, str(rule.input.task)
    found = _objects(rule, ground)
    vectors = np.empty((0, 1), np.float32)
    if len(found.vectors):
        vectors = unit_rows(found.vectors, f"object embeddings of {task}")
    order = np.argsort(found.row, kind="stable")
    count = np.bincount(found.row, minlength=len(ground.rows))
    parts = [part.tolist() for part in np.split(order, np.cumsum(count)[:-1])]
    beyond = None if len(vectors) else "a choice among rows without objects"
    if strategy.type == "DIVERSITY":
        least = strategy.stopping_condition_minimum_distance or 0.0
        return Rule(
            words=rule.words,
            objective=lambda: ObjectDiversity(
                vectors, found.row, len(ground.rows), strategy.power, least
            ),
            describe=lambda row: f"{rule.words}: {count[row]} objects",
            add_to_mundig=lambda selection, known: selection.add_subpart_diversifying_strategy(
                vectors,
                [parts[row] for row in known.tolist()],
                strategy.power,
                stopping_condition_minimum_distance=least or None,
            ),
            beyond_mundig=beyond,
        )
    values = np.zeros(len(parts))
    added = np.zeros(len(parts))
    if not len(vectors):
        pass  # every row is worth 0
    elif strategy.type == "SIMILARITY":
        likeness = similarity(vectors, _queries(rule, ground, vectors.shape[1]))
        np.maximum.at(values, found.row, likeness)
        np.add.at(added, found.row, likeness)
    else:
        few = strategy.num_nearest_neighbors or DEFAULT_NEIGHBOURS
        np.add.at(added, found.row, typicality(vectors, few))
        values = added / np.maximum(1, count)
    return _valued(rule, values, added)


def _objects(rule: SelectionRule, ground: Ground) -> ObjectEmbeddings:
    """A task's objects, of the rows that count, numbered as those."""
    known = ground.pool.objects
    task = str(rule.input.task)
    if task not in known:
        raise ConfigError(
            f"Selecting: input.task: there are no embeddings of the objects of {task!r}; known: "
            f"{', '.join(sorted(known)) or 'none'}. `pipeline curate` makes them; "
            "`pipeline select` has vectors of whole rows alone."
        )
    found = known[task]
    row = np.asarray(found.row, np.intp)
    if len(row) != len(found.vectors) or (
        len(row) and not 0 <= row.min() <= row.max() < ground.pool_rows
    ):
        raise ConfigError(f"Selecting: each object of {task} needs a row of the pool.")
    place = np.full(ground.pool_rows, -1, np.intp)
    place[ground.rows] = np.arange(len(ground.rows))
    here = place[row] >= 0
    return ObjectEmbeddings(np.asarray(found.vectors)[here], place[row][here])


def _vectors(ground: Ground) -> Vectors:
    if ground.vectors is None:
        raise ConfigError(
            "Selecting: a strategy looks at EMBEDDINGS, and the pool has none. Embed it first."
        )
    return ground.vectors


def _queries(rule: SelectionRule, ground: Ground, dim: int) -> Vectors:
    tag = str(rule.input.tag_name)
    known = ground.pool.queries
    if tag not in known:
        raise ConfigError(
            f"Selecting: input.tag_name: there are no embeddings of {tag!r} to be similar to; "
            f"known: {', '.join(sorted(known)) or 'none'}."
        )
    queries = unit_rows(known[tag], f"query embeddings of {tag}")
    same_space(dim, queries.shape[1], f"the queries of {tag} have")
    return queries
