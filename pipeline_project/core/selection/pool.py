"""What a selection picks from, and what comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.intp]
Column = npt.NDArray
StoppedBy = Literal[
    "n_samples",
    "minimum_distance",
    "minimum_typicality",
    "max_sum",
    "pool_empty",
    "constraints",
]
EngineName = Literal["own", "mundig"]
ENGINES: tuple[EngineName, ...] = ("own", "mundig")


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one task's model predicted, one row per pool row.

    Attributes:
        classes: c names, in the order of the columns.
        distribution: shape (n, c), how much of each class a row holds, rows summing to 1; rows
            of zeros hold nothing. None: made from `counts`.
        counts: shape (n, c), objects found per class. None: CATEGORY_COUNT is not known.
    """

    classes: tuple[str, ...]
    distribution: Floats | None = None
    counts: Floats | None = None


@dataclass(frozen=True, slots=True)
class ObjectEmbeddings:
    """Embeddings of the objects that one task found.

    Attributes:
        vectors: shape (m, dim), one row per object, of any length above 0.
        row: shape (m,), the pool row that each object belongs to.
    """

    vectors: Floats
    row: Rows


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a pick must keep to, whatever its objective; preselected rows count.

    Attributes:
        group: shape (n,), whole numbers, one per source; below 0: belongs to none.
        max_per_group: most picks of one group, preselected rows included. None: no bound.
        time_s: shape (n,), seconds within the group; NaN: no time, never too close.
        min_gap_s: least seconds between the end of a pick and the start of the next one of its
            group. None: no bound.
        end_s: shape (n,), where a row ends that lasts, as a sequence does. None: no row lasts.
        counts: shape (n,), whether a row counts for `max_per_group`. None: all do.
    """

    group: Rows
    max_per_group: int | None = None
    time_s: Floats | None = None
    min_gap_s: float | None = None
    end_s: Floats | None = None
    counts: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class SelectionPool:
    """All rows of one selection: candidates, and those that were picked before.

    A column's missing values: NaN in numbers, None or "" in text. A row without a value fails
    every THRESHOLD on it, has the least wanted weight of all, and is of no class.

    Attributes:
        embeddings: shape (n, dim), of any length above 0, in memory or memory-mapped.
        metadata: key -> numbers, text (`object` or `str`) or bool, n each.
        scores: task -> score -> numbers, n each.
        predictions: task -> what its model predicted.
        objects: task -> embeddings of its objects; for DIVERSITY, SIMILARITY and TYPICALITY with
            a `task`.
        queries: tag name -> shape (q, dim), what SIMILARITY compares with.
        weights: shape (n,), 0 to 1; 1 for a row like any other. A row of less is picked where
            hardly another is left. None: all 1.
        preselected: rows picked earlier. New picks take them into account; they do not count
            as picks, nor are they returned. Rows named twice count once.
        forced: rows that are picked first, in this order, past thresholds and constraints; they
            count as picks.
        constraints: caps and gaps. None: none.
    """

    embeddings: Floats | None = None
    metadata: Mapping[str, Column] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    predictions: Mapping[str, Predictions] = field(default_factory=dict)
    objects: Mapping[str, ObjectEmbeddings] = field(default_factory=dict)
    queries: Mapping[str, Floats] = field(default_factory=dict)
    weights: Floats | None = None
    preselected: Sequence[int] | Rows = ()
    forced: Sequence[int] | Rows = ()
    constraints: Constraints | None = None


@dataclass(frozen=True, slots=True)
class PickedRow:
    """One picked row.

    Attributes:
        index: its row in the pool.
        rank: its place in the order of picking, from 1.
        distance: L2 distance, 0 to 2, to the nearest row picked before it or preselected; None
            for a first pick, and where no strategy looked at embeddings.
        gain: what the product of all objectives came to when it was picked, up to a factor
            that all rows share; for DIVERSITY alone the distance. None: forced, or not known.
        reason: in words, for reports.
    """

    index: int
    rank: int
    distance: float | None
    gain: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one THRESHOLD rule took out.

    Attributes:
        rule: in words.
        removed: the rows that it alone would take out.
        values: shape (n,), what it looked at, of all rows; NaN where nothing is known.
    """

    rule: str
    removed: Rows
    values: Floats


@dataclass(frozen=True, slots=True)
class SelectionResult:
    """What was picked, and why no more.

    Attributes:
        picks: in order of rank, no row twice.
        stopped_by: what ended the picking.
        thresholds: one per THRESHOLD rule, in the order of the configuration.
        engine: which one picked.
        exact: False where the pool was too large for memory and was picked in two levels.
        coverage_bound: then: no candidate is farther than this from a pick. None: not known.
    """

    picks: list[PickedRow]
    stopped_by: StoppedBy
    thresholds: tuple[Threshold, ...] = ()
    engine: EngineName = "own"
    exact: bool = True
    coverage_bound: float | None = None

    @property
    def indices(self) -> Rows:
        """The picked rows, in order of picking."""
        return np.asarray([each.index for each in self.picks], np.intp)
