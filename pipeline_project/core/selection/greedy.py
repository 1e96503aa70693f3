"""One row at a time, each the one that makes the product of all objectives largest."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from pipeline_project.core.selection.objectives import Objective, Rows, Sum
from pipeline_project.core.selection.pool import StoppedBy

OnPick = Callable[[int, float], Iterable[int]]
Progress = Callable[[int, int], None]
_SETTLED_AT_ONCE = 256


def pick_greedily(
    objectives: Sequence[Objective],
    open_rows: Rows,
    rows: int,
    wanted: int,
    on_pick: OnPick,
    progress: Progress | None = None,
) -> StoppedBy | None:
    """Pick up to `wanted` rows; ties go to the lower row.

    Args:
        objectives: what is multiplied; they know of rows picked before.
        open_rows: the rows that may be picked.
        rows: how many rows there are.
        wanted: how many to pick.
        on_pick: called with each picked row and the logarithm of its gain, before the objectives
            take it; returns rows that are closed from now on.
        progress: called with picks made and wanted.

    Returns:
        The stopping condition that ended it; `n_samples`; None where no row was left.
    """
    closed = np.ones(rows, bool)
    closed[open_rows] = False
    refused: StoppedBy | None = None
    for done in range(wanted):
        ended = next((why for each in objectives if (why := each.finished())), None)
        if ended:
            return ended
        gain = _gain(objectives, slice(None), rows)
        gain[closed] = -np.inf
        while True:
            best = int(gain.argmax())
            if gain[best] == -np.inf:
                return refused
            if _settle(objectives, gain, best):
                continue
            no = next((why for each in objectives if (why := each.refuses(best))), None)
            if no is None:
                break
            refused = no
            closed[best] = True
            gain[best] = -np.inf
        closed[best] = True
        for row in on_pick(best, float(gain[best])):
            closed[row] = True
        for each in objectives:
            each.add(best)
        if progress is not None:
            progress(done + 1, wanted)
    return "n_samples"


def pick_ranked(
    values: Sum, open_rows: Rows, wanted: int, on_pick: OnPick, progress: Progress | None = None
) -> StoppedBy | None:
    """The same where one sum is all there is: the rows in the order of their values."""
    order = open_rows[np.argsort(-np.sign(values.power) * values.values[open_rows], kind="stable")]
    closed: set[int] = set()
    refused: StoppedBy | None = None
    done = 0
    for row in order.tolist():
        ended = values.finished()
        if ended or done == wanted:
            return ended or "n_samples"
        if row in closed:
            continue
        no = values.refuses(row)
        if no:
            refused = no
            continue
        closed.update(on_pick(row, float(values.log_gain(np.asarray([row]))[0])))
        values.add(row)
        done += 1
        if progress is not None:
            progress(done, wanted)
    return "n_samples" if done == wanted else values.finished() or refused


def _gain(objectives: Sequence[Objective], rows: Rows | slice, count: int) -> np.ndarray:
    gain = np.zeros(count)
    for each in objectives:
        gain += each.log_gain(rows)
    return gain


def _settle(objectives: Sequence[Objective], gain: np.ndarray, best: int) -> bool:
    """Bring the best rows up to date where the very best is not; False if it was."""
    if not any([each.settle(np.asarray([best])) for each in objectives]):
        return False
    few = min(_SETTLED_AT_ONCE, len(gain) - 1)
    top = np.argpartition(-gain, few)[: few + 1]
    top = top[gain[top] > -np.inf]
    for each in objectives:
        each.settle(top)
    gain[top] = _gain(objectives, top, len(top))
    return True
