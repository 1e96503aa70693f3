"""The objectives that a selection multiplies, one class per strategy.

Each is a property of everything picked so far plus one more row, as Lightly's documentation has
it ("the samples that lead to the highest fulfilment of the overall objective"):

- WEIGHTS, SIMILARITY, TYPICALITY: the sum of the values picked;
- DIVERSITY: the sum over the picks of the squared distance to the nearest other pick;
- BALANCE: one over the cross entropy of what was picked under the target.

A selection multiplies them, each to the power of its strength. The formulas were found by
experiment with lightly-mundig 0.1.16, whose picks they reproduce; the contract tests run both.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from pipeline_project.core.selection.columns import Classes
from pipeline_project.core.selection.pool import StoppedBy

Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
ALL = slice(None)
_LEAST = 1e-30  # stands for 0 where a logarithm is taken
_LEAST_SHARE = 1e-10  # mundig's


class Objective(Protocol):
    """One factor of the product that is made as large as possible."""

    def log_gain(self, rows: Rows | slice = ALL) -> Numbers:
        """The logarithm of the objective to its power, if that row came next; of some rows.

        A constant may be left out. May be too large where `settle` is to be asked first.
        """
        ...

    def settle(self, rows: Rows) -> bool:
        """Make `log_gain` right for these rows; False if it was."""
        ...

    def add(self, row: int) -> None:
        """Take a row as picked."""
        ...

    def begin(self, rows: Sequence[int]) -> None:
        """Take rows as picked before all others."""
        for row in rows:
            self.add(row)

    def refuses(self, row: int) -> StoppedBy | None:
        """Whether a stopping condition speaks against this row as the next."""
        ...

    def finished(self) -> StoppedBy | None:
        """Whether what was picked has reached a stopping condition."""
        ...


class _Settled(Objective):
    """What is always up to date and never stops."""

    @override
    def settle(self, rows: Rows) -> bool:
        return False

    @override
    def refuses(self, row: int) -> StoppedBy | None:
        return None

    @override
    def finished(self) -> StoppedBy | None:
        return None


class Sum(_Settled):
    """The sum of one value per row: WEIGHTS, SIMILARITY, TYPICALITY.

    Missing values count as the least wanted of the known ones, the largest where the power is
    below 0. Where any is below 0 all are raised so that the smallest is 0.
    """

    def __init__(
        self,
        values: Numbers,
        power: float = 1.0,
        *,
        added: Numbers | None = None,
        max_sum: float | None = None,
        least: float | None = None,
    ) -> None:
        """Begin with a sum of 0.

        Args:
            values: shape (n,), what a row is worth to the next pick; NaN where not known.
            power: the strategy's strength.
            added: shape (n,), what it adds to the sum once picked; None means its value.
            max_sum: nothing more is picked once the sum of the values as given reaches this.
            least: a row of less value ends the selection.
        """
        known = values[~np.isnan(values)]
        lowest = float(known.min()) if len(known) else 0.0
        least_wanted = float(known.max()) if len(known) and power < 0 else lowest
        self._given = np.where(np.isnan(values), least_wanted, values)
        self.values = self._given - min(0.0, lowest)
        self.power = power
        self._added = self.values if added is None else added
        self._sum = 0.0
        self._given_sum = 0.0
        self._max_sum = max_sum
        self._least = least

    @override
    def log_gain(self, rows: Rows | slice = ALL) -> Numbers:
        if self._sum <= 0:
            return self.power * np.log(np.maximum(self.values[rows], _LEAST))
        return self.power * np.log1p(self.values[rows] / self._sum)

    @override
    def add(self, row: int) -> None:
        self._sum += float(self._added[row])
        self._given_sum += float(self._given[row])

    @override
    def refuses(self, row: int) -> StoppedBy | None:
        low = self._least is not None and self.values[row] < self._least
        return "minimum_typicality" if low else None

    @override
    def finished(self) -> StoppedBy | None:
        reached = self._max_sum is not None and self._given_sum >= self._max_sum
        return "max_sum" if reached else None


class Preference(_Settled):
    """A row's own weight to a power, whatever was picked: doubtful rows come last."""

    def __init__(self, weights: Numbers, power: float) -> None:
        self._log = power * np.log(np.maximum(weights, _LEAST))

    @override
    def log_gain(self, rows: Rows | slice = ALL) -> Numbers:
        return np.asarray(self._log[rows])

    @override
    def add(self, row: int) -> None:
        pass


