"""Metadata of files from a CSV table, and from patterns in their paths."""

import csv
import io
import re
from collections.abc import Collection, Sequence

from pipeline_project.core.metadata.spreadsheet import separator_of, text_of, without_hint
from pipeline_project.core.metadata.values import Kind, MetadataTable, Value, kind_of
from pipeline_project.errors import ConfigError

FILE_COLUMN = "file"
_SHOWN = 3
_GROUP = re.compile(r"\(\?<(?![=!])")  # a named group as other languages write it


def read_csv(data: bytes, origin: str, listed: Collection[str]) -> tuple[MetadataTable, list[str]]:
    """Read a table with a column `file` and any others.

    Args:
        data: as a spreadsheet saves it; first line the names of the columns.
        origin: what to call it in messages.
        listed: names of the files of this run, paths below the source.

    Returns:
        The table, and warnings: rows of files that are not listed are left out.

    Raises:
        ConfigError: it cannot be read, a file has two rows, or no row is of a listed file.
    """
    rows = _rows(data, origin)
    header = [name.strip() for name in rows[0][1]] if rows else []
    if FILE_COLUMN not in header:
        raise ConfigError(
            f"Reading {origin}: there is no column {FILE_COLUMN!r} (seen: "
            f"{', '.join(header) or 'nothing'}). It names each file by its path below the source."
        )
    if len(set(header)) < len(header) or "" in header:
        raise ConfigError(
            f"Reading {origin}: its columns are {', '.join(map(repr, header))}; give each one "
            "name of its own."
        )
    lines: dict[str, int] = {}
    cells: dict[str, dict[str, str]] = {name: {} for name in header if name != FILE_COLUMN}
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise ConfigError(
                f"Reading {origin}: line {line} has {len(row)} cells, the first line {len(header)}."
                " Put text that holds what separates cells in quotes."
            )
        values = dict(zip(header, row, strict=True))
        file = values.pop(FILE_COLUMN).strip()
        if file in lines:
            raise ConfigError(
                f"Reading {origin}: {file!r} stands in line {lines[file]} and in line {line}. "
                "Keep one of them."
            )
        lines[file] = line
        if file in listed:
            for name, cell in values.items():
                cells[name][file] = cell
    unknown = [file for file in lines if file not in listed]
    if len(unknown) == len(lines):
        raise ConfigError(
            f"Reading {origin}: none of its {len(lines)} rows is of a file of this run. It names "
            f"{_some(unknown)}; the run has {_some(sorted(listed))}. Write paths below the source."
        )
    warnings = (
        [
            f"{origin} also has {len(unknown)} rows of files that this run lacks or has under "
            f"another name: {_some(unknown)}."
        ]
        if unknown
        else []
    )
    return _table(origin, cells), warnings


def match_paths(
    pattern: str, listed: Sequence[str], field: str = "metadata.path_pattern"
) -> MetadataTable:
    r"""Take metadata out of paths: each named group of the pattern is a key.

    Args:
        pattern: a regular expression with named groups, `(?P<camera>cam\d+)/`, searched in
            each path below the source.
        listed: names of the files of this run.
        field: the setting that holds it, for messages.

    Raises:
        ConfigError: see `compiled`; or it matches none of the files.
    """
    regex = compiled(pattern, field)
    cells: dict[str, dict[str, str]] = {name: {} for name in regex.groupindex}
    matched = False
    for file in listed:
        found = regex.search(file)
        matched = matched or found is not None
        for name, text in (found.groupdict() if found else {}).items():
            cells[name][file] = text or ""
    if listed and not matched:
        raise ConfigError(
            f"Searching {field} {pattern!r} in the {len(listed)} paths of this run: "
            f"it matches none of them. They look like {_some(listed)}."
        )
    return _table(f"{field} {pattern!r}", cells)


def compiled(pattern: str, field: str = "metadata.path_pattern") -> re.Pattern[str]:
    """Compile a pattern with named groups, `(?P<name>...)` or `(?<name>...)`.

    Raises:
        ConfigError: it is no regular expression, or names no group.
    """
    try:
        regex = re.compile(_GROUP.sub("(?P<", pattern))
    except re.error as error:
        raise ConfigError(
            f"Reading {field} {pattern!r}: no regular expression, {error}."
        ) from error
    if not regex.groupindex:
        raise ConfigError(
            f"Reading {field} {pattern!r}: it names no group. Write what becomes a key as "
            "(?P<name>...)."
        )
    return regex


def _rows(data: bytes, origin: str) -> list[tuple[int, list[str]]]:
    """Line number and cells of every row that is not blank."""
    try:
        text = without_hint(text_of(data))
        if "\0" in text:
            raise csv.Error("it holds bytes that no text has")
        reader = csv.reader(
            io.StringIO(text, newline=""), strict=True, delimiter=separator_of(text)
        )
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ConfigError(f"Reading {origin}: {error}. Save it as CSV again.") from error


def _table(origin: str, cells: dict[str, dict[str, str]]) -> MetadataTable:
    """One column per key; empty cells are missing."""
    kinds: dict[str, Kind] = {}
    files: dict[str, dict[str, Value]] = {}
    for name, column in cells.items():
        kinds[name] = kind_of(cell.strip() for cell in column.values())
        for file, cell in column.items():
            if cell.strip():
                files.setdefault(file, {})[name] = cell.strip()
    return MetadataTable(origin, kinds, files=files)


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
