"""Runs of consecutive frames that are picked as one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]


def sequences_of(groups: Sequence[object], usable: npt.NDArray[np.bool_], length: int) -> Rows:
    """Cut frames into sequences.

    A sequence lies within one group and holds neighbours only; a frame that may not be used ends
    it, and what is left over at the end of a run is in no sequence.

    Args:
        groups: n groups, frames of one group next to each other and in order of time.
        usable: shape (n,).
        length: frames per sequence.

    Returns:
        shape (sequences, length), rows in order.
    """
    found: list[list[int]] = []
    run: list[int] = []
    before: object = None
    for row, group in enumerate(groups):
        if not usable[row] or (run and group != before):
            run = []
        before = group
        if usable[row]:
            run.append(row)
        if len(run) == length:
            found.append(run)
            run = []
    return np.asarray(found, np.intp).reshape(-1, length)


def mean_vectors(vectors: npt.NDArray[np.float32], rows: Rows) -> npt.NDArray[np.float32]:
    """One vector per sequence, the mean of its frames', of unit length.

    Args:
        vectors: shape (n, dim), of unit length.
        rows: shape (sequences, length).
    """
    mean = np.stack([vectors[each].mean(axis=0) for each in rows]) if len(rows) else vectors[:0]
    norms = np.linalg.norm(mean, axis=1, keepdims=True)
    return np.asarray(mean / np.where(norms > 0, norms, 1.0), np.float32)


def joined_column(column: npt.NDArray, rows: Rows) -> npt.NDArray:
    """One value per sequence: the mean of its known numbers, or its most frequent text.

    Args:
        column: shape (n,), floating point with NaN or `object` with None for what is missing.
        rows: shape (sequences, length).
    """
    if column.dtype != object:
        known = ~np.isnan(column[rows])
        total = np.where(known, column[rows], 0.0).sum(axis=1)
        count = known.sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
    joined = np.empty(len(rows), object)
    for number, each in enumerate(rows):
        words = [word for word in column[each].tolist() if word is not None]
        # Of equally frequent ones that which comes first.
        joined[number] = max(words, key=words.count) if words else None
    return joined
