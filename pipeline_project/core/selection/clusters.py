"""Rows sorted by the pick that is nearest to them, so that far picks need not be looked at.

Angles obey the triangle inequality. A row at angle a from its cluster's centre, whose nearest
pick is at angle t, cannot come nearer to a pick that is a + t or more away from that centre.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline_project.core.selection.vectors import Vectors

_Rows = npt.NDArray[np.intp]
_USEFUL_RAD = 0.6  # with wider clusters hardly a pick is out of reach of any
_SLACK_RAD = 2e-3  # what an angle near 0 is wrong by, made of a float32 cosine
_BLOCK_ROWS = 2048


@dataclass(slots=True)
class Clusters:
    """Rows grouped around some of the picks.

    Attributes:
        order: shape (n,), the rows in their new order.
        start: shape (c + 1,), where each cluster begins in that order; the last one is n.
        centre: shape (c, dim).
        angle: shape (n,), of each row, in the new order, to its centre; radians.
    """

    order: _Rows
    start: _Rows
    centre: Vectors
    angle: npt.NDArray[np.float32]

    def reach(self, cluster: int, cosine: npt.NDArray[np.float32]) -> float:
        """The least cosine to the centre of a pick that can matter to any row of the cluster.

        `cosine`: of each of its rows to the nearest pick known; infinite for a row that does
        not count any more.
        """
        counts = np.isfinite(cosine)
        if not counts.any():
            return 2.0
        own = self.angle[self.start[cluster] : self.start[cluster + 1]][counts]
        nearest = np.arccos(np.clip(cosine[counts], -1, 1))
        return float(np.cos(min(np.pi, float((own + nearest).max()) + _SLACK_RAD)))


def cluster_rows(rows: Vectors, picks: Vectors) -> Clusters | None:
    """Group rows around picks; None where the groups are too wide to be of use.

    Args:
        rows: shape (n, dim), unit length.
        picks: shape (k, dim), unit length.
    """
    nearest: _Rows = np.empty(len(rows), np.intp)
    cosine = np.empty(len(rows), np.float32)
    for at in range(0, len(rows), _BLOCK_ROWS):
        block = rows[at : at + _BLOCK_ROWS] @ picks.T
        best = block.argmax(axis=1)
        nearest[at : at + _BLOCK_ROWS] = best
        cosine[at : at + _BLOCK_ROWS] = block[np.arange(len(block)), best]
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.median(angle) > _USEFUL_RAD:
        return None
    order = np.argsort(nearest, kind="stable")
    nearest = nearest[order]
    begins = np.flatnonzero(np.r_[True, nearest[1:] != nearest[:-1]])
    start: _Rows = np.append(begins, len(rows))
    return Clusters(order, start, np.ascontiguousarray(picks[nearest[begins]]), angle[order])
