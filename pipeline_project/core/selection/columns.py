"""What a rule looks at, as arrays: numbers, or how much of each class a row holds."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pipeline_project.core.selection.config import SelectionInput, SelectionRule
from pipeline_project.core.selection.pool import Predictions, SelectionPool
from pipeline_project.errors import ConfigError

Numbers = npt.NDArray[np.float64]
_T = TypeVar("_T")
_SHOWN = 12  # names listed in an error


@dataclass(frozen=True, slots=True)
class Classes:
    """How much of each class every row holds: shape (n, c), rows of zeros hold none."""

    names: tuple[str, ...]
    share: Numbers


def rows_of(pool: SelectionPool) -> int:
    """How many rows a pool has, the same for every column.

    Raises:
        ConfigError: it has none, nothing to select by, or columns of different lengths.
    """
    lengths: dict[str, int] = {}
    if pool.embeddings is not None:
        lengths["embeddings"] = len(pool.embeddings)
    lengths |= {f"metadata {key}": len(column) for key, column in pool.metadata.items()}
    for task, scores in pool.scores.items():
        lengths |= {f"score {task} {name}": len(column) for name, column in scores.items()}
    for task, each in pool.predictions.items():
        for matrix in (each.distribution, each.counts):
            if matrix is not None:
                lengths[f"predictions {task}"] = len(matrix)
    if pool.weights is not None:
        lengths["weights"] = len(pool.weights)
    if pool.constraints is not None:
        lengths["constraints"] = len(pool.constraints.group)
    if not lengths or max(lengths.values()) == 0:
        raise ConfigError(
            "Selecting: the pool is empty. There is nothing to pick from; check the input."
        )
    if len(set(lengths.values())) > 1:
        seen = ", ".join(f"{what} {count}" for what, count in lengths.items())
        raise ConfigError(f"Selecting: the pool's columns differ in their number of rows: {seen}.")
    return next(iter(lengths.values()))


def numbers(pool: SelectionPool, rule: SelectionRule, rows: int, seed: int) -> Numbers:
    """The numbers that a WEIGHTS or THRESHOLD rule looks at; NaN where there is none.

    Raises:
        ConfigError: there is no such key, task, score or category, or it holds no numbers.
    """
    source = rule.input
    if source.type == "RANDOM":
        own = seed if source.random_seed is None else source.random_seed
        return np.random.default_rng(abs(own)).random(rows)
    if source.type == "PREDICTIONS":
        return _counted(pool, source)
    if source.type == "SCORES":
        scores = _looked_up(dict(pool.scores), source.task, "input.task", "task with scores")
        column = _looked_up(dict(scores), source.score, "input.score", f"score of {source.task}")
    else:
        column = _looked_up(dict(pool.metadata), source.key, "input.key", "metadata key")
    what = rule.words
    column = np.asarray(column)
    if column.dtype.kind not in "biuf":
        try:
            column = np.asarray([np.nan if e is None else e for e in column], np.float64)
        except (TypeError, ValueError):
            seen = next((e for e in column.tolist() if isinstance(e, str)), column[0])
            raise ConfigError(
                f"Selecting, {what}: {rule.strategy.type} needs numbers; seen {seen!r}. "
                "Use BALANCE for text."
            ) from None
    values = column.astype(np.float64)
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise ConfigError(f"Selecting, {what}: row {row} is infinite. Give a finite number.")
    return values


def classes(pool: SelectionPool, rule: SelectionRule) -> Classes:
    """How much of each class a BALANCE rule sees in every row.

    Raises:
        ConfigError: there is no such key or task, or it holds numbers that are no categories.
    """
    source = rule.input
    if source.type == "PREDICTIONS":
        predicted = _looked_up(
            dict(pool.predictions), source.task, "input.task", "task with predictions"
        )
        return Classes(predicted.classes, _distribution(predicted, rule.words))
    column = np.asarray(
        _looked_up(dict(pool.metadata), source.key, "input.key", "metadata key"), object
    )
    words = [_category(each, rule.words) for each in column]
    names = tuple(sorted({word for word in words if word}))
    place = {name: at for at, name in enumerate(names)}
    share = np.zeros((len(words), len(names)))
    for row, word in enumerate(words):
        if word:
            share[row, place[word]] = 1.0
    return Classes(names, share)


def _category(value: object, what: str) -> str:
    """A category as targets name it: `true` and `false` for bools; "" for none."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and not float(value).is_integer():
        raise ConfigError(
            f"Selecting, {what}: BALANCE needs categories; seen the number {value!r}. Use WEIGHTS "
            "or THRESHOLD for numbers."
        )
    return str(int(value)) if isinstance(value, float | np.floating) else str(value)


def _counted(pool: SelectionPool, source: SelectionInput) -> Numbers:
    predicted: Predictions = _looked_up(
        dict(pool.predictions), source.task, "input.task", "task with predictions"
    )
    if predicted.counts is None:
        raise ConfigError(
            f"Selecting: input.name CATEGORY_COUNT of task {source.task}: its predictions have no "
            "counts of objects. Use CLASS_DISTRIBUTION."
        )
    counts = np.asarray(predicted.counts, np.float64)
    _demand_shares(counts, f"task {source.task}")
    if source.categories is None:
        return np.asarray(counts.sum(axis=1), np.float64)
    places = {name: at for at, name in enumerate(predicted.classes)}
    wanted = [
        _looked_up(places, name, "input.categories", f"category of {source.task}")
        for name in source.categories
    ]
    return np.asarray(counts[:, wanted].sum(axis=1), np.float64)


def _distribution(predicted: Predictions, what: str) -> Numbers:
    given = predicted.distribution if predicted.distribution is not None else predicted.counts
    if given is None or np.shape(given)[1:] != (len(predicted.classes),):
        raise ConfigError(
            f"Selecting, {what}: expected one column per class, {len(predicted.classes)}; seen "
            f"shape {np.shape(given) if given is not None else 'nothing'}."
        )
    share = np.asarray(given, np.float64)
    _demand_shares(share, what)
    if predicted.distribution is None:
        total = share.sum(axis=1, keepdims=True)
        share = np.divide(share, total, out=np.zeros_like(share), where=total > 0)
    return share


def _demand_shares(matrix: Numbers, what: str) -> None:
    if not np.isfinite(matrix).all() or (matrix < 0).any():
        raise ConfigError(f"Selecting, {what}: predictions must be finite and not below 0.")


def _looked_up(known: dict[str, _T], name: str | None, field: str, kind: str) -> _T:
    if name is None or name not in known:
        listed = ", ".join(sorted(known)[:_SHOWN]) or "none"
        more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
        raise ConfigError(
            f"Selecting: {field}: there is no {kind} {name!r}; known: {listed}{more}."
        )
    return known[name]
