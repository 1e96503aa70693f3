"""What becomes of a run's set in the stages that take it as a whole: rows of the table `states`.

Deduplicate, select and write have one datum each, the set that a dataset's selection is made of,
under the key of `selection_sets`. It is new for a dataset's first selection, and changed when
files, settings, code or the picks before it are other ones than before. Where a stage fails its
line is all that the run leaves of the set; it is tried again whenever somebody runs it, and has
recovered when it is done. A set that is known is skipped.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.errors import PipelineError
from pipeline_project.worker.checkpoints import Checkpoints
from pipeline_project.worker.ledger import Row, Rows, storable
from pipeline_project.worker.stages import SET_STAGES
from pipeline_project.worker.states import CHANGED, FAILED, NEW, RECOVERED, SKIP, state_row


@dataclass(slots=True)
class SetBook:
    """Keeps the states of one dataset's set in one run.

    Attributes:
        lake: holds the states of earlier runs.
        run_id: of the run.
        dataset: whose set it is.
        stages: those that this run does itself.
        at: the stage that is at work, and fails if anything does.
        states: stage -> state, as far as they are told.
    """

    lake: Lake
    run_id: str
    dataset: str
    stages: Sequence[str] = SET_STAGES
    at: str = "select"
    states: dict[str, str] = field(default_factory=dict)

    def made(self, key: str, candidates_sha256: str, *, first: bool) -> Rows:
        """Rows of a set that was done; `first` is of a dataset without any selection so far."""
        before = self._last()
        rows = Rows()
        for stage in self.stages:
            recovered = before.get(stage) == FAILED
            state = RECOVERED if recovered else NEW if first else CHANGED
            rows.add(TABLES["states"], self._row(stage, state, key, candidates_sha256))
        return rows

    def failed(self, error: PipelineError, checkpoints: Checkpoints) -> None:
        """Record that the stage at work failed; whoever calls raises the error itself."""
        rows = Rows()
        rows.add(TABLES["states"], self._row(self.at, FAILED, "", "", error))
        # The lake may be what failed: then its error is told, and nothing can be written down.
        with contextlib.suppress(PipelineError):
            checkpoints.commit(f"{self.at} failed", rows)

    def skipped(self, candidates_sha256: str, checkpoints: Checkpoints) -> None:
        """Note that the set is known; a run in which nothing else happened writes no line of it."""
        rows = Rows()
        for stage in self.stages:
            rows.add(TABLES["states"], self._row(stage, SKIP, "", candidates_sha256))
        if checkpoints.last is not None:
            checkpoints.commit("the set is known", rows)

    def counts(self) -> dict[str, dict[str, int]]:
        """Stage -> state -> 1, as the run's result tells states."""
        return {stage: {state: 1} for stage, state in self.states.items()}

    def _last(self) -> dict[str, str]:
        """Stage -> state of the last run of this dataset in which it did something."""
        rows = self.lake.read(
            TABLES["states"],
            columns=["stage", "name", "state", "noted_at"],
            where=("stage", set(self.stages)),
        ).to_pylist()
        name = storable(self.dataset)
        own = [row for row in rows if row["name"] == name and row["state"] != SKIP]
        return {row["stage"]: row["state"] for row in sorted(own, key=lambda row: row["noted_at"])}

    def _row(
        self,
        stage: str,
        state: str,
        key: str,
        candidates_sha256: str,
        error: PipelineError | None = None,
    ) -> Row:
        self.states[stage] = state
        return state_row(
            self.run_id,
            stage,
            state,
            name=self.dataset,
            sha256=candidates_sha256,
            key=key,
            error=error,
        )
