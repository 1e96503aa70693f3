"""Embeddings made comparable: finite, of unit length, one space."""

import numpy as np
import numpy.typing as npt

from pipeline_project.errors import ConfigError

Vectors = npt.NDArray[np.float32]
_BLOCK_CELLS = 1 << 23  # checked and scaled at once: 32 MB of float32
_UNIT_SLACK = 1e-6  # a squared length this close to 1 is taken as it is


def unit_rows(
    vectors: npt.NDArray[np.floating],
    what: str = "embeddings",
    start: int = 0,
    stop: int | None = None,
) -> Vectors:
    """Return some rows as float32 of unit length; the input itself where it is that already.

    Args:
        vectors: shape (n, dim), in memory or memory-mapped; read block by block.
        what: what the rows are called in errors.
        start: the first row wanted.
        stop: the row after the last wanted; None means all.

    Raises:
        ConfigError: not two-dimensional, empty, not finite, or a row without direction.
    """
    check_shape(vectors, what)
    stop = len(vectors) if stop is None else stop
    wanted = vectors[start:stop]
    step = max(1, _BLOCK_CELLS // vectors.shape[1])
    if vectors.dtype == np.float32 and wanted.flags.c_contiguous:
        squares = [
            np.einsum("ij,ij->i", wanted[at : at + step], wanted[at : at + step])
            for at in range(0, len(wanted), step)
        ]
        # False as well where a number is not finite: then the slow way says which.
        if np.all(np.abs(np.concatenate(squares) - 1) <= _UNIT_SLACK):
            return np.asarray(wanted, np.float32)
    scaled = np.empty(wanted.shape, np.float32)
    for at in range(0, len(wanted), step):
        scaled[at : at + step] = _scaled(wanted[at : at + step], what, start + at)
    return scaled


def check_shape(vectors: npt.NDArray[np.floating], what: str = "embeddings") -> None:
    """Refuse what is no matrix of floating point numbers.

    Raises:
        ConfigError: says the shape or type seen.
    """
    name = what[:1].upper() + what[1:]
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ConfigError(
            f"{name} must have shape (rows, dimensions), both at least 1; seen {vectors.shape}."
        )
    if not np.issubdtype(vectors.dtype, np.floating):
        raise ConfigError(f"{name} must be floating point numbers; seen {vectors.dtype}.")


def same_space(left: int, right: int, what: str) -> None:
    """Refuse to compare vectors of different dimensions.

    Raises:
        ConfigError: says both dimensions.
    """
    if left != right:
        raise ConfigError(
            f"The rows have {left} dimensions, {what} {right}: vectors of two embedding spaces "
            "cannot be compared."
        )


def _scaled(block: npt.NDArray[np.floating], what: str, first: int) -> Vectors:
    wide = np.asarray(block, np.float64 if block.dtype.itemsize > 4 else np.float32)
    bad = np.flatnonzero(~np.isfinite(wide).all(axis=1))
    if len(bad):
        raise ConfigError(
            f"{len(bad)} {what} hold NaN or infinity, first in row {first + bad[0]}. Take them out."
        )
    # By its largest value first: the square of a huge or tiny number is no float any more.
    largest = np.abs(wide).max(axis=1, keepdims=True)
    flat = np.flatnonzero(largest[:, 0] == 0)
    if len(flat):
        raise ConfigError(
            f"{len(flat)} {what} are zero vectors, first in row {first + flat[0]}: they have no "
            "direction to compare. Take them out."
        )
    rows = (wide / largest).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
