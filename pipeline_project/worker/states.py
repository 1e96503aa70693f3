"""What becomes of each file and of each of its data in a run: the table `states`.

=========  =========================================================================================
new        never seen, or never looked at before; also a file that had been removed and is back
changed    other bytes at a known address; of a stage: other code, settings or model than before
removed    its listing does not show it any more
failed     could not be read or used; of a stage: the stage failed
recovered  failed before, done now
skip       known, nothing to do
=========  =========================================================================================

A run writes one row per file, and per stage of a file that was known, where something happened.
What was skipped is counted, one row per stage with an empty `uri`; so are stages of new files, and
files that failed before and were not tried again (state failed). So what a run writes follows from
what is new, not from what is known. A run in which nothing happened writes nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.records import MediaRef
from pipeline_project.worker.identify import Identified
from pipeline_project.worker.ledger import Row, Rows, storable
from pipeline_project.worker.stages import FILE

NEW, CHANGED, REMOVED, FAILED, RECOVERED, SKIP = STATES = (
    "new",
    "changed",
    "removed",
    "failed",
    "recovered",
    "skip",
)


@dataclass(slots=True)
class StateBook:
    """Keeps a run's states, and makes their rows.

    Attributes:
        run_id: of the run.
        failed_before: addresses whose last state was failed.
        files: address -> state, of files to which something happened.
        stages: stage -> state -> data.
        known_failures: files that failed before and were not tried again.
    """

    run_id: str
    failed_before: frozenset[str]
    files: dict[str, str] = field(default_factory=dict)
    stages: dict[str, Counter[str]] = field(default_factory=dict)
    known_failures: int = 0

    def identified(self, found: Identified, moved: Iterable[int]) -> Rows:
        """Rows of what identifying the files showed; `moved` are those not read but changed."""
        rows = Rows()
        memory = found.memory
        for place, visit in found.visits.items():
            before = memory.before[place].as_py()
            if visit.error is not None:
                state = FAILED
            elif visit.ref.uri in self.failed_before:
                continue  # its frames will tell
            elif before is None or memory.returned[place]:
                state = NEW
            elif before != visit.sha256:
                state = CHANGED
            else:
                continue
            self._file(rows, visit.ref, visit.sha256, state, visit.error)
        for place in moved:
            state = NEW if memory.returned[place] else CHANGED
            self._file(rows, found.listing[place], found.sha256[place].as_py(), state, None)
        return rows

    def removed(self, files: Iterable[Row]) -> Rows:
        """Rows of files that are gone, given as rows of `media_sources`."""
        rows = Rows()
        for row in files:
            ref = MediaRef(str(row["uri"]), str(row["name"]), "", 0, "")
            self._file(rows, ref, str(row["sha256"]), REMOVED, None)
        return rows

    def looked(
        self,
        ref: MediaRef,
        sha256: str,
        keys: Mapping[str, str],
        *,
        known: bool,
        failure: tuple[str, Exception] | None,
    ) -> Rows:
        """Rows of a file whose frames were looked at.

        Args:
            ref: the file.
            sha256: its contents.
            keys: stage -> datum key, of the stages that were run.
            known: whether its frames were looked at before, by other code or settings.
            failure: the stage that failed, and why.
        """
        rows = Rows()
        recovered = ref.uri in self.failed_before
        if failure is not None:
            stage, error = failure
            self._file(rows, ref, sha256, FAILED, error)
            self._stage(rows, ref, sha256, stage, keys[stage], FAILED, error)
            return rows
        if recovered:
            self._file(rows, ref, sha256, RECOVERED, None)
        elif not known and ref.uri not in self.files:
            self._file(rows, ref, sha256, NEW, None)
        state = RECOVERED if recovered else CHANGED if known else NEW
        for stage, key in keys.items():
            self._stage(rows, ref, sha256, stage, key, state, None)
        return rows

    def finished(self, found: Identified, skipped: Mapping[str, int]) -> Rows:
        """Rows of counts, and of files that recovered with nothing left to do with them."""
        rows = Rows()
        for visit in found.visits.values():
            if visit.ref.uri in self.failed_before and visit.ref.uri not in self.files:
                self._file(rows, visit.ref, visit.sha256, RECOVERED, None)
        if not self.files and not any(self.stages.values()):
            return rows
        counted = {
            FILE: {SKIP: self.counts(found.listed)[SKIP], FAILED: self.known_failures},
            **{
                stage: {SKIP: count, NEW: self.stages.get(stage, Counter())[NEW]}
                for stage, count in skipped.items()
            },
        }
        for stage, states in counted.items():
            for state, count in states.items():
                if count:
                    rows.add(TABLES["states"], self._row("", "", "", stage, "", state, count))
        return rows

    def counts(self, listed: int) -> dict[str, int]:
        """Files by state; `failed` has those, too, that were not tried again."""
        states = Counter(self.files.values())
        here = sum(states.values()) - states[REMOVED]
        found = {state: states[state] for state in STATES}
        found[FAILED] += self.known_failures
        found[SKIP] = listed - here - self.known_failures
        return found

    def _file(
        self, rows: Rows, ref: MediaRef, sha256: str, state: str, error: Exception | None
    ) -> None:
        self.files[ref.uri] = state
        row = self._row(ref.uri, ref.name, sha256, FILE, "", state, 1, error)
        rows.add(TABLES["states"], row)

    def _stage(
        self,
        rows: Rows,
        ref: MediaRef,
        sha256: str,
        stage: str,
        key: str,
        state: str,
        error: Exception | None,
    ) -> None:
        self.stages.setdefault(stage, Counter())[state] += 1
        if state != NEW:
            row = self._row(ref.uri, ref.name, sha256, stage, key, state, 1, error)
            rows.add(TABLES["states"], row)

    def _row(
        self,
        uri: str,
        name: str,
        sha256: str,
        stage: str,
        key: str,
        state: str,
        files: int,
        error: Exception | None = None,
    ) -> Row:
        row = state_row(self.run_id, stage, state, name=name, sha256=sha256, key=key, error=error)
        return {**row, "uri": uri, "files": files}


def state_row(
    run_id: str,
    stage: str,
    state: str,
    *,
    name: str,
    sha256: str,
    key: str = "",
    error: Exception | None = None,
) -> Row:
    """One row of `states`, of one datum that has no address."""
    return {
        "run_id": run_id,
        "stage": stage,
        "uri": "",
        "state": state,
        "name": storable(name),
        "sha256": sha256,
        "datum_key": key,
        "files": 1,
        "error_class": type(error).__name__ if error else "",
        "error": storable(str(error)) if error else "",
        "noted_at": datetime.now(UTC),
    }


def open_book(lake: Lake, run_id: str) -> StateBook:
    """Begin a run's book; reads which files failed last."""
    rows = lake.read(
        TABLES["states"],
        columns=["uri", "state", "noted_at"],
        where=("state", {FAILED, RECOVERED, REMOVED}),
    ).to_pylist()
    last = {row["uri"]: row["state"] for row in sorted(rows, key=lambda row: row["noted_at"])}
    failed = frozenset(uri for uri, state in last.items() if state == FAILED and uri)
    return StateBook(run_id, failed)


