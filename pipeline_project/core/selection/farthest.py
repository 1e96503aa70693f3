"""Farthest-point selection: each pick is the row farthest from all picked before. Exact.

The greedy method of Gonzalez (1985, doi:10.1016/0304-3975(85)90224-5), arranged so that nearly
all arithmetic is matrix products, and much of it never done:

- A row's cosine to its nearest pick only grows. What is known of it from earlier picks is a
  lower bound, so a row that is already near to one is not looked at again until it tops.
- The rows that top are brought up to date together; among them picks are made by their own
  products, for as long as the best of them is ahead of every row outside.
- Once there are enough picks, rows are sorted into clusters around them, and a cluster is spared
  the picks that are too far off to be the nearest of any of its rows.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline_project.core.selection.clusters import Clusters, cluster_rows
from pipeline_project.core.selection.threads import ForEach, one_by_one, side_by_side
from pipeline_project.core.selection.vectors import Vectors

OnPick = Callable[[int, float | None], Iterable[int]]
Progress = Callable[[int, int], None]
_Rows = npt.NDArray[np.intp]
_BLOCK_ROWS = 1024
_PICKS_AT_ONCE = 4096
_EXACT_ROWS = 256  # whose distances to all picks are held at once
_BATCH_LEAST, _BATCH_FIRST, _BATCH_MOST = 128, 1024, 4096
_CLUSTER_AT = 256  # picks, by when clusters are first tried, and then at 8 times as many
_CLUSTER_PAYS = 4  # times as many picks must be wanted
_NOISE = 2e-6  # by which a product of two unit float32 rows may be wrong
_CLOSEST = 4  # of so many picks, nearest by their cosine, the exact distance is taken


class FarthestFirst:
    """The state of one farthest-point selection.

    Rows are named by their number in the matrix given. Memory: the rows once, and a second time
    where they cluster.
    """

    def __init__(self, rows: Vectors, capacity: int) -> None:
        """Begin with nothing picked.

        Args:
            rows: shape (n, dim), float32, unit length.
            capacity: most rows that will ever be added or picked.
        """
        self._rows = rows
        self._number: _Rows = np.arange(len(rows))  # of the row at each place
        self._place: _Rows = self._number  # of each row
        self._cosine = np.full(len(rows), -1, np.float32)  # at least; infinite: closed
        self._picks = np.empty((capacity, rows.shape[1]), np.float32)
        self._count = 0
        self._clusters: Clusters | None = None
        self._to_centres = np.empty((0, 0), np.float32)
        self._reach = np.empty(0)
        self._cluster_at = _CLUSTER_AT
        self._divide(np.append(np.arange(0, len(rows), _BLOCK_ROWS), len(rows)))
        self._batch = _BATCH_FIRST
        self._for_each: ForEach = one_by_one

    @property
    def open_rows(self) -> int:
        """How many rows can still be picked."""
        return int(np.isfinite(self._cosine).sum())

    def close(self, numbers: Iterable[int]) -> None:
        """Never pick these rows."""
        self._cosine[self._place[np.asarray(list(numbers), np.intp)]] = np.inf

    def see(self, numbers: Iterable[int]) -> None:
        """Take rows as picked before."""
        places = self._place[np.asarray(list(numbers), np.intp)]
        self._picks[self._count : self._count + len(places)] = self._rows[places]
        self._count += len(places)
        self._cosine[places] = np.inf

    def add(self, number: int) -> float | None:
        """Take a row as picked, whatever its distance; returns that."""
        place = int(self._place[number])
        row = self._rows[place]
        distance = self._exact(row) if self._count else None
        self._take(row)
        self._cosine[place] = np.inf
        return distance

    def pick(
        self,
        wanted: int,
        on_pick: OnPick,
        *,
        least_distance: float = 0.0,
        progress: Progress | None = None,
    ) -> Literal["n_samples", "minimum_distance", "no rows"]:
        """Pick up to `wanted` rows; returns what ended it.

        Args:
            wanted: how many.
            on_pick: called with each picked row and its L2 distance to the nearest before it
                (None if there is none); returns rows that are closed from now on.
            least_distance: a row nearer than this to a pick is not picked.
            progress: called with picks made and wanted, now and then.
        """
        with side_by_side() as self._for_each:
            return self._pick(wanted, on_pick, least_distance, progress)

    def _pick(
        self, wanted: int, on_pick: OnPick, least_distance: float, progress: Progress | None
    ) -> Literal["n_samples", "minimum_distance", "no rows"]:
        done, crowded = 0, False
        if wanted > 0 and self._count == 0:
            done += self._first(on_pick)
        while done < wanted:
            self._cluster(wanted - done)
            batch, limit = self._freshest()
            if not len(batch):
                return "minimum_distance" if crowded else "no rows"
            before = self._count
            ended, closed = self._among(batch, limit, wanted - done, on_pick, least_distance)
            made = self._count - before
            done += made
            crowded = crowded or closed > 0
            if ended:
                return "minimum_distance"
            if made + closed < len(batch) // 8:
                self._batch = max(_BATCH_LEAST, self._batch // 2)
            elif made + closed > len(batch) // 3:
                self._batch = min(_BATCH_MOST, self._batch * 2)
            if progress is not None:
                progress(done, wanted)
        return "n_samples"

    def _first(self, on_pick: OnPick) -> int:
        """Pick the first open row: with nothing picked all are equally far."""
        open_rows = self._number[np.isfinite(self._cosine)]
        if not len(open_rows):
            return 0
        number = int(open_rows.min())
        place = int(self._place[number])
        self._take(self._rows[place])
        self._cosine[place] = np.inf
        self.close(on_pick(number, None))
        return 1

    def _among(
        self, batch: _Rows, limit: float, wanted: int, on_pick: OnPick, least_distance: float
    ) -> tuple[bool, int]:
        """Pick among rows whose cosines are up to date, while their best beats all others.

        Returns:
            Whether no row anywhere is far enough any more, and how many rows of the batch were
            closed for being too near to a pick.
        """
        rows = self._rows[batch]
        among = rows @ rows.T
        cosine = self._cosine[batch]
        number = self._number[batch]
        where = {int(each): at for at, each in enumerate(number)}
        doubtful = 1 - least_distance**2 / 2 - _NOISE if least_distance > 0 else np.inf
        certain = doubtful + 2 * _NOISE
        ended, closed, checked = False, 0, False
        while wanted > 0:
            at = int(cosine.argmin())
            seen = float(cosine[at])
            if seen > limit or seen == np.inf:
                break
            if seen > certain:
                ended = True
                break
            if seen > doubtful:
                left = np.flatnonzero(np.isfinite(cosine)) if not checked else np.asarray([at])
                checked = True
                near = left[self._exact_of(rows[left]) < least_distance]
                cosine[near] = np.inf
                closed += len(near)
                if cosine[at] == np.inf:
                    continue
            distance = float(np.sqrt(max(0.0, 2.0 - 2.0 * seen)))
            if seen > 1 - 2 * _NOISE:
                distance = self._exact(rows[at])
            self._take(rows[at])
            np.maximum(cosine, among[at], out=cosine)
            cosine[at] = np.inf
            wanted -= 1
            for each in on_pick(int(number[at]), distance):
                self._cosine[self._place[each]] = np.inf
                if each in where:
                    cosine[where[each]] = np.inf
        shut = np.isinf(self._cosine[batch])
        self._cosine[batch] = np.where(shut, np.inf, cosine)
        return ended, closed

    def _freshest(self) -> tuple[_Rows, float]:
        """The rows that top, brought up to date, and the least cosine of any row outside."""
        size = min(self._batch, len(self._cosine) - 1)
        while True:
            if size < 1:
                top, limit = np.arange(len(self._cosine)), np.inf
            else:
                order = np.argpartition(self._cosine, size)
                top, limit = order[:size], float(self._cosine[order[size]])
                if limit == np.inf:
                    top = np.flatnonzero(np.isfinite(self._cosine))
            blocks = np.unique(self._block[top])
            stale = blocks[self._seen[blocks] < self._count]
            if not len(stale):
                return top[np.isfinite(self._cosine[top])], limit
            self._for_each(self._update, stale.tolist())

    def _update(self, block: int) -> None:
        """Bring a block's cosines up to date with all picks."""
        rows = slice(self._start[block], self._start[block + 1])
        since = int(self._seen[block])
        picks = self._picks[since : self._count]
        cosine = self._cosine[rows]
        if self._clusters is not None:
            near = self._to_centres[block, since : self._count] > self._reach[block]
            picks = picks[near]
        for at in range(0, len(picks), _PICKS_AT_ONCE):
            product = self._rows[rows] @ picks[at : at + _PICKS_AT_ONCE].T
            np.maximum(cosine, product.max(axis=1), out=cosine)
        if self._clusters is not None:
            self._reach[block] = self._clusters.reach(block, cosine)
        self._seen[block] = self._count

    def _take(self, row: Vectors) -> None:
        self._picks[self._count] = row
        self._count += 1

    def _cluster(self, wanted: int) -> None:
        """Sort the rows into clusters around the picks, where that will pay."""
        if self._count >= self._cluster_at and wanted >= _CLUSTER_PAYS * self._cluster_at:
            clusters = cluster_rows(self._rows, self._picks[: self._cluster_at])
            self._cluster_at *= 8
            if clusters is not None:
                self._sort(clusters)
        if self._clusters is not None:
            known = self._to_centres.shape[1]
            fresh = self._clusters.centre @ self._picks[known : self._count].T
            self._to_centres = np.concatenate([self._to_centres, fresh], axis=1)

    def _sort(self, clusters: Clusters) -> None:
        # Else some blocks would be older than their rows.
        self._for_each(self._update, range(len(self._seen)))
        self._rows = self._rows[clusters.order]
        self._number = self._number[clusters.order]
        self._cosine = self._cosine[clusters.order]
        self._place = np.empty_like(self._number)
        self._place[self._number] = np.arange(len(self._number))
        self._clusters = clusters
        self._divide(clusters.start)
        self._seen[:] = self._count
        self._to_centres = clusters.centre @ self._picks[: self._count].T
        parts = zip(clusters.start[:-1], clusters.start[1:], strict=True)
        self._reach = np.asarray(
            [clusters.reach(c, self._cosine[begin:end]) for c, (begin, end) in enumerate(parts)]
        )

    def _divide(self, start: _Rows) -> None:
        """Set where blocks begin; each of them has seen no pick yet."""
        self._start = start
        self._block = np.repeat(np.arange(len(start) - 1), np.diff(start))
        self._seen = np.zeros(len(start) - 1, np.int64)

    def _exact(self, row: Vectors) -> float:
        return float(self._exact_of(row[None])[0])

    def _exact_of(self, rows: Vectors) -> npt.NDArray[np.float64]:
        """Distances to the nearest pick by differences, which stay exact where cosines do not."""
        picks = self._picks[: self._count]
        few = min(_CLOSEST, len(picks))
        found = np.empty(len(rows))
        for at in range(0, len(rows), _EXACT_ROWS):
            block = rows[at : at + _EXACT_ROWS]
            nearest = np.argpartition(-(block @ picks.T), few - 1, axis=1)[:, :few]
            apart = block[:, None].astype(np.float64) - picks[nearest]
            found[at : at + len(block)] = np.sqrt((apart**2).sum(axis=2)).min(axis=1)
        return found
