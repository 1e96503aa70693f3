"""Reads a table that a person saved from a spreadsheet, whatever the spreadsheet made of it."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_project.core.metadata.spreadsheet import separator_of, text_of, without_hint
from pipeline_project.errors import ConfigError

_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Line:
    """One row: the line of the file that it starts in, and its cells by lower-case heading."""

    number: int
    cells: dict[str, str]


def read_table(path: Path, needed: tuple[str, ...]) -> list[Line]:
    """Read a table: commas, semicolons or tabs, UTF-8 or what Excel writes, any line ends.

    Args:
        path: the file.
        needed: headings that must be there.

    Raises:
        ConfigError: it cannot be read, is no such table, or lacks a heading.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"Reading {path}: {error.strerror}. Check the path.") from error
    if data.startswith((_ZIP, _OLD_EXCEL)):
        raise ConfigError(
            f"Reading {path}: it is a spreadsheet's own format, not CSV. Open it, save it as CSV "
            "(UTF-8), and give that file."
        )
    text = text_of(data)
    if "\0" in text or not text.strip():
        seen = "nothing is in it" if not text.strip() else "it holds bytes that no text has"
        raise ConfigError(f"Reading {path}: {seen}. Expected CSV with {_named(needed)}.")
    text = without_hint(text)
    first = text.partition("\n")[0]
    separator = separator_of(text)
    lines = list(_lines(text, separator, path))
    found = (
        list(lines[0].cells) if lines else [each.strip().lower() for each in first.split(separator)]
    )
    lacking = [name for name in needed if name not in found]
    if lacking:
        raise ConfigError(
            f"Reading {path}: it has no column {_named(tuple(lacking))}; its columns are "
            f"{', '.join(found)[:300]}. Give a selection.csv or candidates.csv that "
            "`pipeline curate` wrote."
        )
    return lines


def _lines(text: str, separator: str, path: Path) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        heading = [each.strip().lower() for each in next(reader)]
        start = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                padded = [*cells, *[""] * (len(heading) - len(cells))]
                yield Line(start, dict(zip(heading, padded, strict=False)))
            start = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(
            f"Reading {path}, near line {reader.line_num}: {error}. Save it as CSV again."
        ) from error


def _named(names: tuple[str, ...]) -> str:
    return " and ".join(names)
