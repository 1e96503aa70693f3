"""Whose selection of a dataset comes next, where several runs end at the same time.

A selection stays away from those before it, so each must know them all. The object
`selections/<hash>/<number>.json` is one run's turn to record its selection: of two runs that know
the same past exactly one creates it, the other begins again and finds the winner's selection.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import StoreError
from pipeline_project.worker.datapool import EarlierSelection
from pipeline_project.worker.progress import Progress
from pipeline_project.worker.request import output_prefix

_POLL_S = 0.2
_DEAD_S = 20.0  # between taking a turn and the commit lies one small write


@dataclass(frozen=True, slots=True)
class _Taken:
    number: int
    selection_id: str
    taken_at_s: float


class Turns:
    """The turns of one dataset.

    Args:
        store: holds them.
        dataset: name given by the user; hashed, since names never become keys.
        now_s: seconds since 1970, as all machines that use the store count them.
        wait: sleeps so many seconds.
    """

    def __init__(
        self,
        store: ObjectStore,
        dataset: str,
        *,
        now_s: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        digest = hashlib.sha256(json.dumps([dataset]).encode("ascii")).hexdigest()
        self._prefix = f"selections/{digest[:32]}"
        self._now_s = now_s
        self._wait = wait

    def next(
        self, recorded: Callable[[], list[EarlierSelection]]
    ) -> tuple[int, list[EarlierSelection]]:
        """Return the number of the next turn and all selections before it.

        Waits for the selection of the last turn to be recorded, unless its run seems to have
        died in between.
        """
        while True:
            last = self._last()
            earlier = recorded()
            if last is None:
                return 1, earlier
            known = last.selection_id in {each.selection_id for each in earlier}
            if known or abs(self._now_s() - last.taken_at_s) > _DEAD_S:
                return last.number + 1, earlier
            self._wait(_POLL_S)

    def take(self, number: int, selection_id: str) -> None:
        """Take a turn.

        Raises:
            StoreConflict: another run took it first.
        """
        record = {"selection_id": selection_id, "taken_at_s": self._now_s()}
        self._store.put_new(self._key(number), json.dumps(record).encode("ascii"))

    def give_back(self, number: int, selection_id: str) -> None:
        """Free the turn of a selection that will not be recorded, where it was taken."""
        last = self._last()
        if last is not None and (last.number, last.selection_id) == (number, selection_id):
            self._store.delete(self._key(number))

    def give_up(self, number: int, selection_id: str, progress: Progress) -> None:
        """Remove what a selection left that will not be recorded, as far as possible."""
        folder = output_prefix(selection_id)
        try:
            self.give_back(number, selection_id)
            for item in list(self._store.list(folder)):
                self._store.delete(item.key)
        except StoreError as error:
            progress.warning(
                f"Frames below {folder} belong to no selection and could not be removed: {error}"
            )

    def _last(self) -> _Taken | None:
        keys = [item.key for item in self._store.list(self._prefix)]
        if not keys:
            return None
        number = int(keys[-1].rpartition("/")[2].removesuffix(".json"))
        return _Taken(number=number, **json.loads(self._store.get(keys[-1])))

    def _key(self, number: int) -> str:
        return f"{self._prefix}/{number:012d}.json"
