"""Why a frame was picked or not, and why a file was used or not: everything the lake knows of it.

A frame is walked back to the file it is from, that file's attribution, and every stage that made
something of it, with its input, code version, settings, time and run; and forward to all
selections that looked at it; of a file also what steps of collections made of it. Frames of
removed files are read at the last commit that shows them.
"""

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

import pyarrow.compute as pc

from pipeline_project.adapters.addresses import shown
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.frame_names import token_in, token_of
from pipeline_project.core.quality.registry import SHOWN
from pipeline_project.errors import ConfigError
from pipeline_project.versions.near_names import near
from pipeline_project.versions.why_collections import collections_of, member_files
from pipeline_project.worker.stages import DATUM_STAGES

Row = dict[str, Any]

_FRAME = re.compile(r"[0-9a-f]{64}:-?\d+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LEDGER = (
    "stage",
    "state",
    "stage_version",
    "input_sha256",
    "params",
    "model_sha256",
    "datum_key",
    "code_version",
    "run_id",
    "finished_at",
    "duration_s",
    "error_class",
    "error",
)


def why(lake: Lake, name: str, addresses: Collection[str] = ()) -> list[Row]:
    """Tell all that is known of what a name stands for, one object each.

    Args:
        lake: to look in.
        name: a frame's id, the name of a picked or exported frame's file, or a source file by its
            name, address or hash.
        addresses: of the file that the name is a path of, where there is such a file.

    Raises:
        ConfigError: nothing has this name; the message lists names that are like it.
    """
    name = shown(name)  # no row holds other bytes than text; an address encodes them
    base = name.replace("\\", "/").rpartition("/")[2]
    frames = [name] if _FRAME.fullmatch(name) else _frames_named(lake, base)
    found = [facts for frame in frames if (facts := _frame(lake, frame)) is not None]
    if found:
        return found
    sources = _sources_named(lake, name, addresses)
    if sources:
        return [_file(lake, rows) for rows in sources]
    picks = lake.read(TABLES["selections"], columns=["file_name"])["file_name"]
    files = lake.read(TABLES["media_sources"], columns=["name"])["name"]
    like = near(base, picks, files)
    hint = f"Names like it: {', '.join(like)}." if like else "No name is like it."
    raise ConfigError(
        f"Looking for {name!r}: no frame, no picked frame's file and no source file has this name. "
        f"{hint} `pipeline show` lists what the lake holds; --home names another one."
    )


def _frames_named(lake: Lake, base: str) -> list[str]:
    """Frames that were picked under a file name, or exported under one."""
    rows = lake.read(TABLES["selections"], columns=["frame_id"], where=("file_name", {base}))
    frames: list[str] = pc.unique(rows["frame_id"]).to_pylist()
    token = token_in(base)
    if frames or token is None:
        return frames
    picked = pc.unique(lake.read(TABLES["selections"], columns=["frame_id"])["frame_id"])
    return [frame for frame in picked.to_pylist() if token_of(frame) == token]


def _sources_named(lake: Lake, name: str, addresses: Collection[str]) -> list[list[Row]]:
    """Rows of `media_sources` of each contents of the files of this name, the newest first."""
    table = TABLES["media_sources"]
    for column, values in (
        ("uri", {name}),
        ("uri", set(addresses)),
        ("sha256", {name} if _SHA256.fullmatch(name) else set()),
        ("name", {name}),
    ):
        rows = lake.read(table, where=(column, values)).to_pylist() if values else []
        if rows:
            break
    else:
        rows = _rejected(lake, name, addresses) or member_files(lake, name, {name, *addresses})
    by_uri: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: str(row["seen_at"]), reverse=True):
        by_uri.setdefault(row["uri"], []).append(row)
    return list(by_uri.values())


def _rejected(lake: Lake, name: str, addresses: Collection[str]) -> list[Row]:
    """Files whose bytes were never read: they are known by their states alone."""
    rows = lake.read(TABLES["states"], where=("name", {name})).to_pylist()
    rows += lake.read(TABLES["states"], where=("uri", {name, *addresses})).to_pylist()
    return [
        {
            **dict.fromkeys(TABLES["media_sources"].schema.names[:-1]),
            "uri": row["uri"],
            "name": row["name"],
            "sha256": row["sha256"],
            "seen_at": row["noted_at"],
            "attribution": "{}",
        }
        for row in rows
        if row["uri"]  # others are of whole sets, and counts
    ]


