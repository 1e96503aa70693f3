"""Writes a selection where people look for it: frames, `selection.csv`, `.json`, the report."""

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.core.config import CurationConfig
from pipeline_project.errors import PermanentError
from pipeline_project.report.assemble import assemble
from pipeline_project.report.gather import SelectionRows, read_selection, read_thumbnails
from pipeline_project.report.render import render_report
from pipeline_project.report.tables import as_csv, candidates_table, selection_table, write_csv
from pipeline_project.worker.listing import Listing
from pipeline_project.worker.request import (
    WorkerRequest,
    WorkerResult,
    listing_key,
    rejects_key,
    request_key,
)
from pipeline_project.worker.review import read_review

REPORT = "report.html"
SELECTION = "selection.json"
CANDIDATES = "candidates.csv"
_PREVIEWS = 12


@dataclass(frozen=True, slots=True)
class Published:
    """Where a selection was written.

    Attributes:
        folder: holds everything.
        picked: frames in it.
        files: names of the frames' files, in order of rank.
        report: the page.
        already_there: an earlier run had written this very selection; nothing was changed.
        previews: JPEG thumbnails of the first picks.
    """

    folder: Path
    picked: int
    files: list[str]
    report: Path
    already_there: bool
    previews: list[bytes]


def publish(
    *,
    lake: Lake,
    store: ObjectStore,
    result: WorkerResult,
    config: CurationConfig,
    out_dir: Path,
    run_url: str | None = None,
) -> Published:
    """Write the folder `<out_dir>/<selection id>`; it appears whole or not at all.

    A folder that is there already holds this very selection and is left as it is; so it is when
    another run publishes the same selection at the same time. Only where its `selection.json`
    lacks picks that the store has by now, they are added. The selection files and the report are
    also left in the store, beside the frames.

    Picks whose frame is not in the store are left out and named in a warning.

    Raises:
        PermanentError: the folder cannot be written; the selection itself is safe in the lake.
        LakeError: the lake holds no such selection.
    """
    listed = Listing(store.get(listing_key(result.run_id))).table["uri"]
    rows = read_selection(lake, result.selection_id, listed)
    prefix = f"{result.output_prefix}/frames/"
    there = {item.key.removeprefix(prefix) for item in store.list(prefix.rstrip("/"))}
    missing = [str(row["file_name"]) for row in rows.picks if row["file_name"] not in there]
    folder = out_dir.expanduser().absolute() / result.selection_id
    before = _published_files(folder)
    rows = rows.with_files(there | (before or set()))
    files = [str(row["file_name"]) for row in rows.picks]
    previews = read_thumbnails(lake, [str(row["frame_id"]) for row in rows.picks[:_PREVIEWS]])
    published = Published(
        folder=folder,
        picked=len(files),
        files=files,
        report=folder / REPORT,
        already_there=folder.is_dir(),
        previews=list(previews.values()),
    )
    new = [name for name in files if before is None or name not in before]
    if published.already_there and (before is None or not new):
        return published
    result = _as_published(result, files, missing)
    documents = _documents(rows, lake, store, result, config, run_url)
    for name, content in documents.items():
        store.put(f"{result.output_prefix}/{name}", content)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as temporary:
            partial = Path(temporary) / folder.name
            (partial / "frames").mkdir(parents=True)
            _write_candidates(partial / CANDIDATES, rows, lake)
            candidates = (partial / CANDIDATES).read_bytes()  # put_file keeps one of its size
            store.put(f"{result.output_prefix}/{CANDIDATES}", candidates)
            del candidates
            for name in new:
                store.download(f"{result.output_prefix}/frames/{name}", partial / "frames" / name)
            for name, content in documents.items():
                (partial / name).write_bytes(content)
            if before is not None:
                _complete(folder, partial, new)
            else:
                partial.rename(folder)
    except OSError as error:
        if folder.is_dir() and before is None:
            return replace(published, already_there=True)
        raise PermanentError(
            f"Writing the selection to {folder}: {error.strerror}. The selection is safe in the "
            "lake: free space or choose another --out and run the same command again; nothing "
            "is computed twice."
        ) from error
    return replace(published, already_there=False)


def _published_files(folder: Path) -> set[str] | None:
    """Names of the frames that a folder's `selection.json` tells of; None where it has none."""
    try:
        picks = json.loads((folder / SELECTION).read_bytes())["picks"]
        return {str(pick["file"]).removeprefix("frames/") for pick in picks}
    except (OSError, ValueError, KeyError, TypeError):  # somebody else's file is left alone
        return None


def _complete(folder: Path, partial: Path, new: list[str]) -> None:
    """Add frames and then the files that tell of them, `selection.json` last.

    Whoever is stopped in between has not told of them yet, and the next publication repeats it.
    """
    (folder / "frames").mkdir(exist_ok=True)
    for name in new:
        (partial / "frames" / name).replace(folder / "frames" / name)
    documents = [path for path in partial.iterdir() if path.is_file()]
    for path in sorted(documents, key=lambda path: path.name == SELECTION):
        path.replace(folder / path.name)


def _as_published(result: WorkerResult, files: list[str], missing: list[str]) -> WorkerResult:
    """The run's result with the picks counted that are really there."""
    warnings = list(result.warnings)
    left_out = [name for name in missing if name not in files]
    if left_out:
        warnings.append(
            f"{len(left_out)} of {len(files) + len(left_out)} picks are left out because the "
            f"store does not hold their frames: {', '.join(left_out)}. The next run with the same "
            "files and settings writes those whose source can be read."
        )
    counts = {**result.counts, "picked": len(files)}
    return result.model_copy(update={"warnings": warnings, "counts": counts})


def _documents(
    rows: SelectionRows,
    lake: Lake,
    store: ObjectStore,
    result: WorkerResult,
    config: CurationConfig,
    run_url: str | None,
) -> dict[str, bytes]:
    request = WorkerRequest.model_validate_json(store.get(request_key(result.run_id)))
    rejects = [json.loads(line) for line in store.get(rejects_key(result.run_id)).splitlines()]
    decisions = read_review(lake, str(rows.header["dataset"])).decisions
    table = selection_table(rows, decisions)
    data = assemble(
        rows,
        lake=lake,
        result=result,
        rejects=rejects,
        config=config,
        source=request.source,
        run_url=run_url,
    )
    about = {
        "selection_id": result.selection_id,
        "dataset": rows.header["dataset"],
        "source": request.source,
        "run_id": result.run_id,
        "commit_id": result.commit_id,
        "set_key": rows.header["set_key"],
        "embedding_space": rows.header["space"],
        "created_at": str(rows.header["created_at"]),
        "counts": {**dict(rows.header["counts"]), **result.counts},  # type: ignore[call-overload]  # JSON object
        "warnings": result.warnings,
        "stages": [stage.model_dump() for stage in result.stages],
    }
    rejected = [{k: v for k, v in row.items() if k != "datum_key"} for row in rejects]
    return {
        "selection.csv": as_csv(table),
        SELECTION: _json({**about, "rejects": rejected, "picks": table}),
        REPORT: render_report(data).encode(),
        "pipeline.yaml": yaml.safe_dump(
            config.model_dump(mode="json"), sort_keys=False, allow_unicode=True
        ).encode(),
    }


def _write_candidates(path: Path, rows: SelectionRows, lake: Lake) -> None:
    """Write the table of all frames that were looked at, which are very many."""
    decisions = read_review(lake, str(rows.header["dataset"])).decisions
    with path.open("wb") as file:
        write_csv(candidates_table(rows, decisions), file)


def _json(content: object) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode()
