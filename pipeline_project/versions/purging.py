"""Takes one source out of every version: a privacy request, which cannot be undone.

What is to go is written down first (`purges/<id>.json` in the lake), so that a purge that was
killed is finished by the next one; at its end that record keeps counts alone, no name and no hash.
Bytes that another source holds too stay with that source; only the origin is forgotten.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.adapters.lake.lance import LanceLake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.adapters.lake.upkeep import Upkeep
from pipeline_project.errors import ConfigError, LakeError
from pipeline_project.versions.purged_collections import (
    blank_members,
    find_taken,
    member_sources,
    named,
)

_SHA256_DIGITS = 64
_HASHES = ("sha256", "media_sha256", "input_sha256", "value", "member")
_KEYS = ("datum_key", "sample_key", "input_sha256")
_ADDRESSES = ("uri", "value", "member")
_TEXTS = ("inputs", "outputs")  # JSON that may name a hash
_FRAMES = ("frame_id", "value")
_SHORT = 3  # letters; a name no longer than that stands in many a text by chance
_PASSES = 5  # a run that is at work may write the source again while it is taken out
_NO_AGE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a purge takes.

    Attributes:
        purge_id: names it.
        uris: addresses that are forgotten.
        names: what people call them.
        hashes: of contents that no other source holds: everything made of them goes.
        shared: of contents that stay, because other sources hold them too.
        datum_keys: of the results made of the contents that go.
        files: selection id -> names of its picks that go; a selection that only looked at the
            source has none.
        steps: `pipeline/step` -> results of collections that were made of it.
        members: files and datums of collections that go as a whole.
        outputs: store keys of what those steps made.
        turns: folders of the store about states of pipelines that are no more.
    """

    purge_id: str
    uris: list[str]
    names: list[str]
    hashes: list[str]
    shared: list[str]
    datum_keys: list[str]
    files: dict[str, list[str]]
    steps: dict[str, int] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Purged:
    """What a purge took: rows by table, objects and files, and the bytes of both.

    `steps` are results by step of collections. `left` are files that hold the source and are not
    ours to change, or not known to be done.
    """

    purge_id: str
    rows: dict[str, int] = field(default_factory=dict)
    objects: int = 0
    files: list[str] = field(default_factory=list)
    bytes_freed: int = 0
    shared: int = 0
    young_files: int = 0
    left: list[str] = field(default_factory=list)
    steps: dict[str, int] = field(default_factory=dict)


def make_plan(lake: LanceLake, source: str, purge_id: str, addresses: Collection[str] = ()) -> Plan:
    """Find out what a source has left in any version, committed or not.

    Args:
        lake: all of its rows are looked at.
        source: address, path, name or hash of the file.
        purge_id: names the purge.
        addresses: of the file that `source` is the path of.

    Raises:
        LakeError: no version knows the source.
        ConfigError: several sources are called so.
    """
    upkeep = Upkeep(lake)
    columns = ["uri", "sha256", "name", "seen_at", "gone", "source", "stored_uri"]
    rows = list(_rows(upkeep, TABLES["media_sources"], columns))
    rows += list(_rows(upkeep, TABLES["rejects"], columns))
    rows += list(member_sources(upkeep))
    wanted = {source, *addresses}
    meant = [row for row in rows if row["uri"] in wanted or row["sha256"] == source]
    if not meant:
        meant = [row for row in rows if row["name"] == source]
        called = {row["uri"] for row in meant}
        called -= _upload_places(rows, called)
        if len(called) > 1:
            addresses = ", ".join(sorted(called)[:5])
            raise ConfigError(
                f"Purging {source}: several sources are called so. Name one by its address: "
                f"{addresses}."
            )
    if not meant:
        raise LakeError(
            f"Purging {source}: no version of this lake knows such a source. Name it by its "
            "address, path, name below the source, or SHA-256."
        )
    uris = {row["uri"] for row in meant}
    uris |= _upload_places(rows, uris)
    contents = {row["sha256"] for row in rows if row["uri"] in uris and row["sha256"]}
    last = {(row["uri"], row["sha256"]): row for row in sorted(rows, key=_seen)}
    shared = {
        sha256
        for (uri, sha256), row in last.items()
        if sha256 in contents and uri not in uris and not row.get("gone")
    }
    hashes = contents - shared
    collections = find_taken(lake, uris, hashes)
    return Plan(
        purge_id=purge_id,
        uris=sorted(uris),
        names=sorted({row["name"] for row in meant if row["name"]}),
        hashes=sorted(hashes),
        shared=sorted(shared),
        datum_keys=sorted(_datum_keys(upkeep, hashes) | collections.keys),
        files=_files(upkeep, hashes),
        steps=collections.steps,
        members=collections.members,
        outputs=collections.outputs,
        turns=collections.turns,
    )


def _upload_places(rows: Sequence[dict[str, Any]], uris: Collection[str]) -> set[str]:
    """Where uploads of these sources are, if an older version took that for their address."""
    places = {row["stored_uri"] for row in rows if row["uri"] in uris and row.get("stored_uri")}
    return {
        row["uri"]
        for row in rows
        if row["uri"] in places and not (row.get("source") or "").startswith("pexels:")
    }


def write_plan(lake: LanceLake, plan: Plan) -> None:
    """Write down what is to go: from here on the purge will be finished."""
    lake.store.put_new(_key(plan.purge_id), json.dumps(asdict(plan)).encode())


def pending(lake: LanceLake) -> list[Plan]:
    """Purges that were begun and not finished."""
    found = []
    for item in lake.store.list("purges"):
        fields = json.loads(lake.store.get(item.key))
        if "done_at" not in fields:
            found.append(Plan(**fields))
    return found