def _frame(lake: Lake, frame: str) -> Row | None:
    sha256 = frame.partition(":")[0]
    of_it, rev = ("frame_id", {frame}), _last_shown(lake, sha256)
    columns = _all("frames")
    rows = lake.read(TABLES["frames"], columns=columns, where=of_it, rev=rev).to_pylist()
    rows = rows or lake.read(TABLES["frames"], columns=columns, where=of_it).to_pylist()
    selections = _selections(lake, frame)
    if not rows and not selections:
        return None
    scores = lake.read(TABLES["scores"], columns=list(SHOWN), where=of_it, rev=rev).to_pylist()
    labels = lake.read(TABLES["labels"], where=of_it, rev=rev).to_pylist()
    sources = lake.read(TABLES["media_sources"], where=("sha256", {sha256})).to_pylist()
    row = rows[-1] if rows else {}
    return {
        "kind": "frame",
        "frame_id": frame,
        "timestamp_s": row.get("timestamp_s"),
        "width_px": row.get("width_px"),
        "height_px": row.get("height_px"),
        "commit_id": row.get("commit_id"),
        "removed": bool(rev),
        "sha256": sha256,
        "sources": [_source(each) for each in sorted(sources, key=lambda each: each["seen_at"])],
        "media": _media(lake, sha256),
        "label": labels[-1]["label"] if labels else None,
        "probabilities": (
            {name[2:]: labels[-1][name] for name in ("p_sharp", "p_blur", "p_moire")}
            if labels
            else {}
        ),
        "measures": {name: scores[-1][name] for name in SHOWN} if scores else {},
        "stages": _stages(lake, sha256, str(row.get("datum_key") or "")),
        "selections": selections,
        "decisions": [
            {key: _plain(value) for key, value in each.items()}
            for each in lake.read(TABLES["decisions"], where=("frame_id", {frame})).to_pylist()
        ],
    }


def _file(lake: Lake, rows: Sequence[Row]) -> Row:
    """What became of one file; `rows` are of its address, the newest first."""
    now = rows[0]
    sha256 = str(now["sha256"] or "")
    states = lake.read(TABLES["states"], where=("uri", {now["uri"]})).to_pylist()
    states.sort(key=lambda row: row["noted_at"])
    rejects = lake.read(TABLES["rejects"], where=("uri", {now["uri"]})).to_pylist()
    rejects += (
        lake.read(TABLES["rejects"], where=("sha256", {sha256})).to_pylist() if sha256 else []
    )
    stages = _stages(lake, sha256) if sha256 else []
    looked = _outcomes(lake, sha256) if sha256 else []
    return {
        "kind": "file",
        **_source(now),
        "sha256": sha256,
        "removed": bool(now["gone"]),
        "media": _media(lake, sha256),
        "earlier_contents": [str(row["sha256"]) for row in rows[1:]],
        "history": [
            {
                name: _plain(row[name])
                for name in ("noted_at", "run_id", "stage", "state", "error_class", "error")
            }
            for row in states
        ],
        "rejects": [
            {name: row[name] for name in ("stage", "error_class", "message", "damaged", "run_id")}
            for row in {
                (row["uri"], row["datum_key"], row["error_class"]): row for row in rejects
            }.values()
        ],
        "stages": stages,
        "selections": looked,
        "collections": collections_of(lake, now["uri"]),
        "why": _verdict(now, states, rejects, stages, stays=_last_shown(lake, sha256) is None),
    }


def _verdict(
    now: Row,
    states: Sequence[Row],
    rejects: Sequence[Row],
    stages: Sequence[Row],
    *,
    stays: bool,
) -> str:
    """Say in one sentence what the next run does with a file, and why.

    `stays` tells that frames of the same bytes are still shown.
    """
    if now["gone"] and stays:
        return (
            "It is not there any more, but another file holds the same bytes: all that was made of "
            "them stays."
        )
    if now["gone"]:
        return (
            "It is not there any more: its frames left with the commit of that run, but for those "
            "that a selection picked. If it comes back, nothing is computed again."
        )
    whole = [row for row in states if row["stage"] == "file"]
    if whole and whole[-1]["state"] == "failed":
        last = next((row for row in reversed(rejects) if not row["damaged"]), whole[-1])
        once = (
            "every run tries it again"
            if last["error_class"] == "MediaUnreadable"
            else (
                "it is not tried again before its bytes, the code or the settings change, or until "
                "`pipeline curate --retry-failed`"
            )
        )
        return f"It could not be used ({last['error_class']}); {once}."
    if now["seen_at"] is None:
        return "It is a file of collections; no run looked at it as an image or a video."
    if any(row["stage"] == "file" and row["state"] == "done" for row in stages):
        return (
            "It is known: address, size and time are those of bytes that were read, and every "
            "stage is done by this code with these settings. Runs pass it over until one of them "
            "changes."
        )
    return "It was met, but not all stages are done: the next run goes on with it."


def _stages(lake: Lake, sha256: str, sample_key: str = "") -> list[Row]:
    """The ledger's lines that lead from a file's bytes to what was made of them.

    With a sample key only those of that sampling.
    """
    columns = list(_LEDGER)
    rows = lake.read(
        TABLES["datums"], columns=columns, where=("input_sha256", {sha256})
    ).to_pylist()
    if sample_key:
        rows = [row for row in rows if row["stage"] != "sample" or row["datum_key"] == sample_key]
    known = rows
    for stages in (("score", "embed"), ("classify",)):
        inputs = {row["datum_key"] for row in known if row["stage"] in ("sample", "score")}
        known = lake.read(
            TABLES["datums"], columns=columns, where=("input_sha256", inputs)
        ).to_pylist()
        rows += [row for row in known if row["stage"] in stages]
    order = {stage: place for place, stage in enumerate((*DATUM_STAGES, "file"))}
    rows.sort(key=lambda row: (order.get(row["stage"], len(order)), row["finished_at"]))
    return [
        {**{name: _plain(row[name]) for name in _LEDGER}, "params": json.loads(row["params"])}
        for row in rows
    ]