class TargetSum(_Settled):
    """How well a row brings the sum of all picks into a range, when n picks are made.

    1 for values that, picked from now on, would lead into the range; less with the distance from
    those, counted in standard deviations.
    """

    def __init__(
        self, values: Numbers, power: float, picks: int, low: float | None, high: float | None
    ) -> None:
        known = values[~np.isnan(values)]
        self._values = np.where(np.isnan(values), known.min() if len(known) else 0.0, values)
        self._spread = float(self._values.std()) or 1.0
        self._power = power
        self._left = picks
        self._low = -np.inf if low is None else low
        self._high = np.inf if high is None else high

    @override
    def log_gain(self, rows: Rows | slice = ALL) -> Numbers:
        left, values = max(1, self._left), self._values[rows]
        short = np.maximum(0.0, self._low / left - values)
        over = np.maximum(0.0, values - self._high / left)
        return -self._power * (short + over) / self._spread

    @override
    def add(self, row: int) -> None:
        self._left -= 1
        self._low -= float(self._values[row])
        self._high -= float(self._values[row])


class Balance(_Settled):
    """How near the classes of all picks come to a target."""

    def __init__(
        self, classes: Classes, target: dict[str, float], power: float, *, last: bool = False
    ) -> None:
        """Begin with nothing picked.

        Args:
            classes: how much of each class the rows hold.
            target: ratio per class; the classes not named share what is left of 1.
            power: the strategy's strength.
            last: whether rows of no class come after all others.
        """
        share, self._target = self.columns(classes, target, last=last)
        # Many rows are alike: each kind is looked at once.
        self._kinds, self._kind = np.unique(share, axis=0, return_inverse=True)
        self._kind = self._kind.reshape(-1)
        self._held = np.zeros(share.shape[1])
        self._power = power

    @override
    def log_gain(self, rows: Rows | slice = ALL) -> Numbers:
        held = self._held + self._kinds
        total = held.sum(axis=1, keepdims=True)
        share = np.divide(held, total, out=np.zeros_like(held), where=total > 0)
        entropy = -(np.log(np.maximum(share, _LEAST_SHARE)) @ self._target)
        gain = -self._power * np.log(np.maximum(entropy, _LEAST_SHARE))
        return np.asarray(gain[self._kind[rows]])

    @staticmethod
    def columns(
        classes: Classes, target: dict[str, float], *, last: bool = False
    ) -> tuple[Numbers, Numbers]:
        """Shares (n, c + 2) and ratios (c + 2,): named classes, all others, and none.

        A row of no class holds nothing, and leaves the shares as they are; with `last` it takes
        from all of them, so that any other row is better.
        """
        named = [name for name in classes.names if name in target]
        at = [classes.names.index(name) for name in named]
        rest = [number for number in range(len(classes.names)) if number not in at]
        absent = sum(ratio for name, ratio in target.items() if name not in named)
        none = ~classes.share.any(axis=1) & last
        share = np.column_stack([classes.share[:, at], classes.share[:, rest].sum(axis=1), none])
        ratios = [target[name] for name in named]
        ratios_of = np.asarray([*ratios, max(0.0, 1.0 - sum(ratios) - absent), 0.0])
        return share, ratios_of

    @override
    def add(self, row: int) -> None:
        self._held = self._held + self._kinds[self._kind[row]]
