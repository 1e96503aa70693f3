"""How a run's changes become visible: all collections of a pipeline at once, one run at a time."""

import hashlib
import json
import time
from typing import Any

from pipeline_project.adapters.lake.base import Commit, Lake
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.waiting import Deadline, wait_until
from pipeline_project.errors import RemoteTimedOut, StoreConflict
from pipeline_project.worker.collections.state import MEMBERS, RESULTS, read_snapshot

_PATIENCE_S = 20.0  # between taking a turn and the commit lies one write
_POLL_S = 0.2
TURNS = "collections/turns"

Rows = list[dict[str, Any]]


class Publisher:
    """Writes results as they come, and members in the end.

    Results alone change nothing that anybody sees: they spare a later run the work. The members
    of all collections are committed together. Of several runs that began at the same state one
    may commit; the others look again at what is there now, where most is done already.

    Args:
        lake: where rows go.
        store: holds the turns: `collections/turns/<pipeline>/<state>.json`.
        pipeline: its name.
        run_id: named in the commits.
        branch: of the lake, which has states of its own.
        checkpoint_s: results are committed at least this often.
    """

    def __init__(
        self,
        lake: Lake,
        store: ObjectStore,
        pipeline: str,
        *,
        run_id: str,
        branch: str,
        checkpoint_s: float,
    ) -> None:
        self._lake = lake
        self._store = store
        self._pipeline = pipeline
        self._run_id = run_id
        self._branch = branch
        self._checkpoint_s = checkpoint_s
        self._results: Rows = []
        self._kept_at = time.monotonic()

    def result(self, row: dict[str, Any]) -> None:
        """Take a result; commit when it is time."""
        self._results.append(row)
        if time.monotonic() - self._kept_at >= self._checkpoint_s:
            self.keep()

    def keep(self) -> None:
        """Commit the results taken so far."""
        if self._results:
            self._commit([], f"{self._pipeline}: results of a run under way")
        self._kept_at = time.monotonic()

    def publish(self, base: str, members: Rows, message: str) -> Commit | None:
        """Make changed members visible, if nobody else did since `base`.

        Returns:
            The commit; None where another run was first: then begin again from what is there.
        """
        if not self._take_turn(base):
            self.keep()
            return None
        return self._commit(members, message)

    def _commit(self, members: Rows, message: str) -> Commit:
        writer = self._lake.begin(run_id=self._run_id)
        if self._results:
            writer.append(RESULTS, self._results)
        if members:
            writer.append(MEMBERS, members)
        commit = writer.commit(message)
        self._results = []
        return commit

    def _take_turn(self, base: str) -> bool:
        key = f"{turns_of(self._branch, self._pipeline)}/{base or 'first'}.json"
        record = json.dumps({"run_id": self._run_id}).encode("ascii")
        try:
            self._store.put_new(key, record)
        except StoreConflict:
            try:
                self._wait_for_change(base)
            except RemoteTimedOut:
                return self._take_over(key, record)
            return False
        return True

    def _take_over(self, key: str, record: bytes) -> bool:
        """Take the turn of a run that died before its commit; of several, one gets it."""
        _, etag = self._store.get_with_etag(key)
        try:
            self._store.put_if(key, record, etag)
        except StoreConflict:
            return False
        return True

    def _wait_for_change(self, base: str) -> None:
        wait_until(
            lambda: read_snapshot(self._lake, self._pipeline).base,
            success=lambda now: now != base,
            failure=lambda now: False,
            deadline=Deadline(_PATIENCE_S),
            interval_s=_POLL_S,
            what=f"the commit of another run of {self._pipeline}",
        )


def turns_of(branch: str, pipeline: str) -> str:
    """Folder of the turns of a pipeline on a branch, in the object store."""
    digest = hashlib.sha256(f"{branch}\n{pipeline}".encode()).hexdigest()[:32]
    return f"{TURNS}/{digest}"
