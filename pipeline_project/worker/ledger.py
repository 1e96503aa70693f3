"""What is done already, and the rows that say so."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline_project import __version__
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.core.hashing import canonical_json
from pipeline_project.core.records import MediaKind
from pipeline_project.worker.stages import FILE, VERSIONS, Stages, file_key

Row = dict[str, object]


@dataclass(slots=True)
class Rows:
    """Rows on their way into the lake, by table."""

    by_table: dict[str, tuple[Table, list[Row]]] = field(default_factory=dict)

    def add(self, table: Table, *rows: Row) -> None:
        """Take rows for a table."""
        self.by_table.setdefault(table.name, (table, []))[1].extend(rows)

    def take(self, other: "Rows") -> None:
        """Take all rows of another."""
        for table, rows in other.by_table.values():
            self.add(table, *rows)

    def count(self) -> int:
        """Rows waiting."""
        return sum(len(rows) for _, rows in self.by_table.values())


def read_states(lake: Lake, keys: Collection[str]) -> dict[str, str]:
    """State (`done` or `failed`) of each of these datum keys that was ever worked on."""
    rows = lake.read(
        TABLES["datums"], columns=["datum_key", "state"], where=("datum_key", set(keys))
    )
    return dict(zip(rows["datum_key"].to_pylist(), rows["state"].to_pylist(), strict=True))


def sampled_before(lake: Lake, hashes: Collection[str]) -> set[str]:
    """Those of these contents whose frames were sampled before, in whatever way."""
    rows = lake.read(
        TABLES["datums"], columns=["input_sha256", "stage"], where=("input_sha256", set(hashes))
    ).to_pylist()
    return {row["input_sha256"] for row in rows if row["stage"] == "sample"}


def datum_row(
    *,
    key: str,
    stage: str,
    input_sha256: str,
    run_id: str,
    params: dict[str, object] | None = None,
    model_sha256: str = "",
    rows: int = 0,
    duration_s: float = 0.0,
    error: Exception | None = None,
    stage_version: str = "",
) -> Row:
    """The ledger's line for one stage run on one input; with an error it is `failed`."""
    return {
        "datum_key": key,
        "stage": stage,
        "stage_version": stage_version or VERSIONS[stage],
        "input_sha256": input_sha256,
        "params": canonical_json(params or {}),
        "model_sha256": model_sha256,
        "state": "failed" if error else "done",
        "rows": rows,
        "error_class": type(error).__name__ if error else "",
        "error": storable(str(error)) if error else "",
        "duration_s": duration_s,
        "run_id": run_id,
        "code_version": __version__,
        "finished_at": datetime.now(UTC),
    }


def file_row(stages: Stages, kind: MediaKind, sha256: str, run_id: str) -> Row:
    """The ledger's line that everything is done with one file."""
    plan = stages.plan(kind)
    key = file_key(sha256, plan)
    return datum_row(key=key, stage=FILE, input_sha256=sha256, run_id=run_id, stage_version=plan)


def storable(text: str) -> str:
    """Escape what UTF-8 cannot hold, the odd bytes of a file name in an error, say."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def frame_datum_rows(
    stages: Stages,
    kind: str,
    made: dict[str, tuple[str, str, int, float]],
    run_id: str,
) -> list[Row]:
    """Ledger lines of finished frame stages, given as stage -> (key, input, rows, seconds)."""
    return [
        datum_row(
            key=key,
            stage=stage,
            input_sha256=input_sha256,
            run_id=run_id,
            params=stages.params(stage, "image" if kind == "image" else "video"),
            model_sha256=stages.model_sha256(stage),
            rows=rows,
            duration_s=duration_s,
        )
        for stage, (key, input_sha256, rows, duration_s) in made.items()
    ]


def reject_row(
    *,
    uri: str,
    name: str,
    sha256: str,
    stage: str,
    key: str,
    error_class: str,
    message: str,
    damaged: bool,
    run_id: str,
) -> Row:
    """The line of a file that could not be used, or (damaged) only in part.

    `key` says how long it counts: a datum key as long as the same bytes meet the same code;
    nothing for the one run only, since the next may fare better. Such a row has the run's id for
    its key, so that of two runs at the same time each keeps its own.
    """
    return {
        "uri": uri,
        "name": name,
        "sha256": sha256,
        "datum_key": key or run_id,
        "stage": stage,
        "error_class": error_class,
        "message": storable(message),
        "damaged": damaged,
        "run_id": run_id,
    }
