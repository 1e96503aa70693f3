"""Which listed files a run could not use, or only in part, whether seen now or known before."""

from collections.abc import Collection, Iterator, Mapping

import pyarrow.compute as pc

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.records import MediaRef
from pipeline_project.worker.identify import Identified
from pipeline_project.worker.ledger import Row
from pipeline_project.worker.stages import FrameKeys, KeysOfFiles, probe_key


def rejects_of_run(
    lake: Lake,
    found: Identified,
    keys: Mapping[str, FrameKeys],
    failed: Collection[str],
    *,
    run_id: str,
) -> list[Row]:
    """Read the reject rows that speak of this run's listing, under its own names.

    Args:
        lake: holds the rows.
        found: the listing's contents.
        keys: datum keys of the usable contents.
        failed: hashes of usable contents whose frame stages failed.
        run_id: of this run; what could not be read at all, and picks that could not be
            written, count for one run only.

    Returns:
        One row per file and error. A file whose bytes are unusable is listed under each of its
        names, a damaged one under the name that it was used by.
    """
    known = lake.read(TABLES["rejects"])
    here = pc.is_in(known["sha256"], value_set=found.sha256)
    known = known.filter(pc.or_(here, pc.equal(known["datum_key"], run_id)))
    if isinstance(keys, KeysOfFiles):  # of the few files that are named here alone
        here = found.media.named(set(known["sha256"].to_pylist()))
        keys = keys.narrowed({sha256: each.info.kind for sha256, each in here.items()})
    rows: dict[str, list[Row]] = {}
    result: list[Row] = []
    for row in known.to_pylist():
        if row["datum_key"] == run_id:
            result.append(row)
        elif row["datum_key"] in _keys_of(row["sha256"], keys):
            rows.setdefault(row["sha256"], []).append(row)
    for sha256, refs in found.files(rows).items():
        whole = sha256 not in keys or sha256 in failed
        for ref in refs if whole else refs[:1]:
            result += _under_its_name(ref, rows[sha256])
    return result


def _keys_of(sha256: str, keys: Mapping[str, FrameKeys]) -> tuple[str, ...]:
    """The data of one file whose errors count now."""
    own = keys.get(sha256)
    return (probe_key(sha256),) if own is None else own.all()


def _under_its_name(ref: MediaRef, rows: list[Row]) -> Iterator[Row]:
    """One row per error: the file's own, else that of another file of the same bytes."""
    by_error = {row["error_class"]: row for row in rows}
    by_error |= {row["error_class"]: row for row in rows if row["uri"] == ref.uri}
    for row in by_error.values():
        if row["uri"] == ref.uri:
            yield row
        else:
            message = f"{row['message']} (Seen as {row['name']}, which holds the same bytes.)"
            yield {**row, "uri": ref.uri, "name": ref.name, "message": message}
