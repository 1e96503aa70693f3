"""Frames that are one picture, and which of them stands for the others.

Three tests, from certain to likely: equal pixels; almost equal perceptual hashes within one
file; embeddings closer than the space's own conservative threshold. Each frame is compared with
those that stand for a group, never with its other members: so a slow pan, whose every frame
resembles the next, does not chain into one group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline_project.core.selection.close_vectors import CloseVectors, Rows

DuplicateKind = Literal["exact", "perceptual", "embedding"]
KINDS: tuple[DuplicateKind, ...] = ("exact", "perceptual", "embedding")
MAX_HAMMING_BITS = 2
_BLOCK_ROWS = 2048
# Of three pieces of a hash that differs in two bits, one is equal.
_PIECES = ((0, 21), (21, 21), (42, 22))


@dataclass(frozen=True, slots=True)
class FrameFeatures:
    """What duplicates are judged by, one row per frame.

    Attributes:
        pixels_sha256: n hashes of decoded pixels.
        phash: shape (n,), uint64, perceptual hashes.
        source: n names of files; perceptual hashes are compared within one only.
        vectors: shape (n, dim), float32, unit length.
        rank: shape (n,); the row with the largest stands for its group (sharpness, say).
    """

    pixels_sha256: Sequence[str]
    phash: npt.NDArray[np.uint64]
    source: Sequence[str]
    vectors: npt.NDArray[np.float32]
    rank: npt.NDArray[np.float64]


def find_duplicates(
    features: FrameFeatures, *, min_cosine: float | None
) -> dict[int, tuple[int, DuplicateKind]]:
    """Find the frames that another one stands for.

    Frames are met from the best rank to the worst. Each joins the first frame before it that
    stands for a group and is the same picture by the surest test that any of them passes.

    Args:
        features: n frames.
        min_cosine: from this cosine on two vectors are one picture; None leaves that test out.

    Returns:
        For each duplicate row the row that stands for it, and the surest test that binds them.
        Rows that stand for themselves are not in it. Ties go to the earlier row.
    """
    count = len(features.pixels_sha256)
    if not count:
        return {}
    order: Rows = np.lexsort((np.arange(count), -features.rank))
    hashes = _Hashes(features)
    vectors = CloseVectors(features.vectors, min_cosine) if min_cosine is not None else None
    duplicates: dict[int, tuple[int, DuplicateKind]] = {}
    for start in range(0, count, _BLOCK_ROWS):
        block = order[start : start + _BLOCK_ROWS]
        # Whom a hash gives away already need not be compared by its vector.
        by_vector = [hashes.leader(row) is None for row in block.tolist()]
        near = _Near(vectors, block[by_vector])
        position = 0  # among the rows that are compared by their vector
        for row, compared in zip(block.tolist(), by_vector, strict=True):
            # Asked again: a leader of this block may pass a surer test.
            match = hashes.leader(row) or near.leader(position)
            if match is None:
                hashes.add(row)
                near.stands(position)
            else:
                duplicates[row] = match
            position += compared
        near.keep()
    return duplicates


class _Hashes:
    """Leaders by the hash of their pixels, and by pieces of their perceptual hash."""

    def __init__(self, features: FrameFeatures) -> None:
        self._pixels = features.pixels_sha256
        self._source = features.source
        self._phash = features.phash.tolist()
        self._by_pixels: dict[str, int] = {}
        self._by_piece: dict[tuple[str, int, int], list[int]] = {}
        self._place: dict[int, int] = {}

    def add(self, row: int) -> None:
        """Take a row that stands for itself."""
        self._place[row] = len(self._place)
        self._by_pixels.setdefault(self._pixels[row], row)
        for key in self._pieces(row):
            self._by_piece.setdefault(key, []).append(row)

    def leader(self, row: int) -> tuple[int, DuplicateKind] | None:
        """The first leader with the same pixels; else the first with almost the same hash."""
        same = self._by_pixels.get(self._pixels[row])
        if same is not None:
            return same, "exact"
        own = self._phash[row]
        like = [
            leader
            for key in self._pieces(row)
            for leader in self._by_piece.get(key, ())
            if (own ^ self._phash[leader]).bit_count() <= MAX_HAMMING_BITS
        ]
        if like:
            return min(like, key=self._place.__getitem__), "perceptual"
        return None

    def _pieces(self, row: int) -> list[tuple[str, int, int]]:
        source, whole = self._source[row], self._phash[row]
        return [(source, low, whole >> low & (1 << bits) - 1) for low, bits in _PIECES]


class _Near:
    """Leaders by their vectors, for one block of rows: those from before, and those within."""

    def __init__(self, vectors: CloseVectors | None, rows: Rows) -> None:
        self._vectors = vectors
        self._rows = rows
        self._fresh = np.zeros(len(rows), bool)
        if vectors is not None:
            self._before = vectors.first_close(rows)
            self._maybe = vectors.pairs_in(rows)

    def leader(self, position: int) -> tuple[int, DuplicateKind] | None:
        """The first leader that is close."""
        if self._vectors is None:
            return None
        if self._before[position] >= 0:
            return int(self._before[position]), "embedding"
        likely = np.flatnonzero(self._maybe[position, :position] & self._fresh[:position])
        if len(likely):
            row = int(self._rows[position])
            close = np.flatnonzero(self._vectors.close(row, self._rows[likely]))
            if len(close):
                return int(self._rows[likely[close[0]]]), "embedding"
        return None

    def stands(self, position: int) -> None:
        """This row became a leader."""
        self._fresh[position] = True

    def keep(self) -> None:
        """The block is done: its leaders come before the next one."""
        if self._vectors is not None:
            self._vectors.add(self._rows[self._fresh])
