"""What people took back of a dataset's past."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES

EditKind = Literal["frame", "source", "all", "rebuild"]


@dataclass(frozen=True, slots=True)
class PoolEdit:
    """One edit; it concerns the selections that were made before it.

    Attributes:
        edit_id: its name.
        kind: frame: its pick is forgotten; source: so are all picks of this file, and that it was
            looked at; all: so is everything; rebuild: earlier edits are.
        value: frame id, or hash of the file; empty for the others.
        created_at: when, UTC.
    """

    edit_id: str
    kind: EditKind
    value: str
    created_at: datetime


def read_edits(lake: Lake, dataset: str) -> list[PoolEdit]:
    """All edits of a dataset's past, oldest first."""
    rows = lake.read(TABLES["datapool_edits"], where=("dataset", {dataset})).to_pylist()
    found = [PoolEdit(r["edit_id"], r["kind"], r["value"], r["created_at"]) for r in rows]
    return sorted(found, key=lambda each: each.created_at)


def live_edits(edits: Sequence[PoolEdit]) -> list[PoolEdit]:
    """The edits that count: those after the last rebuild."""
    last = max((n for n, each in enumerate(edits) if each.kind == "rebuild"), default=-1)
    return list(edits[last + 1 :])


def forgotten(live: Sequence[PoolEdit], name: str, made_at: datetime) -> bool:
    """Tell whether what a selection recorded of a frame or file is taken back.

    Args:
        live: edits that count.
        name: a frame id, or the hash of a file; empty for the selection as a whole.
        made_at: when the selection was made.
    """
    for edit in live:
        if edit.created_at >= made_at and (
            edit.kind == "all" or (edit.value and edit.value in (name, name.partition(":")[0]))
        ):
            return True
    return False


def record_edits(lake: Lake, dataset: str, edits: Sequence[tuple[EditKind, str]]) -> None:
    """Record edits of a dataset's past, all or none."""
    now = datetime.now(UTC)
    rows = [
        {
            "edit_id": f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
            "dataset": dataset,
            "kind": kind,
            "value": value,
            "created_at": now,
        }
        for kind, value in edits
    ]
    writer = lake.begin(run_id=str(rows[0]["edit_id"]))
    writer.append(TABLES["datapool_edits"], rows)
    words = f"{len(rows)} edits" if len(rows) > 1 else " ".join(edits[0]).strip()
    writer.commit(f"datapool of {dataset}: {words}")
