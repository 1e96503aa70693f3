"""Frames that are one picture, and which of them stands for the others.

Three tests, from certain to likely: equal pixels; almost equal perceptual hashes within one
file; embeddings closer than the space's own conservative threshold. Each frame is compared with
those that stand for a group, never with its other members: so a slow pan, whose every frame
resembles the next, does not chain into one group.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

DuplicateKind = Literal["exact", "perceptual", "embedding"]
KINDS: tuple[DuplicateKind, ...] = ("exact", "perceptual", "embedding")
MAX_HAMMING_BITS = 2
_BLOCK_ROWS = 1024
_BLOCK_LEADERS = 4096  # with the rows above, 32 MB for the widest matrix
_Rows = npt.NDArray[np.intp]
_Close = npt.NDArray[np.bool_]


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
    features: FrameFeatures, *, min_cosine: float
) -> dict[int, tuple[int, DuplicateKind]]:
    """Find the frames that another one stands for.

    Args:
        features: n frames.
        min_cosine: from this cosine on two vectors are one picture.

    Returns:
        For each duplicate row the row that stands for it, and the surest test that binds them.
        Rows that stand for themselves are not in it. Ties go to the earlier row.
    """
    count = len(features.pixels_sha256)
    tests = _Tests(features, min_cosine)
    order: _Rows = np.lexsort((np.arange(count), -features.rank))
    leaders = _Leaders(tests, count)
    duplicates: dict[int, tuple[int, DuplicateKind]] = {}
    for start in range(0, count, _BLOCK_ROWS):
        block = order[start : start + _BLOCK_ROWS]
        old = leaders.first_close(block)
        among = [tests.close(kind, block, block) for kind in KINDS]
        fresh: list[int] = []  # positions in this block that became leaders
        for position, row in enumerate(block):
            match = old.get(position)
            if match is None:
                match = _first_among(among, position, fresh, block)
            if match is None:
                fresh.append(position)
            else:
                duplicates[int(row)] = match
        leaders.add(block[fresh])
    return duplicates


class _Tests:
    """The three tests between any two lists of rows, each as one matrix operation."""

    def __init__(self, features: FrameFeatures, min_cosine: float) -> None:
        self.pixels = np.unique(np.asarray(features.pixels_sha256, str), return_inverse=True)[1]
        self.source = np.unique(np.asarray(features.source, str), return_inverse=True)[1]
        self._phash = features.phash
        self._vectors = features.vectors
        self._min_cosine = min_cosine

    def close(self, kind: DuplicateKind, left: _Rows, right: _Rows) -> _Close:
        """Which of `left` are one picture with which of `right`, by one test."""
        if kind == "exact":
            return np.asarray(np.equal.outer(self.pixels[left], self.pixels[right]))
        if kind == "perceptual":
            differing = np.bitwise_count(self._phash[left][:, None] ^ self._phash[right][None, :])
            same_file = np.equal.outer(self.source[left], self.source[right])
            return np.asarray((differing <= MAX_HAMMING_BITS) & same_file)
        cosine = self._vectors[left] @ self._vectors[right].T
        return np.asarray(cosine >= self._min_cosine)


class _Leaders:
    """The rows that stand for a group, in order of their rank.

    Equal pixels are looked up, perceptual hashes compared with the leaders of the same file, and
    vectors with all leaders, so many at a time that memory does not grow with their number.
    """

    def __init__(self, tests: _Tests, count: int) -> None:
        self._tests = tests
        self._rows: _Rows = np.empty(count, np.intp)
        self._count = 0
        self._by_pixels: dict[int, int] = {}
        self._by_source: dict[int, list[int]] = {}

    def add(self, rows: _Rows) -> None:
        """Take rows that stand for themselves."""
        self._rows[self._count : self._count + len(rows)] = rows
        self._count += len(rows)
        for row in rows.tolist():
            self._by_pixels.setdefault(int(self._tests.pixels[row]), row)
            self._by_source.setdefault(int(self._tests.source[row]), []).append(row)

    def first_close(self, block: _Rows) -> dict[int, tuple[int, DuplicateKind]]:
        """For each position of the block the first leader it is one picture with."""
        matches: dict[int, tuple[int, DuplicateKind]] = {}
        for position, row in enumerate(block.tolist()):
            leader = self._by_pixels.get(int(self._tests.pixels[row]))
            if leader is not None:
                matches[position] = (leader, "exact")
        for source, positions in self._open_by_source(block, matches).items():
            rows: _Rows = np.asarray(self._by_source.get(source, []), np.intp)
            self._match("perceptual", block, positions, rows, matches)
        still_open = [position for position in range(len(block)) if position not in matches]
        self._match("embedding", block, still_open, self._rows[: self._count], matches)
        return matches

    def _open_by_source(
        self, block: _Rows, matches: dict[int, tuple[int, DuplicateKind]]
    ) -> dict[int, list[int]]:
        positions: dict[int, list[int]] = {}
        for position, source in enumerate(self._tests.source[block].tolist()):
            if position not in matches:
                positions.setdefault(source, []).append(position)
        return positions

    def _match(
        self,
        kind: DuplicateKind,
        block: _Rows,
        positions: list[int],
        leaders: _Rows,
        matches: dict[int, tuple[int, DuplicateKind]],
    ) -> None:
        """Add the first match of each position, from the first leaders to the last."""
        for part in _parts(leaders):
            positions = [position for position in positions if position not in matches]
            if not positions:
                return
            close = self._tests.close(kind, block[positions], part)
            for number in np.flatnonzero(close.any(axis=1)).tolist():
                matches[positions[number]] = (int(part[int(np.argmax(close[number]))]), kind)


def _parts(leaders: _Rows) -> Iterator[_Rows]:
    for start in range(0, len(leaders), _BLOCK_LEADERS):
        yield leaders[start : start + _BLOCK_LEADERS]


def _first_among(
    among: list[_Close], position: int, fresh: list[int], block: _Rows
) -> tuple[int, DuplicateKind] | None:
    if not fresh:
        return None
    for kind, close in zip(KINDS, among, strict=True):
        row = close[position, fresh]
        if row.any():
            return int(block[fresh[int(np.argmax(row))]]), kind
    return None
