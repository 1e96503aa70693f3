"""Which strategy fits which input, and which fields belong to which type.

Source: https://docs.lightly.ai/docs/input-and-strategy-combinations.
"""

from collections.abc import Mapping
from typing import Any

STRATEGIES_OF: Mapping[str, tuple[str, ...]] = {
    "EMBEDDINGS": ("DIVERSITY", "SIMILARITY", "TYPICALITY"),
    "SCORES": ("WEIGHTS", "THRESHOLD"),
    "METADATA": ("WEIGHTS", "THRESHOLD", "BALANCE"),
    "RANDOM": ("WEIGHTS", "THRESHOLD"),
    "CLASS_DISTRIBUTION": ("BALANCE",),
    "CATEGORY_COUNT": ("WEIGHTS", "THRESHOLD"),
}
INPUT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "EMBEDDINGS": ("task", "dataset_id", "tag_name"),
    "SCORES": ("task", "score"),
    "METADATA": ("key",),
    "PREDICTIONS": ("task", "name", "categories"),
    "RANDOM": ("random_seed",),
}
STRATEGY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "DIVERSITY": ("strength", "stopping_condition_minimum_distance"),
    "WEIGHTS": ("strength", "stopping_condition_max_sum", "target_range"),
    "THRESHOLD": ("threshold", "operation"),
    "BALANCE": ("strength", "target", "distribution"),
    "SIMILARITY": ("strength",),
    "TYPICALITY": ("strength", "num_nearest_neighbors", "stopping_condition_minimum_typicality"),
}
_NEEDED_INPUT = {
    "SCORES": ("task", "score"),
    "METADATA": ("key",),
    "PREDICTIONS": ("task", "name"),
}
_NEEDED_STRATEGY = {"THRESHOLD": ("threshold", "operation")}
_OPERATIONS = "operation is one of SMALLER, SMALLER_EQUAL, BIGGER, BIGGER_EQUAL"


def misfits(source: Mapping[str, Any], strategy: Mapping[str, Any]) -> list[str]:
    """What is wrong between an input and its strategy, each in one sentence; none if they fit.

    Args:
        source: the fields of `input` that are set, in snake_case, types already right.
        strategy: the fields of `strategy` that are set.
    """
    kind, how = source["type"], strategy["type"]
    problems = _fields("input", source, INPUT_FIELDS[kind], _NEEDED_INPUT.get(kind, ()))
    problems += _fields("strategy", strategy, STRATEGY_FIELDS[how], _NEEDED_STRATEGY.get(how, ()))
    if how == "THRESHOLD" and "operation" not in strategy:
        problems.append(_OPERATIONS)
    seen = source.get("name", kind)
    if seen in STRATEGIES_OF and how not in STRATEGIES_OF[seen]:
        fitting = [name for name, each in STRATEGIES_OF.items() if how in each]
        problems.append(
            f"strategy.type {how} does not fit input.type {_named(seen)}: it takes "
            f"{' or '.join(map(_named, fitting))}, and {_named(seen)} goes with "
            f"{', '.join(STRATEGIES_OF[seen])}"
        )
    if "categories" in source:
        problems += _categories(source)
    if how == "SIMILARITY" and "tag_name" not in source:
        problems.append("input.tag_name is missing: SIMILARITY needs the tag to be similar to")
    if how != "SIMILARITY" and kind == "EMBEDDINGS":
        problems += [
            f"input.{name} belongs to SIMILARITY alone; seen {source[name]!r} with {how}"
            for name in ("dataset_id", "tag_name")
            if name in source
        ]
    if how == "BALANCE":
        problems += _balance(strategy)
    return problems


def _fields(
    part: str, given: Mapping[str, Any], own: tuple[str, ...], needed: tuple[str, ...]
) -> list[str]:
    kind = given["type"]
    problems = [
        f"{part}.{name} is missing: {kind} needs it" for name in needed if name not in given
    ]
    for name, value in given.items():
        if name != "type" and name not in own:
            problems.append(
                f"{part}.{name} does not belong to {kind}; seen {value!r}, allowed: type"
                + "".join(f", {each}" for each in own)
            )
    return problems


def _categories(source: Mapping[str, Any]) -> list[str]:
    categories = source["categories"]
    if source.get("name") == "CLASS_DISTRIBUTION":
        return ["input.categories belongs to CATEGORY_COUNT, not to CLASS_DISTRIBUTION"]
    if len(set(categories)) < len(categories):
        return [f"input.categories names one twice; seen {categories!r}"]
    return []


def _balance(strategy: Mapping[str, Any]) -> list[str]:
    distribution, target = strategy.get("distribution"), strategy.get("target")
    if distribution in (None, "TARGET") and target is None:
        return [
            "strategy.target is missing: BALANCE needs the ratio of each class, or a "
            "strategy.distribution of UNIFORM or INPUT"
        ]
    if distribution in ("UNIFORM", "INPUT") and target is not None:
        return [f"strategy.target has no effect with distribution {distribution}; leave one out"]
    return []


def _named(kind: str) -> str:
    return f"PREDICTIONS with name {kind}" if kind.startswith("C") else kind
