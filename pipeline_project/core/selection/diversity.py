"""DIVERSITY as one objective among others: of rows, or of the objects that rows hold."""

from collections.abc import Sequence

import numpy as np
from typing_extensions import override

from pipeline_project.core.selection.objectives import ALL, Numbers, Objective, Rows
from pipeline_project.core.selection.pool import StoppedBy
from pipeline_project.core.selection.vectors import Vectors

_FARTHEST = 4.0  # squared: two unit vectors that point away from each other
_LEAST = 1e-12  # stands for 0 where a logarithm is taken
_FOLDED_AT_ONCE = 64  # picks that some rows have not seen: few, so that settling stays cheap
_BLOCK_ROWS = 2048
_PICKS_AT_ONCE = 4096
_EARLIER_AT_ONCE = 512
_NEAR = 1e-5  # squared distances below are given by differences


class Diversity(Objective):
    """The sum over the picks of the squared distance to the nearest other pick.

    What is known of a row's distance is an upper bound until `settle` looks at the picks it has
    not seen. With a negative power an upper bound is of no use, and all rows are kept settled.
    """

    def __init__(
        self, rows: Vectors, power: float, capacity: int, least_distance: float = 0.0
    ) -> None:
        """Begin with nothing picked.

        Args:
            rows: shape (n, dim), unit length.
            power: the strategy's strength.
            capacity: most rows that will ever be added.
            least_distance: a row nearer than this to a pick is refused.
        """
        self._rows = rows
        self._power = power
        self._square = np.full(len(rows), _FARTHEST)
        self._seen = np.zeros(len(rows), np.int64)
        self._picks = np.empty((capacity, rows.shape[1]), np.float32)
        self._apart = np.full(capacity, np.inf)  # of each pick to its nearest other, squared
        self._count = 0
        self._everywhere = 0  # so many picks every row has seen
        self._least = least_distance

    @override
    def log_gain(self, rows: Rows | slice = ALL) -> Numbers:
        if self._count == 0:
            return np.zeros(len(self._square[rows]))
        sum_apart = self._apart[: self._count].sum() if self._count > 1 else 0.0
        square = np.maximum(sum_apart + self._square[rows], _LEAST)
        return np.asarray(self._power * np.log(square))

    @override
    def settle(self, rows: Rows) -> bool:
        stale = rows[self._seen[rows] < self._count]
        if len(stale):
            self._look(stale, self._rows[stale])
        return bool(len(stale))

    def distance(self, row: int) -> float | None:
        """L2 distance of a row to the nearest pick; None without any."""
        if self._count == 0:
            return None
        self.settle(np.asarray([row]))
        if self._square[row] >= _NEAR:
            return float(np.sqrt(self._square[row]))
        # Differences stay exact where products of floats do not.
        near = np.flatnonzero(self._picks[: self._count] @ self._rows[row] > 1 - _NEAR)
        apart = self._picks[near].astype(np.float64) - self._rows[row]
        return float(np.sqrt((apart**2).sum(axis=1).min())) if len(near) else 0.0

    @override
    def add(self, row: int) -> None:
        self.settle(np.asarray([row]))
        vector = self._rows[row]
        if self._count:
            square = np.maximum(0.0, 2.0 - 2.0 * (self._picks[: self._count] @ vector))
            np.minimum(self._apart[: self._count], square, out=self._apart[: self._count])
            self._apart[self._count] = self._square[row]
        self._picks[self._count] = vector
        self._count += 1
        if self._power < 0 or self._count - self._everywhere >= _FOLDED_AT_ONCE:
            self._fold()

    @override
    def begin(self, rows: Sequence[int]) -> None:
        picks = np.ascontiguousarray(self._rows[np.asarray(rows, np.intp)])
        self._picks[: len(picks)] = picks
        self._count = len(picks)
        for at in range(0, len(picks) if len(picks) > 1 else 0, _EARLIER_AT_ONCE):
            cosine = picks[at : at + _EARLIER_AT_ONCE] @ picks.T
            cosine[np.arange(len(cosine)), np.arange(at, at + len(cosine))] = -1
            square = np.maximum(0.0, 2.0 - 2.0 * cosine.max(axis=1).astype(np.float64))
            self._apart[at : at + len(square)] = square
        self._fold()

    @override
    def refuses(self, row: int) -> StoppedBy | None:
        if self._least <= 0 or self._count == 0:
            return None
        distance = self.distance(row)
        return "minimum_distance" if distance is not None and distance < self._least else None

    @override
    def finished(self) -> StoppedBy | None:
        return None

    def _fold(self) -> None:
        """Compare all rows with the picks that they have not seen."""
        for at in range(0, len(self._rows), _BLOCK_ROWS):
            block = slice(at, at + _BLOCK_ROWS)
            self._look(block, self._rows[block])
        self._everywhere = self._count

    def _look(self, rows: Rows | slice, vectors: Vectors) -> None:
        """Compare some rows with the picks that some of them have not seen."""
        since = int(self._seen[rows].min())
        for at in range(since, self._count, _PICKS_AT_ONCE):
            picks = self._picks[at : min(at + _PICKS_AT_ONCE, self._count)]
            cosine = (vectors @ picks.T).max(axis=1)
            square = np.maximum(0.0, 2.0 - 2.0 * cosine.astype(np.float64))
            self._square[rows] = np.minimum(self._square[rows], square)
        self._seen[rows] = self._count


class ObjectDiversity(Objective):
    """The same of the objects that rows hold; a row gains the mean over its objects.

    A row without objects gains nothing.
    """

    def __init__(
        self, objects: Vectors, row: Rows, rows: int, power: float, least_distance: float = 0.0
    ) -> None:
        """Begin with nothing picked.

        Args:
            objects: shape (m, dim), unit length.
            row: shape (m,), the row of each object.
            rows: how many rows there are.
            power: the strategy's strength.
            least_distance: a row whose objects' root mean squared distance is less is refused.
        """
        self._objects = objects
        self._row = row
        self._per_row = np.bincount(row, minlength=rows)
        self._square = np.full(len(objects), _FARTHEST)
        self._picked: list[int] = []
        self._apart = np.empty(0)
        self._power = power
        self._least = least_distance

    @override
    def log_gain(self, rows: Rows | slice = ALL) -> Numbers:
        square = np.maximum(float(self._apart.sum()) + self._mean()[rows], _LEAST)
        return np.asarray(self._power * np.log(square))

    @override
    def settle(self, rows: Rows) -> bool:
        return False

    @override
    def add(self, row: int) -> None:
        for number in np.flatnonzero(self._row == row).tolist():
            cosine = (self._objects @ self._objects[number]).astype(np.float64)
            square = np.maximum(0.0, 2.0 - 2.0 * cosine)
            if self._picked:
                self._apart = np.minimum(self._apart, square[self._picked])
                self._apart = np.append(self._apart, self._square[number])
            else:
                self._apart = np.zeros(1)
            if len(self._picked) == 1:
                self._apart[0] = square[self._picked[0]]
            self._picked.append(number)
            self._square = np.minimum(self._square, square)

    @override
    def refuses(self, row: int) -> StoppedBy | None:
        if self._least <= 0 or not self._picked or self._per_row[row] == 0:
            return None
        return "minimum_distance" if self._mean()[row] < self._least**2 else None

    @override
    def finished(self) -> StoppedBy | None:
        return None

    def _mean(self) -> Numbers:
        total = np.bincount(self._row, self._square, minlength=len(self._per_row))
        return np.asarray(total / np.maximum(1, self._per_row))
