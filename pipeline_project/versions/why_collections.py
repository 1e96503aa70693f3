"""What steps of collections made of a file, as the collections are now."""

from collections.abc import Collection
from typing import Any

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.versions.derived import derived, files_in
from pipeline_project.worker.collections.state import (
    MEMBERS,
    REMOVED,
    RESULTS,
    Member,
    read_snapshot,
)

Row = dict[str, Any]

_TOLD = (
    "step",
    "state",
    "step_version",
    "model_sha256",
    "datum_key",
    "code_version",
    "run_id",
    "finished_at",
    "duration_s",
    "error_class",
    "error",
)


def member_files(lake: Lake, name: str, uris: Collection[str]) -> list[Row]:
    """Files of collections by address, or by their path there, as rows of `media_sources`.

    They are known by no more than this where no run looked at them as media.
    """
    path = name if name.startswith("/") else f"/{name}"
    rows = lake.read(MEMBERS, where=("uri", set(uris))).to_pylist()
    rows = rows or _of_path(lake, path)
    by_uri = {row["uri"]: row for row in rows if row["uri"]}
    empty = dict.fromkeys(TABLES["media_sources"].schema.names[:-1])
    return [
        {
            **empty,
            "uri": row["uri"],
            "name": row["member"].lstrip("/"),
            "sha256": row["sha256"],
            "attribution": "{}",
        }
        for row in by_uri.values()
    ]


def _of_path(lake: Lake, path: str) -> list[Row]:
    """Members of a path; of one that was removed as the commit before knew it."""
    columns = list(MEMBERS.schema.names)
    rows: list[Row] = lake.read(MEMBERS, columns=columns, where=("member", {path})).to_pylist()
    for commit_id in {row["commit_id"] for row in rows if row["state"] == REMOVED}:
        rev = f"{commit_id}~1"
        rows += lake.read(MEMBERS, columns=columns, where=("member", {path}), rev=rev).to_pylist()
    return rows


def collections_of(lake: Lake, uri: str) -> list[Row]:
    """Each collection that holds a file, or did, with all that steps made of it."""
    columns = ["pipeline", "collection", "member"]
    rows = lake.read(MEMBERS, columns=columns, where=("uri", {uri})).to_pylist()
    found = []
    for row in sorted(rows, key=lambda row: [row[name] for name in columns]):
        members = read_snapshot(lake, row["pipeline"]).members
        now = members.get(row["collection"], {}).get(row["member"])
        here = now if now is not None and now.uri == uri else None
        found.append(
            {
                "pipeline": row["pipeline"],
                "collection": row["collection"],
                "path": row["member"],
                "state": here.state if here else "removed",
                "sha256": here.sha256 if here else None,
                "steps": _steps(lake, row["pipeline"], here, members) if here else [],
            }
        )
    return found


def _steps(
    lake: Lake, pipeline: str, file: Member, members: dict[str, dict[str, Member]]
) -> list[Row]:
    """Results of the current state that hold the file, each after those that it was made of."""
    keys = {each.datum_key for some in members.values() for each in some.values()} - {""}
    columns = ["pipeline", "inputs", "outputs", *_TOLD]
    rows = lake.read(RESULTS, columns=columns, where=("datum_key", keys)).to_pylist()
    known = {(pipeline, file.member, file.sha256)}
    steps = []
    for row in derived(lambda: rows, known):
        given, made = files_in(row, "inputs"), files_in(row, "outputs")
        finished_at = row["finished_at"]
        steps.append(
            {
                **{name: row[name] for name in _TOLD},
                "finished_at": finished_at.isoformat() if finished_at else None,
                "inputs_of_it": sorted({path for _, path, _ in given & known}),
                "other_inputs": len(given - known),
                "outputs": sorted(path for _, path, _ in made),
            }
        )
        known |= made
    return steps
