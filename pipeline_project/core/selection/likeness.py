"""How alike rows are to given ones, and how typical of all: one number per row, 0 to 1.

Both are exp(-distance / mean distance): 1 for no distance, 1/e at the mean. The formulas were
found by experiment with lightly-mundig 0.1.16, which they match to float32 precision.
"""

import numpy as np
import numpy.typing as npt

from pipeline_project.core.selection.vectors import Vectors

_BLOCK_CELLS = 1 << 23  # distances held at once: 32 MB
_NO_DISTANCE = 1e-12


def similarity(rows: Vectors, queries: Vectors) -> npt.NDArray[np.float64]:
    """How near each row is to its nearest query; more is nearer.

    Args:
        rows: shape (n, dim), unit length.
        queries: shape (q, dim), unit length.

    Returns:
        Shape (n,), in (0, 1].
    """
    step = max(1, _BLOCK_CELLS // len(queries))
    cosine = np.concatenate(
        [(rows[at : at + step] @ queries.T).max(axis=1) for at in range(0, len(rows), step)]
    )
    distance = _distance(cosine)
    return np.asarray(np.exp(-distance / max(float(distance.mean()), _NO_DISTANCE)))


def typicality(rows: Vectors, neighbours: int) -> npt.NDArray[np.float64]:
    """How near each row is to its nearest neighbours; more is more typical.

    Args:
        rows: shape (n, dim), unit length.
        neighbours: so many of the nearest other rows count; no more than there are.

    Returns:
        Shape (n,), in (0, 1]: the mean over its neighbours of exp(-distance / mean distance of
        all rows to theirs). A single row has 1.
    """
    few = min(neighbours, len(rows) - 1)
    if few < 1:
        return np.ones(len(rows))
    nearest = np.empty((len(rows), few))
    step = max(1, _BLOCK_CELLS // len(rows))
    for at in range(0, len(rows), step):
        cosine = rows[at : at + step] @ rows.T
        cosine[np.arange(len(cosine)), np.arange(at, at + len(cosine))] = -np.inf
        nearest[at : at + step] = _distance(-np.partition(-cosine, few - 1, axis=1)[:, :few])
    return np.asarray(np.exp(-nearest / max(float(nearest.mean()), _NO_DISTANCE)).mean(axis=1))


def _distance(cosine: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.sqrt(np.maximum(0.0, 2.0 - 2.0 * cosine.astype(np.float64)))
