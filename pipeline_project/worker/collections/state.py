"""What the lake says of a pipeline's collections, and how a run's changes get there."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from pipeline_project import __version__
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.collections.definition import Step
from pipeline_project.core.collections.plan import State
from pipeline_project.core.hashing import canonical_json
from pipeline_project.worker.collections.held import Held, output_key
from pipeline_project.worker.collections.work import Outcome, Task

MEMBERS = TABLES["collection_members"]
RESULTS = TABLES["collection_results"]
REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a source, or a datum of a step.

    Attributes:
        member: path of the file, id of the datum.
        datum_key: of the datum's result; empty for a file.
        state: done, failed or removed.
        uri: of the file.
        sha256: of the file.
        fingerprint: of the file, when it was hashed.
    """

    member: str
    datum_key: str
    state: str
    uri: str = ""
    sha256: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a datum key: what was made, or that it failed."""

    state: State
    outputs: tuple[Held, ...]
    error: str = ""


@dataclass(slots=True)
class Snapshot:
    """All collections of a pipeline at one revision.

    Attributes:
        members: by collection and name; removed ones are left out.
        base: id of the newest commit that changed any of them; empty before the first.
    """

    members: dict[str, dict[str, Member]] = field(default_factory=dict)
    base: str = ""

    def of(self, collection: str) -> dict[str, Member]:
        """The members of one collection, by name."""
        return self.members.get(collection, {})


def read_snapshot(lake: Lake, pipeline: str, rev: str | None = None) -> Snapshot:
    """Read the members of every collection of a pipeline.

    Raises:
        LakeError: no such revision, or the table cannot be read.
    """
    columns = [*MEMBERS.schema.names[1:-1], "commit_id"]
    more = {} if rev is None else {"rev": rev}
    rows = lake.read(MEMBERS, columns=columns, where=("pipeline", [pipeline]), **more)
    snapshot = Snapshot()
    by_name = {name: rows[name].to_pylist() for name in columns}
    for collection, name, uri, sha256, fingerprint, key, state, commit in zip(
        *by_name.values(), strict=True
    ):
        snapshot.base = max(snapshot.base, commit)
        if state != REMOVED:
            members = snapshot.members.setdefault(collection, {})
            members[name] = Member(name, key, state, uri, sha256, fingerprint)
    return snapshot


def read_results(lake: Lake, keys: Collection[str], rev: str | None = None) -> dict[str, Result]:
    """Read the results of these datum keys, where there are any."""
    if not keys:
        return {}
    more = {} if rev is None else {"rev": rev}
    columns = ["datum_key", "state", "outputs", "error_class", "error"]
    rows = lake.read(RESULTS, columns=columns, where=("datum_key", set(keys)), **more)
    found = {}
    for key, state, outputs, error_class, error in zip(
        *(rows[name].to_pylist() for name in columns), strict=True
    ):
        found[key] = Result(
            state=cast(State, state),
            outputs=tuple(Held.from_json(each) for each in json.loads(outputs)),
            error=f"{error_class}: {error}" if error_class else "",
        )
    return found


def named_outputs(written: Iterable[str]) -> set[str]:
    """Keys of the objects that results need, given as their rows' `outputs`."""
    return {
        output_key(each["sha256"])
        for outputs in written
        for each in json.loads(outputs or "[]")
        if "data" not in each
    }


def result_row(
    *,
    key: str,
    pipeline: str,
    step: Step,
    version: str,
    model_sha256: str,
    task: Task,
    outcome: Outcome,
    run_id: str,
) -> dict[str, Any]:
    """The line of one datum that was worked on."""
    inputs = [
        {"name": name, "path": held.path, "sha256": held.sha256}
        for name, files in task.parts
        for held in files
    ]
    return {
        "datum_key": key,
        "pipeline": pipeline,
        "step": step.name,
        "step_version": version,
        "settings": canonical_json(step.settings),
        "model_sha256": model_sha256,
        "inputs": canonical_json(inputs),
        "outputs": canonical_json([each.as_json() for each in outcome.outputs]),
        "state": "failed" if outcome.error_class else "done",
        "error_class": outcome.error_class,
        "error": outcome.error,
        "duration_s": outcome.duration_s,
        "run_id": run_id,
        "code_version": __version__,
        "finished_at": datetime.now(UTC),
    }


def member_changes(
    pipeline: str,
    collection: str,
    before: Mapping[str, Member],
    now: Mapping[str, Member],
) -> list[dict[str, Any]]:
    """The lines that turn what was into what is; nothing for what stayed."""
    gone = [Member(name, "", REMOVED) for name in before if name not in now]
    changed = [each for name, each in now.items() if before.get(name) != each]
    return [_member_row(pipeline, collection, each) for each in _in_order(gone, changed)]


def _in_order(*members: Sequence[Member]) -> Iterable[Member]:
    return sorted((each for some in members for each in some), key=lambda each: each.member)


def _member_row(pipeline: str, collection: str, member: Member) -> dict[str, Any]:
    return {
        "pipeline": pipeline,
        "collection": collection,
        "member": member.member,
        "uri": member.uri,
        "sha256": member.sha256,
        "fingerprint": member.fingerprint,
        "datum_key": member.datum_key,
        "state": member.state,
    }