def purge_rows(lake: LanceLake, plan: Plan) -> Purged:
    """Take the rows out of every version, and what held them off the disk."""
    upkeep = Upkeep(lake)
    purged = Purged(plan.purge_id, shared=len(plan.shared), steps=plan.steps)
    blank_members(
        lake, uris=plan.uris, hashes=plan.hashes, keys=plan.datum_keys, members=plan.members
    )
    tables = lake.tables()
    for _ in range(_PASSES):
        taken = 0
        for table in tables:
            columns, choose = _chosen(plan, table)
            if columns and (rows := upkeep.remove(table, columns, choose)):
                purged.rows[table.name] = purged.rows.get(table.name, 0) + rows
                taken += rows
        if not taken:
            break
    for table in tables:
        # Also where no row was found: a purge that was killed may have got as far as that.
        upkeep.compact(table)
        purged.bytes_freed += upkeep.drop_versions(table, _NO_AGE).size_bytes
        purged.bytes_freed += upkeep.drop_strays(table, _NO_AGE).size_bytes
        purged.young_files += upkeep.young_strays(table)
    return purged


def finish(lake: LanceLake, plan: Plan, purged: Purged) -> None:
    """Forget what the purge was about, and tell in every branch's log that there was one."""
    done = {
        "purge_id": plan.purge_id,
        "done_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": purged.rows,
        "objects": purged.objects,
        "files": len(purged.files),
    }
    upkeep = Upkeep(lake)
    for branch in lake.branches():
        upkeep.record(branch.name, "a source was purged from every version", plan.purge_id)
    lake.store.put(_key(plan.purge_id), json.dumps(done).encode())


def _chosen(plan: Plan, table: Table) -> tuple[list[str], Callable[[pa.Table], pa.Array]]:
    """Which columns tell a row of the source, and which rows are."""
    hashes, keys = pa.array(plan.hashes, pa.string()), pa.array(plan.datum_keys, pa.string())
    uris = pa.array(plan.uris, pa.string())
    told = {*_HASHES, *_KEYS, *_ADDRESSES, *_TEXTS, *_FRAMES}
    columns = [
        item.name for item in table.schema if item.name in told and pa.types.is_string(item.type)
    ]
    if table.name == "states":
        columns.append("error")
    members = pa.array(plan.members, pa.string()) if table.name == "collection_members" else None
    if members is not None:
        columns = list(dict.fromkeys([*columns, "pipeline", "collection"]))

    def choose(rows: pa.Table) -> pa.Array:
        chosen = pa.array([False] * rows.num_rows, pa.bool_())

        def add(these: pa.ChunkedArray) -> None:
            nonlocal chosen
            chosen = pc.or_(chosen, pc.fill_null(these, False))

        if members is not None:
            add(pc.is_in(named(rows), value_set=members))
        if table.name == "states":
            add(_of_sets(rows, plan))
        for name in rows.schema.names:
            if name in _HASHES:
                add(pc.is_in(rows[name], value_set=hashes))
            if name in _KEYS:
                add(pc.is_in(rows[name], value_set=keys))
            if name in _ADDRESSES:
                add(pc.is_in(rows[name], value_set=uris))
            if name in _FRAMES:
                file = pc.utf8_slice_codeunits(rows[name], 0, _SHA256_DIGITS)
                add(pc.is_in(file, value_set=hashes))
            if name in _TEXTS:
                for sha256 in plan.hashes:
                    add(pc.match_substring(rows[name], sha256))
        return chosen

    return columns, choose


def _of_sets(rows: pa.Table, plan: Plan) -> pa.Array:
    """Which rows are of sets whose error names the source."""
    words = [*plan.uris, *plan.hashes]
    if plan.hashes or not plan.shared:  # else the same name may be the other source's
        words += [name for name in plan.names if len(name) > _SHORT]
    named = pa.array([False] * rows.num_rows, pa.bool_())
    for word in words:
        named = pc.or_(named, pc.match_substring(pc.fill_null(rows["error"], ""), word))
    return pc.and_(pc.equal(rows["uri"], ""), named)


def _datum_keys(upkeep: Upkeep, hashes: set[str]) -> set[str]:
    """Keys of all results made of these contents, and of results made of those."""
    rows = list(_rows(upkeep, TABLES["datums"], ["datum_key", "input_sha256"]))
    made_of: dict[str, set[str]] = {}
    for row in rows:
        made_of.setdefault(row["input_sha256"], set()).add(row["datum_key"])
    keys: set[str] = set()
    waiting = list(hashes)
    while waiting:
        new = made_of.get(waiting.pop(), set()) - keys
        keys |= new
        waiting += new
    return keys


def _files(upkeep: Upkeep, hashes: set[str]) -> dict[str, list[str]]:
    """The selections that looked at these contents, and the files of their picks."""
    found: dict[str, list[str]] = {}
    for row in _rows(upkeep, TABLES["candidates"], ["selection_id", "frame_id"]):
        if row["frame_id"][:_SHA256_DIGITS] in hashes:
            found.setdefault(row["selection_id"], [])
    for row in _rows(upkeep, TABLES["selections"], ["selection_id", "frame_id", "file_name"]):
        if row["frame_id"][:_SHA256_DIGITS] in hashes:
            files = found.setdefault(row["selection_id"], [])
            if row["file_name"] not in files:
                files.append(row["file_name"])
    return found


def _rows(upkeep: Upkeep, table: Table, columns: list[str]) -> Iterator[dict[str, Any]]:
    for rows in upkeep.scan(table, columns):
        yield from rows.to_pylist()


def _seen(row: dict[str, Any]) -> datetime:
    return row.get("seen_at") or datetime.min.replace(tzinfo=UTC)


def _key(purge_id: str) -> str:
    return f"purges/{purge_id}.json"
