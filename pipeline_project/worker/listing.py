"""A run's listing as columns; a file's own entry is made only where somebody asks for it.

Of a million listed files a run looks closely at the few that are new, so the others never become
Python objects: what is known of them is compared as Arrow columns.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.json as pj

from pipeline_project.core.records import MediaRef

_SCHEMA = pa.schema(
    {
        "uri": pa.string(),
        "name": pa.string(),
        "source": pa.string(),
        "size_bytes": pa.int64(),
        "fingerprint": pa.string(),
        "stored_uri": pa.string(),
    }
)
_NEWLINE = ord("\n")
_BLOCK_BYTES = 16 << 20  # far longer than any line
_PART_BYTES = 1 << 20


class Listing(Sequence[MediaRef]):
    """The listed files, in order.

    Attributes:
        table: columns `uri`, `name`, `source`, `size_bytes`, `fingerprint`, `stored_uri`.
    """

    def __init__(self, data: bytes) -> None:
        """Take a listing as `dump_listing` writes it: one JSON object per line, in ASCII."""
        self._data = data
        parts = range(0, len(data), _PART_BYTES)
        lines = [data.count(b"\n", start, start + _PART_BYTES) for start in parts]
        self._lines_until = np.cumsum([0, *lines])
        self._part: tuple[int, npt.NDArray[np.intp]] = (0, np.zeros(0, np.intp))
        self.table = _parsed(data)

    @classmethod
    def of(cls, refs: Iterable[MediaRef]) -> "Listing":
        """Take the listed files one by one."""
        if isinstance(refs, Listing):
            return refs
        return cls(b"".join(json.dumps(asdict(ref)).encode("ascii") + b"\n" for ref in refs))

    def __len__(self) -> int:
        """How many files."""
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, place: int) -> MediaRef: ...

    @overload
    def __getitem__(self, place: slice) -> list[MediaRef]: ...

    def __getitem__(self, place: int | slice) -> MediaRef | list[MediaRef]:
        """One file, or several."""
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place %= len(self)
        start = self._end(place - 1) + 1 if place else 0
        fields: dict[str, Any] = json.loads(self._data[start : self._end(place)])
        return MediaRef(**fields)

    def _end(self, line: int) -> int:
        """Where a line ends; of a part of the listing all ends are found at once, and kept."""
        first, ends = self._part
        if not first <= line < first + len(ends):
            part = int(np.searchsorted(self._lines_until, line, side="right")) - 1
            start = part * _PART_BYTES
            data = np.frombuffer(memoryview(self._data)[start : start + _PART_BYTES], np.uint8)
            first, ends = int(self._lines_until[part]), start + np.flatnonzero(data == _NEWLINE)
            self._part = first, ends
        return int(ends[line - first])

    def __iter__(self) -> Iterator[MediaRef]:
        """Each file, in order."""
        return (self[place] for place in range(len(self)))


def _parsed(data: bytes) -> pa.Table:
    if not data:
        return _SCHEMA.empty_table()
    try:
        return pj.read_json(
            pa.BufferReader(data),
            read_options=pj.ReadOptions(block_size=_BLOCK_BYTES),
            parse_options=pj.ParseOptions(
                explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"
            ),
        ).select(_SCHEMA.names)
    except pa.ArrowInvalid:
        # Odd bytes of file names are lone surrogates, which Arrow cannot hold.
        rows = [json.loads(line) for line in data.splitlines()]
        columns = {name: [_storable(row.get(name)) for row in rows] for name in _SCHEMA.names}
        return pa.table(columns, schema=_SCHEMA)


def _storable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value
