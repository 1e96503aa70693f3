"""The result as tables that people open, edit and give back: `selection.csv`, `candidates.csv`."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_project.core.quality.registry import MEASURES
from pipeline_project.report.data import OUTCOMES
from pipeline_project.report.formats import clock, number, words
from pipeline_project.report.gather import PROBABILITIES, SelectionRows

Table = Sequence[dict[str, object]]
_LEFT_OUT = ("excluded", "duplicate", "candidate")
_LINES = 2_000  # made at a time
_HEAD = ("rank", "file", "source", "timestamp_s", "decision")


def selection_table(rows: SelectionRows, decisions: Mapping[str, str]) -> Table:
    """One line per pick, in order of rank; `decision` is what people said of it so far."""
    rows = rows.narrowed(row["frame_id"] for row in rows.picks)
    return [
        {
            **_head(rows, pick, decisions),
            **_facts(rows, pick["frame_id"]),
            "reason": pick["reason"],
            **_origin(rows, pick["frame_id"]),
        }
        for pick in rows.picks
    ]


def candidates_table(
    rows: SelectionRows, decisions: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    """One line per frame that the selection looked at: what became of it, and why.

    Picks come first, in order of rank, then what was left out, then the others. Lines are made a
    part at a time: there may be very many.
    """
    picks = {row["frame_id"]: row for row in rows.picks}
    why = dict(_reasons(rows.narrowed(row["group_id"] for row in rows.duplicates)))
    table = rows.candidates
    picked = pa.array([row["frame_id"] for row in rows.picks], pa.string())
    first = pc.index_in(picked, value_set=table["frame_id"]).drop_null().to_numpy()
    place = pc.index_in(table["outcome"], value_set=pa.array(_LEFT_OUT))
    order = pc.fill_null(place, len(_LEFT_OUT)).to_numpy().copy()
    order[first] = -1
    rest = np.argsort(order, kind="stable")[len(first) :]
    table = table.take(pa.array(np.concatenate([first, rest]), pa.int64()))
    for part in rows.parts(table, _LINES):
        for row in part.candidates.to_pylist():
            frame = row["frame_id"]
            if frame in part.frames:
                line = picks.get(frame, row)
                yield {
                    **_head(part, line, decisions),
                    "outcome": OUTCOMES["picked"] if frame in picks else _outcome(row),
                    "reason": line.get("reason") or why.get(frame, ""),
                    **_facts(part, frame),
                    **_origin(part, frame),
                }


def as_csv(table: Iterable[dict[str, object]]) -> bytes:
    """Write a table as CSV in UTF-8; an empty one keeps the headings that matter."""
    text = io.BytesIO()
    write_csv(table, text)
    return text.getvalue()


def write_csv(table: Iterable[dict[str, object]], file: BinaryIO) -> None:
    """Write a table as `as_csv` does, line by line: it may be far larger than memory."""
    lines = iter(table)
    first = next(lines, None)
    columns = [*_HEAD, "frame_id"] if first is None else list(first)
    out = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for row in () if first is None else chain([first], lines):
        writer.writerow({name: _cell(value) for name, value in row.items()})
    out.detach()  # else it closes the file


def _head(
    rows: SelectionRows, row: Mapping[str, Any], decisions: Mapping[str, str]
) -> dict[str, object]:
    frame = str(row["frame_id"])
    name = row.get("file_name")
    return {
        "rank": row.get("rank"),
        "file": f"frames/{name}" if name else None,
        "source": rows.source(frame).name,
        "timestamp_s": rows.timestamp_s(frame),
        "decision": decisions.get(frame, ""),
    }


def _facts(rows: SelectionRows, frame: str) -> dict[str, object]:
    return {
        "width_px": rows.frames[frame]["width_px"],
        "height_px": rows.frames[frame]["height_px"],
        "label": rows.labels.get(frame, {}).get("label"),
        **{name: rows.labels.get(frame, {}).get(name) for name in PROBABILITIES},
        **{name: rows.scores.get(frame, {}).get(name) for name in MEASURES},
    }


def _origin(rows: SelectionRows, frame: str) -> dict[str, object]:
    source = rows.source(frame)
    return {
        "frame_id": frame,
        "uri": source.uri,
        "attribution": "; ".join(source.attribution.values()),
    }


def _outcome(row: Mapping[str, Any]) -> str:
    return OUTCOMES.get(row["outcome"], str(row["outcome"]))


def _reasons(rows: SelectionRows) -> Iterator[tuple[str, str]]:
    """Why frames were left out, by frame."""
    for row in rows.duplicates:
        if not row["keeper"]:
            yield row["frame_id"], f"{row['kind']} duplicate of {_called(rows, row['group_id'])}"
    for row in rows.exclusions:
        yield row["frame_id"], _judgement(row)


def _judgement(row: Mapping[str, Any]) -> str:
    if row["measure"] == "review":  # people decided; there is no number
        return f"{words(row['judgement'])} by people"
    return (
        f"{words(row['judgement'])}: {words(row['measure'])} {number(row['value'])}, "
        f"threshold {number(row['threshold'])}"
    )


def _called(rows: SelectionRows, frame: str) -> str:
    """Name a frame as people know it."""
    at = rows.timestamp_s(frame)
    return f"{rows.source(frame).name}{f' at {clock(at)}' if at is not None else ''}"


def _cell(value: object) -> object:
    """Keep a spreadsheet from taking a file's name for a formula."""
    formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if formula else value