def _selections(lake: Lake, frame: str) -> list[Row]:
    """Every selection that looked at a frame, oldest first, and what it made of it."""
    of_it = ("frame_id", {frame})
    looked = lake.read(TABLES["candidates"], where=of_it).to_pylist()
    ids = {row["selection_id"] for row in looked}
    headers = {row["selection_id"]: row for row in _headers(lake, ids)}
    picks = {r["selection_id"]: r for r in lake.read(TABLES["selections"], where=of_it).to_pylist()}
    judged: dict[str, list[Row]] = {}
    for row in lake.read(TABLES["exclusions"], where=of_it).to_pylist():
        judged.setdefault(row["selection_id"], []).append(row)
    alike = {
        row["selection_id"]: row
        for row in lake.read(TABLES["duplicates"], where=of_it).to_pylist()
        if not row["keeper"]
    }
    found = []
    for row in looked:
        header = headers.get(row["selection_id"])
        if header is None:
            continue
        facts: Row = {**header, "outcome": row["outcome"]}
        if pick := picks.get(row["selection_id"]):
            facts |= {name: pick[name] for name in ("rank", "reason", "file_name")}
        facts["exclusions"] = [
            {name: each[name] for name in ("judgement", "measure", "value", "threshold")}
            for each in judged.get(row["selection_id"], [])
        ]
        if twin := alike.get(row["selection_id"]):
            keeper = str(twin["group_id"])
            facts["duplicate_of"] = {
                "frame_id": keeper,
                "kind": twin["kind"],
                **_called(lake, keeper),
            }
        found.append(facts)
    return sorted(found, key=lambda facts: str(facts["created_at"]))


def _outcomes(lake: Lake, sha256: str) -> list[Row]:
    """Every selection that looked at a file: frames by outcome, and its picks."""
    rows = lake.read(TABLES["candidates"], where=("media_sha256", {sha256}))
    counted = rows.group_by(["selection_id", "outcome"]).aggregate([([], "count_all")]).to_pylist()
    headers = {
        row["selection_id"]: row for row in _headers(lake, {r["selection_id"] for r in counted})
    }
    picked = rows.filter(pc.equal(rows["outcome"], "picked"))["frame_id"].to_pylist()
    names = lake.read(TABLES["selections"], where=("frame_id", set(picked))).to_pylist()
    found = []
    for selection_id, header in headers.items():
        own = [row for row in counted if row["selection_id"] == selection_id]
        picks = [
            {name: row[name] for name in ("frame_id", "rank", "file_name")}
            for row in names
            if row["selection_id"] == selection_id
        ]
        frames = {row["outcome"]: row["count_all"] for row in own}
        found.append({**header, "frames": frames, "picks": picks})
    return sorted(found, key=lambda facts: str(facts["created_at"]))


def _headers(lake: Lake, ids: set[str]) -> list[Row]:
    names = ["selection_id", "dataset", "engine", "run_id", "created_at", "commit_id"]
    rows = lake.read(TABLES["selection_sets"], columns=names, where=("selection_id", ids))
    return [{name: _plain(row[name]) for name in names} for row in rows.to_pylist()]


def _called(lake: Lake, frame: str) -> Row:
    sha256, _, _ = frame.partition(":")
    sources = lake.read(TABLES["media_sources"], columns=["name"], where=("sha256", {sha256}))
    frames = lake.read(TABLES["frames"], columns=["timestamp_s"], where=("frame_id", {frame}))
    return {
        "name": sources["name"][0].as_py() if sources.num_rows else None,
        "timestamp_s": frames["timestamp_s"][0].as_py() if frames.num_rows else None,
    }


def _last_shown(lake: Lake, sha256: str) -> str | None:
    """The last revision that shows a removed content's frames; None for one that is there."""
    rows = lake.read(
        TABLES["removals"], columns=["removed", "commit_id"], where=("sha256", {sha256})
    ).to_pylist()
    return f"{rows[0]['commit_id']}~1" if rows and rows[0]["removed"] else None


def _media(lake: Lake, sha256: str) -> Row:
    rows = lake.read(TABLES["media"], where=("sha256", {sha256})).to_pylist() if sha256 else []
    return {key: value for key, value in rows[0].items() if key != "sha256"} if rows else {}


def _source(row: Row) -> Row:
    return {
        "name": row["name"],
        "uri": row["uri"],
        "source": row["source"],
        "seen_at": _plain(row["seen_at"]),
        "gone": bool(row["gone"]),
        "attribution": json.loads(row["attribution"] or "{}"),
    }


def _all(table: str) -> list[str]:
    return list(TABLES[table].schema.names)


def _plain(value: object) -> object:
    """A value as JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else value
