"""Picks the most diverse rows of a matrix of embeddings, with `lightly-mundig`."""

from dataclasses import dataclass

import lightly_mundig
import numpy as np
import numpy.typing as npt

from pipeline_project.core.selection.config import SelectionConfig
from pipeline_project.errors import ConfigError

Vectors = npt.NDArray[np.float32]

# At 1, a row of weight 0 still beats one of weight 1 that is half as far away.
_WEIGHT_STRENGTH = 10.0


@dataclass(frozen=True, slots=True)
class PickedRow:
    """One picked row: its index, its rank from 1, and its distance from all picked before.

    `distance` is the L2 distance to the nearest earlier pick or preselected row, 0..2 for unit
    vectors; None for a first pick that nothing precedes.
    """

    index: int
    rank: int
    distance: float | None


def checked_vectors(vectors: npt.NDArray[np.floating]) -> Vectors:
    """Return float32 rows of unit length.

    Raises:
        ConfigError: not two-dimensional, empty, not finite, or a row without direction.
    """
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ConfigError(
            f"Embeddings must have shape (rows, dimensions), both at least 1; seen {vectors.shape}."
        )
    if not np.issubdtype(vectors.dtype, np.floating):
        raise ConfigError(f"Embeddings must be floating point numbers; seen {vectors.dtype}.")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise ConfigError(
            f"{len(bad)} embeddings hold NaN or infinity, first in row {bad[0]}. Take them out."
        )
    # By its largest value first: the square of a huge or tiny number is no float any more.
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    flat = np.flatnonzero(largest[:, 0] == 0)
    if len(flat):
        raise ConfigError(
            f"{len(flat)} embeddings are zero vectors, first in row {flat[0]}: they have no "
            "direction to compare. Take them out."
        )
    scaled = (vectors / largest).astype(np.float32)
    norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.ascontiguousarray(scaled / norms, np.float32)


def select(
    vectors: npt.NDArray[np.floating],
    config: SelectionConfig,
    *,
    pool: npt.NDArray[np.floating] | None = None,
    weights: npt.NDArray[np.floating] | None = None,
) -> list[PickedRow]:
    """Pick rows one by one, each as far as possible from those before. Deterministic.

    Args:
        vectors: shape (n, dim), the rows to pick from.
        config: how many, and how.
        pool: shape (m, dim), rows picked earlier that the new ones stay away from.
        weights: shape (n,), 0 to 1; 1 for a row like any other. A row of less weight is picked
            where no other comes near it in distance: mundig adds weight and distance, here with
            the weight ten times stronger.

    Returns:
        At most the configured number, in the order they were picked, no index twice.

    Raises:
        ConfigError: vectors or pool cannot be compared (see `checked_vectors`).
    """
    rows = checked_vectors(vectors)
    before = checked_vectors(pool) if pool is not None and len(pool) else rows[:0]
    if before.shape[1] != rows.shape[1]:
        raise ConfigError(
            f"The rows have {rows.shape[1]} dimensions, the pool has {before.shape[1]}: "
            "vectors of two embedding spaces cannot be compared."
        )
    wanted = min(config.samples_of(len(rows)), len(rows))
    everything = np.concatenate([before, rows])
    selection = lightly_mundig.Selection()
    for rule in config.strategies:
        selection.add_diversifying_strategy(
            everything,
            rule.strategy.power,
            stopping_condition_minimum_distance=rule.strategy.stopping_condition_minimum_distance,
        )
    if weights is not None:
        extended = np.concatenate([np.ones(len(before)), weights]).astype(np.float32)
        selection.add_weighting_strategy(extended, _WEIGHT_STRENGTH)
    order = selection.run_selection(list(range(len(before))), len(everything), len(before) + wanted)
    # The engine returns the preselected rows first, and repeats an index when it runs out.
    chosen = [index - len(before) for index in dict.fromkeys(order) if index >= len(before)]
    return _with_distances(rows, before, chosen)


def _with_distances(rows: Vectors, before: Vectors, chosen: list[int]) -> list[PickedRow]:
    """Measure each pick's distance to the nearest row picked before it."""
    picked: list[PickedRow] = []
    taken = np.concatenate([before, rows[chosen]])
    for rank, index in enumerate(chosen, start=1):
        earlier = taken[: len(before) + rank - 1]
        distance = None
        if len(earlier):
            cosine = float(np.max(earlier @ rows[index]))
            distance = float(np.sqrt(max(0.0, 2.0 - 2.0 * cosine)))
        picked.append(PickedRow(index=index, rank=rank, distance=distance))
    return picked
