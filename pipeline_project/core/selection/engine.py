"""The selection engine: rules in, picked rows out. Deterministic.

THRESHOLD rules take rows out first. Of the rest one row at a time is picked, the one that makes
the product of all objectives, each to the power of its strength, the largest; the order of the
rules does not matter. What the objectives are stands in `objectives.py`.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pipeline_project.core.selection.columns import numbers, rows_of
from pipeline_project.core.selection.config import SelectionConfig, SelectionRule
from pipeline_project.core.selection.diversity import Diversity
from pipeline_project.core.selection.farthest import FarthestFirst
from pipeline_project.core.selection.greedy import pick_greedily, pick_ranked
from pipeline_project.core.selection.limits import Limits
from pipeline_project.core.selection.mundig import pick_by_mundig
from pipeline_project.core.selection.objectives import Objective, Rows, Sum
from pipeline_project.core.selection.pool import (
    EngineName,
    PickedRow,
    SelectionPool,
    SelectionResult,
    StoppedBy,
    Threshold,
)
from pipeline_project.core.selection.rules import Ground, bind, doubt
from pipeline_project.core.selection.two_levels import fits, shortlist
from pipeline_project.core.selection.vectors import Vectors, check_shape, unit_rows
from pipeline_project.errors import ConfigError

_FARTHEST = 2.0  # rows of unit length are never farther apart
Progress = Callable[[int, int], None]
_OPERATIONS: dict[str, Callable[[npt.NDArray, float], npt.NDArray[np.bool_]]] = {
    "SMALLER": np.less,
    "SMALLER_EQUAL": np.less_equal,
    "BIGGER": np.greater,
    "BIGGER_EQUAL": np.greater_equal,
}


def run_selection(
    pool: SelectionPool,
    config: SelectionConfig,
    *,
    n: int | None = None,
    engine: EngineName = "own",
    seed: int = 0,
    memory_mb: int | None = None,
    progress: Progress | None = None,
) -> SelectionResult:
    """Pick rows of a pool by the rules of a configuration.

    Args:
        pool: candidates, and what was picked before.
        config: the rules.
        n: how many to pick, forced rows included; None means what the configuration says, a
            share being one of the rows not picked before.
        engine: `own`, or Lightly's `mundig` for comparison.
        seed: for RANDOM inputs without a seed of their own.
        memory_mb: most memory that embeddings may take. Above, DIVERSITY alone is picked in two
            levels, and its coverage is no more exact. None: no bound.
        progress: called with picks made and wanted, now and then.

    Returns:
        No row twice, and never more than there are.

    Raises:
        ConfigError: the pool lacks what a rule looks at, or holds what cannot be compared.
    """
    rows = rows_of(pool)
    before = _row_numbers(pool.preselected, rows, "preselected")
    earlier = set(before)
    forced = [r for r in _row_numbers(pool.forced, rows, "forced") if r not in earlier]
    wanted = n
    if wanted is None:
        wanted = config.n_samples or config.samples_of(rows - len(before))
    if wanted < 0:
        raise ConfigError(f"Selecting: the number of samples must be 0 or more; seen {n}.")
    thresholds, candidate = _thresholds(pool, config, rows, seed)
    candidate[before] = False
    candidate[forced] = True
    exact, farthest = True, 0.0
    if pool.embeddings is not None and config.needs().embeddings:
        check_shape(pool.embeddings)
        exact = fits(int(candidate.sum()), pool.embeddings.shape[1], memory_mb)
    _demand_room(config, pool, memory_mb)
    if memory_mb is not None and not exact and pool.embeddings is not None:
        _demand_spread(config, pool, memory_mb)
        short = shortlist(
            pool.embeddings, np.flatnonzero(candidate), before, wanted, memory_mb, progress
        )
        farthest = short.distance
        candidate[:] = False
        candidate[short.rows] = True
        candidate[forced] = True
    counts = candidate.copy()
    counts[before] = True
    if not counts.any():
        counts[0] = True  # nothing can be picked; the rules are bound and checked all the same
    selection = _Selection(
        pool, config, np.flatnonzero(counts), candidate[counts], wanted, seed, rows
    )
    place = np.cumsum(counts) - 1
    stopped = selection.run(
        place[before].tolist(), place[forced][:wanted].tolist(), engine, progress
    )
    picks = selection.picked
    bound = None
    if not exact and stopped != "constraints" and picks and picks[-1].distance is not None:
        bound = min(_FARTHEST, farthest + picks[-1].distance)
    return SelectionResult(picks, stopped, thresholds, engine, exact, bound)


def _demand_room(config: SelectionConfig, pool: SelectionPool, memory_mb: int | None) -> None:
    """Refuse objects that take more memory than allowed: there are no two levels for them."""
    for task in sorted(config.needs().objects & set(pool.objects)):
        vectors = np.asarray(pool.objects[task].vectors)
        if len(vectors) and not fits(len(vectors), vectors.shape[1], memory_mb):
            raise ConfigError(
                f"Selecting within {memory_mb} MB: the embeddings of {len(vectors)} objects of "
                f"{task} need more. Raise the bound, or predict fewer."
            )


def _demand_spread(config: SelectionConfig, pool: SelectionPool, memory_mb: int) -> None:
    """Refuse what cannot be picked in two levels."""
    others = [
        rule.words
        for rule in config.strategies
        if rule.strategy.type not in ("DIVERSITY", "THRESHOLD") or rule.strategy.power <= 0
    ]
    doubtful = pool.weights is not None and bool((np.asarray(pool.weights) != 1).any())
    if others or doubtful:
        raise ConfigError(
            f"Selecting within {memory_mb} MB: the embeddings do not fit, and in two levels there "
            f"is DIVERSITY alone; seen {', '.join(others) or 'weights of doubtful rows'}. Raise "
            "the bound, or take that out."
        )


class _Selection:
    """One run: the rows that count, renumbered, and what has been picked of them."""

    def __init__(
        self,
        pool: SelectionPool,
        config: SelectionConfig,
        rows: Rows,
        candidate: npt.NDArray[np.bool_],
        wanted: int,
        seed: int,
        pool_rows: int,
    ) -> None:
        capacity = int((~candidate).sum()) + min(wanted, int(candidate.sum()))
        vectors = None
        if pool.embeddings is not None and config.needs().embeddings:
            whole = len(rows) == pool_rows
            vectors = unit_rows(pool.embeddings if whole else np.asarray(pool.embeddings)[rows])
        choosing = [each for each in config.strategies if not _is_threshold(each)]
        self._ground = Ground(
            pool,
            pool_rows,
            rows,
            vectors,
            candidate,
            max(1, capacity),
            wanted,
            seed,
            balance_alone=all(each.strategy.type == "BALANCE" for each in choosing),
        )
        self.picked: list[PickedRow] = []
        self._rules = [bind(each, self._ground) for each in choosing]
        if pool.weights is not None and (np.asarray(pool.weights) != 1).any():
            self._rules.append(doubt(np.asarray(pool.weights, np.float64)[rows]))
        self._limits = Limits(pool.constraints, pool_rows)
        self._place = np.full(pool_rows, -1, np.intp)
        self._place[rows] = np.arange(len(rows))

    def run(
        self,
        before: Sequence[int],
        forced: Sequence[int],
        engine: EngineName,
        progress: Progress | None,
    ) -> StoppedBy:
        """Pick; all rows by their number among those that count."""
        if engine == "mundig":
            return self._by_mundig(before, forced)
        vectors = self._ground.vectors
        if vectors is not None and self._rules and all(rule.spread for rule in self._rules):
            return self._farthest(vectors, before, forced, progress)
        return self._product(before, forced, progress)

    def _farthest(
        self,
        vectors: Vectors,
        before: Sequence[int],
        forced: Sequence[int],
        progress: Progress | None,
    ) -> StoppedBy:
        """DIVERSITY alone: its strength does not matter."""
        ground = self._ground
        state = FarthestFirst(vectors, ground.capacity)
        state.close(np.flatnonzero(~ground.candidate).tolist())
        state.see(before)
        for row in before:
            state.close(self._closed_by(row))
        for row in forced:
            self._note(row, state.add(row), None)
            state.close(self._closed_by(row))

        def on_pick(row: int, distance: float | None) -> Iterable[int]:
            self._note(row, distance, distance)
            return self._closed_by(row)

        left = ground.wanted - len(forced)
        least = max(rule.least_distance for rule in self._rules)
        ended = state.pick(left, on_pick, least_distance=least, progress=progress)
        return self._why_no_more() if ended == "no rows" else ended

    def _product(
        self, before: Sequence[int], forced: Sequence[int], progress: Progress | None
    ) -> StoppedBy:
        """Any rules together."""
        ground = self._ground
        objectives = [rule.objective() for rule in self._rules]
        closed: set[int] = set()
        for row in [*before, *forced]:
            closed.update(self._closed_by(row))
        for each in objectives:
            each.begin(before)
        for row in forced:
            self._note(row, _distance(objectives, row), None)
            for each in objectives:
                each.add(row)
        out = np.asarray([*closed, *before, *forced], np.intp)
        candidate = ground.candidate.copy()
        candidate[out] = False
        open_rows = np.flatnonzero(candidate)

        def on_pick(row: int, log_gain: float) -> Iterable[int]:
            self._note(row, _distance(objectives, row), float(np.exp(min(log_gain, 700.0))))
            return self._closed_by(row)

        left = ground.wanted - len(forced)
        ended: StoppedBy | None
        if len(objectives) == 1 and isinstance(objectives[0], Sum):
            ended = pick_ranked(objectives[0], open_rows, left, on_pick, progress)
        else:
            ended = pick_greedily(objectives, open_rows, len(ground.rows), left, on_pick, progress)
        return ended or self._why_no_more()

    def _by_mundig(self, before: Sequence[int], forced: Sequence[int]) -> StoppedBy:
        ground = self._ground
        if ground.pool.constraints is not None:
            raise ConfigError(
                "Selecting with the engine mundig: it does not have caps and gaps per source. "
                "Use the engine own."
            )
        candidate = ground.candidate.copy()
        candidate[list(forced)] = False
        left = ground.wanted - len(forced)
        chosen = pick_by_mundig(
            self._rules, len(ground.rows), [*before, *forced], np.flatnonzero(candidate), left
        )
        measure = None
        if any(rule.spread for rule in self._rules) and ground.vectors is not None:
            measure = Diversity(ground.vectors, 1.0, ground.capacity)
            for row in before:
                measure.add(row)
        for row in [*forced, *chosen]:
            self._note(row, measure.distance(row) if measure else None, None)
            if measure:
                measure.add(row)
        if len(chosen) == left:
            return "n_samples"
        crowded = any(rule.least_distance for rule in self._rules)
        return "minimum_distance" if crowded and len(chosen) < candidate.sum() else "pool_empty"

    def _closed_by(self, row: int) -> list[int]:
        """The rows that a pick closes, of those that count."""
        closed = self._limits.closed_by(int(self._ground.rows[row]))
        return [place for each in closed if (place := int(self._place[each])) >= 0]

    def _note(self, row: int, distance: float | None, gain: float | None) -> None:
        said = [text for rule in self._rules if (text := rule.describe(row))]
        if distance is not None:
            said.insert(0, f"{distance:.3f} away from the nearest pick before it")
        elif not said and not self.picked:
            said.append("picked first")
        self.picked.append(
            PickedRow(
                index=int(self._ground.rows[row]),
                rank=len(self.picked) + 1,
                distance=distance,
                gain=gain,
                reason="; ".join(said),
            )
        )

    def _why_no_more(self) -> StoppedBy:
        taken = len(self.picked)
        left_over = int(self._ground.candidate.sum()) > taken
        return "constraints" if left_over else "pool_empty"


def _distance(objectives: Sequence[Objective], row: int) -> float | None:
    spread = next((each for each in objectives if isinstance(each, Diversity)), None)
    return spread.distance(row) if spread is not None else None


def _is_threshold(rule: SelectionRule) -> bool:
    return rule.strategy.type == "THRESHOLD"


def _thresholds(
    pool: SelectionPool, config: SelectionConfig, rows: int, seed: int
) -> tuple[tuple[Threshold, ...], npt.NDArray[np.bool_]]:
    """What each THRESHOLD takes out, and the rows that pass all; NaN passes none."""
    fits = np.ones(rows, bool)
    found: list[Threshold] = []
    for rule in config.strategies:
        if not _is_threshold(rule):
            continue
        values = numbers(pool, rule, rows, seed)
        passes = _OPERATIONS[str(rule.strategy.operation)](
            values, float(rule.strategy.threshold or 0)
        )
        found.append(Threshold(rule.words, np.flatnonzero(~passes), values))
        fits &= passes
    return tuple(found), fits


def _row_numbers(given: Sequence[int] | Rows, rows: int, what: str) -> list[int]:
    """Row numbers, each once, in their order.

    Raises:
        ConfigError: there is no such row.
    """
    wanted = list(dict.fromkeys(int(each) for each in given))
    wrong = [each for each in wanted if not 0 <= each < rows]
    if wrong:
        raise ConfigError(
            f"Selecting: {what} names row {wrong[0]}, of a pool with rows 0 to {rows - 1}."
        )
    return wanted
