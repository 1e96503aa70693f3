"""What steps of collections made of some files, through every join, cross and group."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
File = tuple[str, str, str]  # pipeline, path in a collection, hash of the bytes


def derived(
    results: Callable[[], Iterable[Row]],
    files: Collection[File],
    hashes: Collection[str] = frozenset(),
) -> list[Row]:
    """Find every result that holds one of these files, or something that was made of one.

    A file is known by its path and its bytes, so that what another file of the same bytes gave
    is no part of it.

    Args:
        results: gives rows of `collection_results` with datum_key, pipeline, inputs and outputs;
            called until nothing more is found, at most once per step and once more.
        files: where it begins.
        hashes: files of these bytes count whatever their path is.

    Returns:
        The rows, each after those that it was made of.
    """
    known = set(files)
    found: dict[tuple[str, str], Row] = {}
    grew = True
    while grew:
        grew = False
        for row in results():
            mark = (row["datum_key"], row["outputs"])
            if mark in found:
                continue
            outputs = files_in(row, "outputs")
            given = files_in(row, "inputs")
            if known.isdisjoint(given) and not any(file[2] in hashes for file in given | outputs):
                continue
            found[mark] = row
            known |= outputs
            grew = True
    return list(found.values())


def files_in(row: Row, column: str) -> set[File]:
    """The files that a result names among its inputs or outputs."""
    listed = json.loads(row[column] or "[]")
    return {(row["pipeline"], each["path"], each["sha256"]) for each in listed}
