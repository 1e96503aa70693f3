"""Which vectors lie within a cosine of others: exact, without comparing all of every pair.

Vectors are compared on few axes first. The axes are orthonormal, and what lies off them counts
by its length alone, so the distance seen there is never larger than the true one: a pair that is
too far apart on them is too far apart. Only the other pairs are compared in full, in double
precision, so the answer does not depend on how the work is cut into blocks.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
_Matrix = npt.NDArray[np.float32]

_AXES = 48
_SAMPLE_ROWS = 1024  # that the axes are fitted to
_ITERATIONS = 4
_SLACK = 1e-5  # ten times the rounding of a product on the axes
_PROJECT_ROWS = 8192
_CELLS = 4_000_000  # of one block of products: 16 MB
_PAIRS = 2048  # compared in full at once: 40 MB at 1280 dimensions


class CloseVectors:
    """Rows of a matrix, and for other rows the first of them that is close.

    Args:
        vectors: shape (n, dim), float32, rows of unit length; kept, not copied.
        min_cosine: from this cosine on two rows are close.
        capacity: how many rows will be added at most.
    """

    def __init__(
        self, vectors: npt.NDArray[np.float32], min_cosine: float, capacity: int | None = None
    ) -> None:
        self._vectors = vectors
        self._min_cosine = min_cosine
        # Half the squared distance at the threshold, negative: products above it may be close.
        self._floor = np.float32(-(1.0 - min_cosine) - _SLACK)
        self._left, self._right = _on_axes(vectors)
        room = len(vectors) if capacity is None else capacity
        self._rows: Rows = np.empty(room, np.intp)
        self._places: _Matrix = np.empty((room, self._right.shape[1]), np.float32)
        self._count = 0

    def add(self, rows: Sequence[int] | Rows) -> None:
        """Add rows; earlier added ones come first."""
        end = self._count + len(rows)
        self._rows[self._count : end] = rows
        self._places[self._count : end] = self._right[rows]
        self._count = end

    def first_close(self, rows: Rows) -> Rows:
        """For each of these rows the first added row that is close; -1 for none."""
        found: Rows = np.full(len(rows), -1, np.intp)
        step = max(1, _CELLS // max(1, len(rows)))
        for start in range(0, self._count, step):
            still = np.flatnonzero(found < 0)
            if not len(still):
                break
            stop = min(start + step, self._count)
            maybe = self._left[rows[still]] @ self._places[start:stop].T >= self._floor
            number, place = np.nonzero(maybe)
            self._settle(found, still[number], rows, start + place)
        return found

    def pairs_in(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which of these rows may be close to which, shape (n, n); ask `close` for certain."""
        return np.asarray(self._left[rows] @ self._right[rows].T >= self._floor)

    def close(self, one: int, others: Rows) -> npt.NDArray[np.bool_]:
        """Whether one row is close to each of the others."""
        return self._close(np.full(len(others), one, np.intp), others)

    def _settle(self, found: Rows, positions: Rows, rows: Rows, places: Rows) -> None:
        """Compare possible pairs, in the order of position and place, and keep the first close."""
        for start in range(0, len(positions), _PAIRS):
            at, place = positions[start : start + _PAIRS], places[start : start + _PAIRS]
            open_ = found[at] < 0
            at, place = at[open_], place[open_]
            hit = self._close(rows[at], self._rows[place])
            first, index = np.unique(at[hit], return_index=True)
            found[first] = self._rows[place[hit][index]]

    def _close(self, left: Rows, right: Rows) -> npt.NDArray[np.bool_]:
        one, other = self._vectors[left], self._vectors[right]
        cosine = np.einsum("ij,ij->i", one, other, dtype=np.float64)
        return np.asarray(cosine >= self._min_cosine)


def _on_axes(vectors: npt.NDArray[np.float32]) -> tuple[_Matrix, _Matrix]:
    """Places on the axes, made so that left times right is minus half the squared distance."""
    count, dim = vectors.shape
    sample = vectors[:: max(1, count // _SAMPLE_ROWS)]
    mean = sample.mean(axis=0)
    axes = np.zeros((dim, 0), np.float32)
    if count > 2:
        axes = _main_axes(sample - mean)
    width = axes.shape[1] + 1
    left = np.empty((count, width + 2), np.float32)
    for start in range(0, count, _PROJECT_ROWS):
        part = vectors[start : start + _PROJECT_ROWS] - mean
        on = part @ axes
        part -= on @ axes.T
        left[start : start + len(part), : width - 1] = on
        left[start : start + len(part), width - 1] = np.linalg.norm(part, axis=1)
    half = np.einsum("ij,ij->i", left[:, :width], left[:, :width], dtype=np.float64) / 2
    left[:, width], left[:, width + 1] = -half, 1.0
    right = left.copy()
    right[:, width], right[:, width + 1] = 1.0, -half
    return left, right


def _main_axes(rows: npt.NDArray[np.float32]) -> _Matrix:
    """Orthonormal axes along which rows mostly differ: shape (dim, at most 48).

    Any orthonormal axes give the same answers; better ones rule out more pairs. Found by power
    iteration from random directions, a hundredth of the cost of a whole decomposition (Halko et
    al. 2011, doi:10.1137/090771806).
    """
    few = min(_AXES, *rows.shape)
    chance = np.random.default_rng(0)
    axes = chance.standard_normal((rows.shape[1], few), np.float32)
    for _ in range(_ITERATIONS):
        axes = np.linalg.qr(rows.T @ (rows @ axes))[0]
    return axes
