"""Takes a purged source out of files: picks, uploads, documents of selections, records of runs.

Lists (`.jsonl`, `.csv`) lose the lines that name the source, `selection.json` its entries; any
other file that names it goes as a whole, a report with its embedded pictures for one.
"""

import csv
import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

from pipeline_project.adapters.addresses import path_of, path_there
from pipeline_project.adapters.lake.upkeep import STRAY_AGE
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.adapters.object_store.local import LocalObjectStore
from pipeline_project.errors import StoreError
from pipeline_project.versions.purging import Plan, Purged
from pipeline_project.worker.collections.held import output_key
from pipeline_project.worker.request import output_prefix

_HIDDEN = ".store"  # where a local store keeps its locks and what it has not finished
_ODD = "surrogateescape"  # a path may hold other bytes than UTF-8
_REPORT = "report.html"  # holds thumbnails of all that was looked at


def purge_store(store: ObjectStore, plan: Plan, purged: Purged) -> None:
    """Take picks, uploads and every mention out of the store."""
    for sha256 in plan.hashes:
        for item in list(store.list("input")):
            if item.key.startswith(f"input/{sha256}"):
                _delete(store, item.key, item.size_bytes, purged)
    outputs = {*plan.outputs, *map(output_key, plan.hashes)}
    for folder in sorted({key.rpartition("/")[0] for key in outputs}):
        for item in list(store.list(folder)):
            if item.key in outputs:
                _delete(store, item.key, item.size_bytes, purged)
    for item in [item for folder in plan.turns for item in store.list(folder)]:
        store.delete(item.key)  # else the next run would wait for the one that had its turn
    for selection, files in plan.files.items():
        _purge_selection(store, output_prefix(selection), files, plan, purged)
    _purge_mentions(store, "runs", plan, purged)


def purge_settings(store: ObjectStore, plan: Plan, purged: Purged) -> None:
    """Take copies of settings that name the source, as one made of a single file does."""
    _purge_mentions(store, "settings", plan, purged)


def purge_commands(commands: ObjectStore, plan: Plan, purged: Purged) -> None:
    """Take what commands on this machine wrote about the source."""
    _purge_mentions(commands, "", plan, purged)


def purge_folder(folder: Path, plan: Plan, purged: Purged) -> None:
    """Take the source out of selections that were written below a folder of the user's."""
    before = (folder / _HIDDEN).exists()
    for selection, files in plan.files.items():
        if (folder / selection).is_dir():
            _purge_selection(LocalObjectStore(folder), selection, files, plan, purged)
    if not before:  # the user's folder is left as tidy as it was
        shutil.rmtree(folder / _HIDDEN, ignore_errors=True)


def purge_temporary(root: str) -> None:
    """Take what killed writers left half-written in a local store."""
    if not root.startswith("file:"):
        return
    until = time.time() - STRAY_AGE.total_seconds()
    hidden = path_of(root) / _HIDDEN
    for path in hidden.iterdir() if hidden.is_dir() else ():
        if not path.name.startswith("lock-") and path.stat().st_mtime < until:
            path.unlink(missing_ok=True)


def _purge_selection(
    store: ObjectStore, prefix: str, files: list[str], plan: Plan, purged: Purged
) -> None:
    gone = {f"{prefix}/frames/{name}" for name in files} | {f"{prefix}/{_REPORT}"}
    for item in list(store.list(prefix)):
        if item.key in gone:
            _delete(store, item.key, item.size_bytes, purged)
        elif not item.key.startswith(f"{prefix}/frames/"):
            _purge_document(store, item.key, plan, purged, files)


def _purge_mentions(store: ObjectStore, prefix: str, plan: Plan, purged: Purged) -> None:
    for item in list(store.list(prefix)):
        _purge_document(store, item.key, plan, purged, [])


def _purge_document(
    store: ObjectStore, key: str, plan: Plan, purged: Purged, files: list[str]
) -> None:
    """Cut a document that names the source down to the rest, or delete it."""
    try:
        data = store.get(key)
    except StoreError:  # deleted meanwhile
        return
    needles = _needles(plan, files)
    if not any(needle in data for needle in needles):
        return
    rest = _without(key, data, needles)
    if rest is None or any(needle in rest for needle in needles):
        _delete(store, key, len(data), purged)
        return
    store.put(key, rest)
    purged.objects += 1
    purged.bytes_freed += len(data) - len(rest)


def _without(key: str, data: bytes, needles: list[bytes]) -> bytes | None:
    """What is left of a document without the source; None where that cannot be told."""
    if key.endswith(".jsonl"):
        lines = data.splitlines(keepends=True)
        return b"".join(line for line in lines if not any(each in line for each in needles))
    if key.endswith(".csv"):
        rows = csv.reader(io.StringIO(data.decode("utf-8", _ODD), newline=""))
        words = [needle.decode("utf-8", _ODD) for needle in needles]
        written = io.StringIO(newline="")
        keep = csv.writer(written, lineterminator="\r\n" if b"\r\n" in data else "\n")
        for row in rows:
            if not any(word in cell for cell in row for word in words):
                keep.writerow(row)
        return written.getvalue().encode("utf-8", _ODD)
    if key.endswith("selection.json"):
        try:
            fields: dict[str, Any] = json.loads(data)
        except ValueError:
            return None
        for name in ("picks", "rejects", "warnings"):
            fields[name] = [row for row in fields.get(name, []) if not _mentions(row, needles)]
        return json.dumps(fields, indent=1, ensure_ascii=False).encode()
    return None


def _mentions(row: object, needles: list[bytes]) -> bool:
    texts = [json.dumps(row, ensure_ascii=each).encode("utf-8", _ODD) for each in (True, False)]
    return any(needle in text for needle in needles for text in texts)


def _needles(plan: Plan, files: list[str]) -> list[bytes]:
    """What names the source in a file, as such and as JSON writes it."""
    words = {*plan.hashes, *plan.uris, *(path_there(u).as_posix() for u in plan.uris if _local(u))}
    words |= set(files)
    if plan.hashes or not plan.shared:  # else the same name may be the other source's
        words |= {name for name in plan.names if len(name) > 3}
    return [form for word in sorted(words) for form in _forms(word)]


def _forms(word: str) -> list[bytes]:
    plain = word.encode("utf-8", _ODD)
    escaped = json.dumps(word)[1:-1].encode()
    return [plain] if escaped == plain else [plain, escaped]


def _local(uri: str) -> bool:
    return uri.startswith("file:")


def _delete(store: ObjectStore, key: str, size_bytes: int, purged: Purged) -> None:
    store.delete(key)
    purged.objects += 1
    purged.bytes_freed += size_bytes
    purged.files.append(f"{store.root}/{key}")
