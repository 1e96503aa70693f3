"""Farthest-point selection of more rows than memory holds.

The rows are dealt into parts that fit, each like the whole. Of each part the farthest points are
kept, and of all kept rows together the farthest points are picked. Such kept rows are a core-set
that composes (Indyk et al. 2014, doi:10.1145/2594538.2594560): no row is farther from a pick than
the sum of the two levels' own distances.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline_project.core.selection.farthest import FarthestFirst
from pipeline_project.core.selection.vectors import check_shape, unit_rows
from pipeline_project.errors import ConfigError

Progress = Callable[[int, int], None]
_Rows = npt.NDArray[np.intp]
_COPIES = 2.5  # of a part held at once: the rows, the rows sorted, and what is made of them
_DEALT_ROWS = 1024  # so many at a time, so that a file is read in pieces of some size
_SPARE = 1.25  # so many times the picks must be kept, at least


@dataclass(frozen=True, slots=True)
class Shortlist:
    """What the first level kept.

    Attributes:
        rows: sorted row numbers.
        distance: no row is farther than this from one that was kept.
    """

    rows: _Rows
    distance: float


def fits(rows: int, dim: int, memory_mb: int | None) -> bool:
    """Whether so many rows can be picked from within a memory bound."""
    return memory_mb is None or rows <= _rows_within(dim, memory_mb)


def shortlist(
    vectors: npt.NDArray[np.floating],
    candidates: _Rows,
    before: Sequence[int],
    wanted: int,
    memory_mb: int,
    progress: Progress | None = None,
) -> Shortlist:
    """Keep the farthest points of each part of the candidates.

    Args:
        vectors: shape (n, dim), all rows, memory-mapped say.
        candidates: the rows to keep from.
        before: rows picked before: what is kept stays away from them.
        wanted: how many will be picked of what is kept.
        memory_mb: most memory that the embeddings of a part, and of all kept rows, may take.
        progress: called with rows kept and to keep.

    Raises:
        ConfigError: the bound is too small, or a vector cannot be compared.
    """
    check_shape(vectors)
    dim = vectors.shape[1]
    room = _rows_within(dim, memory_mb) - len(before) - wanted
    needed = math.ceil(_SPARE * wanted)
    if room < needed:
        least = math.ceil((needed + len(before) + wanted + 1) * dim * 4 * _COPIES / 1e6)
        raise ConfigError(
            f"Selecting within {memory_mb} MB: {wanted} picks of {dim} dimensions need at least "
            f"{least} MB. Raise the bound, or pick fewer."
        )
    parts = math.ceil(len(candidates) / room)
    keep = min(wanted, room // parts)
    dealt = np.arange(len(candidates)) // _DEALT_ROWS % parts
    kept: list[_Rows] = []
    farthest = 0.0
    earlier = unit_rows(np.asarray(vectors[np.asarray(before, np.intp)])) if len(before) else None
    for part in range(parts):
        rows = candidates[dealt == part]
        here = unit_rows(np.asarray(vectors[rows]))
        joined = here if earlier is None else np.concatenate([here, earlier])
        state = FarthestFirst(joined, keep + len(before))
        state.see(range(len(here), len(joined)))
        picked: list[int] = []
        last = [0.0]

        def on_pick(
            row: int, distance: float | None, picked: list[int] = picked, last: list[float] = last
        ) -> Iterable[int]:
            picked.append(row)
            last[0] = 2.0 if distance is None else distance
            return ()

        def shown(done: int, total: int, part: int = part) -> None:
            if progress is not None:
                progress(part * keep + done, parts * keep)

        if state.pick(min(keep, len(here)), on_pick, progress=shown) == "n_samples":
            farthest = max(farthest, last[0] if len(picked) < len(here) else 0.0)
        kept.append(rows[np.asarray(picked, np.intp)])
    return Shortlist(np.sort(np.concatenate(kept)), farthest)


def _rows_within(dim: int, memory_mb: int) -> int:
    return int(memory_mb * 1e6 / (dim * 4 * _COPIES))
