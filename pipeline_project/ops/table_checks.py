"""The checks of the tables after a run; each looks at what that run added, not at all there is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.base import Commit, Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table, embeddings_table
from pipeline_project.core.checks import Fact, Verdict, moire_drift, no_nulls, reject_share
from pipeline_project.core.checks import rows_agree as agree
from pipeline_project.core.checks_config import ChecksConfig
from pipeline_project.errors import LakeError, RemoteFailed
from pipeline_project.resources.store import RunStore
from pipeline_project.worker.request import WorkerResult

MAX_ROWS = 100_000  # more rows of one run are not looked at: the first so many speak for all
_COMMITS_BACK = 200  # how far a check that is started by hand looks for a run
_STAGES = {"frames": "sample", "scores": "score", "labels": "classify"}


@dataclass(frozen=True)
class Looked:
    """One run, and what is needed to look at it.

    Attributes:
        lake: holds the tables.
        result: of the run.
        config: the limits.
    """

    lake: Lake
    result: WorkerResult
    config: ChecksConfig

    def rejects(self) -> Verdict:
        """How many of the run's files were rejected."""
        counts = self.result.counts
        rejected, listed = int(counts.get("rejected", 0)), int(counts.get("listed", 0))
        return reject_share(rejected, listed, self.config.max_reject_share)

    def nulls(self) -> Verdict:
        """Whether new frames lack a measure."""
        keys, rows, of = self._some("score")
        table = TABLES["scores"]
        measures = [name for name in table.schema.names if name not in (*table.key, "datum_key")]
        read = self.lake.read(table, columns=measures, where=("datum_key", keys))
        return no_nulls({name: read[name].null_count for name in measures}, rows, of)

    def moire(self) -> Verdict:
        """Whether new frames show moiré about as often as those of the commits before."""
        now: list[Commit] = []
        before: list[Commit] = []
        for commit in self.lake.log():
            if commit.counts.get("labels"):
                (now if commit.run_id == self.result.run_id else before).append(commit)
            if len(before) == self.config.moire_commits:
                break
        return moire_drift(
            self._labels(now), self._labels(before), self.config.moire_drift, self.config.min_frames
        )

    def rows(self, *tables: str) -> Verdict:
        """Whether the tables hold as many rows of the run's files as its ledger says."""
        recorded, found = {}, {}
        for table in tables:
            keys, recorded[table], _ = self._some(_STAGES[table])
            found[table] = self._count(TABLES[table], "datum_key", keys)
        return agree(recorded, found)

    def vectors(self) -> Verdict:
        """Whether the run's space holds a vector for each frame that the ledger says was embedded.

        A run whose selection another run made before has nothing to compare.
        """
        ids = {self.result.selection_id}
        sets = self.lake.read(
            TABLES["selection_sets"], columns=["space"], where=("selection_id", ids)
        )
        keys, recorded, _ = self._some("embed")
        if not keys or not sets.num_rows:
            return agree({}, {})
        # Only its name is needed: no vector is read.
        table = replace(embeddings_table("", 1), name=sets["space"][0].as_py())
        found = self._count(table, "datum_key", keys)
        return agree({"embeddings": recorded}, {"embeddings": found})

    def picks(self) -> Verdict:
        """Whether the selection holds as many frames as the run picked."""
        found = self._count(TABLES["selections"], "selection_id", {self.result.selection_id})
        return agree(
            {"selections": int(self.result.counts.get("picked", 0))}, {"selections": found}
        )

    @cached_property
    def _ledger(self) -> pa.Table:
        """What the run did, read once for all checks."""
        return self.lake.read(
            TABLES["datums"],
            columns=["datum_key", "stage", "state", "rows"],
            where=("run_id", {self.result.run_id}),
        )

    def _some(self, stage: str) -> tuple[set[str], int, int]:
        """Of what the run did at a stage as much as `MAX_ROWS` allows.

        Returns:
            Datum keys, their rows, and the rows of all that the run did.
        """
        ledger = self._ledger
        of_stage = pc.equal(ledger["stage"], stage)
        done = ledger.filter(pc.and_(of_stage, pc.equal(ledger["state"], "done")))
        rows = np.asarray(done["rows"].to_numpy(), dtype=np.int64)
        number = int(np.searchsorted(np.cumsum(rows), MAX_ROWS)) + 1
        keys = done["datum_key"].slice(0, number).to_pylist()
        return set(keys), int(rows[:number].sum()), int(rows.sum())

    def _labels(self, commits: Iterable[Commit]) -> tuple[int, int]:
        ids: set[str] = set()
        rows = 0
        for commit in commits:
            if rows < MAX_ROWS:
                ids.add(commit.commit_id)
                rows += commit.counts["labels"]
        read = self.lake.read(TABLES["labels"], columns=["label"], where=("commit_id", ids))
        labels = read["label"].to_pylist()
        return labels.count("moire"), len(labels)

    def _count(self, table: Table, column: str, values: set[str]) -> int:
        rows: int = self.lake.read(table, columns=[column], where=(column, values)).num_rows
        return rows


@dataclass(frozen=True, slots=True)
class TableCheck:
    """One check: of which asset, under which name, and how it looks."""

    asset: str
    name: str
    description: str
    look: Callable[[Looked], Verdict]
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR


CHECKS = (
    TableCheck(
        "rejects",
        "share_of_rejects",
        "Not too many of the last run's files were rejected (`checks.max_reject_share`).",
        Looked.rejects,
        dg.AssetCheckSeverity.WARN,
    ),
    TableCheck(
        "frames",
        "frame_rows",
        "As many frames as the ledger says were sampled.",
        lambda run: run.rows("frames"),
    ),
    TableCheck(
        "scores",
        "score_rows",
        "A row of scores and a label for each frame that the ledger says was scored.",
        lambda run: run.rows("scores", "labels"),
    ),
    TableCheck("scores", "no_null_scores", "Each new frame has each measure.", Looked.nulls),
    TableCheck(
        "scores",
        "moire_drift",
        "Moiré is about as frequent as in the commits before (`checks.moire_drift`).",
        Looked.moire,
        dg.AssetCheckSeverity.WARN,
    ),
    TableCheck(
        "embeddings",
        "embedding_rows",
        "A vector for each frame that the ledger says was embedded.",
        Looked.vectors,
    ),
    TableCheck(
        "selections", "picked_rows", "As many rows as the run says it picked.", Looked.picks
    ),
)


def latest_run(lake: Lake, store: RunStore) -> WorkerResult:
    """Find the newest run that committed and left its result.

    Raises:
        LakeError: there is none.
    """
    seen: set[str] = set()
    for commit in islice(lake.log(), _COMMITS_BACK):
        if commit.run_id in seen:
            continue
        seen.add(commit.run_id)
        try:
            return store.read_result(commit.run_id)
        except RemoteFailed:
            continue  # a commit of reviewers or labels, or of a run that was killed
    raise LakeError(
        f"Looking for a run to check: none of the newest {_COMMITS_BACK} commits is of a run that "
        "left a result. Run curation_job first."
    )


def shown_facts(verdict: Verdict) -> dict[str, dg.MetadataValue]:
    """A verdict's facts as Dagster shows them."""

    def value(fact: Fact) -> dg.MetadataValue:
        if isinstance(fact, str):
            return dg.MetadataValue.text(fact)
        return dg.MetadataValue.int(fact) if isinstance(fact, int) else dg.MetadataValue.float(fact)

    return {name: value(fact) for name, fact in verdict.facts.items()}