def states_of_run(lake: Lake, run_id: str, rev: str | None = None) -> dict[str, dict[str, int]]:
    """What a run did, as its rows tell: stage (or `file`) -> state -> how many.

    A file that was new and then failed counts as failed.
    """
    return states_of_runs(lake, {run_id}, rev).get(run_id, {})


def states_of_runs(
    lake: Lake, run_ids: Collection[str], rev: str | None = None
) -> dict[str, dict[str, dict[str, int]]]:
    """What runs did, as `states_of_run` tells it, by run; without those that have no rows."""
    table = TABLES["states"]
    columns = ["run_id", "stage", "uri", "state", "files"]
    rows = lake.read(table, columns=columns, where=("run_id", run_ids), rev=rev).to_pylist()
    failed = {
        (row["run_id"], row["stage"], row["uri"])
        for row in rows
        if row["state"] == FAILED and row["uri"]
    }
    found: dict[str, dict[str, Counter[str]]] = {}
    for row in rows:
        if row["state"] == FAILED or (row["run_id"], row["stage"], row["uri"]) not in failed:
            stages = found.setdefault(row["run_id"], {})
            stages.setdefault(row["stage"], Counter())[row["state"]] += row["files"]
    return {
        run: {stage: dict(counts) for stage, counts in stages.items()}
        for run, stages in found.items()
    }
