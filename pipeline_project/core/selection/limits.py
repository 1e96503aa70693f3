"""Caps per group and least gaps in time, kept pick by pick."""

import numpy as np
import numpy.typing as npt

from pipeline_project.core.selection.pool import Constraints
from pipeline_project.errors import ConfigError


class Limits:
    """Tells which rows a pick closes."""

    def __init__(self, constraints: Constraints | None, rows: int) -> None:
        """Begin with nothing picked.

        Raises:
            ConfigError: a bound that nothing can keep, or one without what it is about.
        """
        self._constraints = constraints
        self._members: dict[int, npt.NDArray[np.intp]] = {}
        self._picked: dict[int, int] = {}
        if constraints is None:
            return
        if constraints.max_per_group is not None and constraints.max_per_group < 1:
            raise ConfigError(
                "Selecting: the most picks of one source must be at least 1; seen "
                f"{constraints.max_per_group}."
            )
        gap = constraints.min_gap_s
        if gap is not None and not (np.isfinite(gap) and gap >= 0):
            raise ConfigError(f"Selecting: the least gap must be 0 s or more; seen {gap}.")
        if gap is not None and (constraints.time_s is None or len(constraints.time_s) != rows):
            raise ConfigError("Selecting: a least gap needs the time of each row.")
        order = np.argsort(constraints.group, kind="stable")
        group = np.asarray(constraints.group)[order]
        begins = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
        for number, members in zip(group[begins], np.split(order, begins[1:]), strict=True):
            if number >= 0:
                self._members[int(number)] = members

    def closed_by(self, row: int) -> list[int]:
        """Take a row as picked; returns the rows that cannot be picked any more."""
        constraints = self._constraints
        if constraints is None:
            return []
        group = int(constraints.group[row])
        members = self._members.get(group)
        if members is None:
            return []
        counts = constraints.counts is None or bool(constraints.counts[row])
        self._picked[group] = self._picked.get(group, 0) + counts
        most = constraints.max_per_group
        if most is not None and self._picked[group] >= most:
            return [int(each) for each in members]
        if constraints.min_gap_s is None or constraints.time_s is None:
            return []
        starts = constraints.time_s
        ends = starts if constraints.end_s is None else constraints.end_s
        apart = np.maximum(starts[members] - ends[row], starts[row] - ends[members])
        return [int(each) for each in members[apart < constraints.min_gap_s]]
