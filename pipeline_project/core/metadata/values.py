"""Typed values that people or other programs know of files and frames, by key."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["number", "text", "flag"]
Value = float | str | bool | None

_FLAGS = ("true", "false")


@dataclass(frozen=True, slots=True)
class MetadataTable:
    """What one source of metadata knows.

    A value is looked up for the frame, then for its file, then in the defaults; where none of
    them has one it is missing: NaN in a column of numbers, None in one of text or flags.

    Attributes:
        origin: where it is from, for messages.
        kinds: key -> kind; its keys are all that this source knows of.
        defaults: key -> value of what is not named.
        files: file name, as listed -> its values; text may stand for a number or a flag.
        frames: (file name, frame number from 0) -> its values.
    """

    origin: str
    kinds: Mapping[str, Kind]
    defaults: Mapping[str, Value] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    frames: Mapping[tuple[str, int], Mapping[str, Value]] = field(default_factory=dict)

    def value(self, key: str, name: str, number: int) -> Value:
        """The value of one frame; None where nobody knows it."""
        for values in (self.frames.get((name, number)), self.files.get(name), self.defaults):
            if values is not None and values.get(key) is not None:
                return values[key]
        return None

    def column(
        self, key: str, names: Sequence[str], numbers: Sequence[int], *, as_text: bool = False
    ) -> npt.NDArray:
        """The values of frames, given by the names of their files and their numbers.

        Args:
            key: one of `kinds`.
            names: n file names, as listed.
            numbers: n frame numbers, from 0.
            as_text: give numbers as they are written, for whoever wants classes.

        Returns:
            shape (n,): float64 with NaN for what is missing where the key holds numbers, else
            `object` with None; flags read "true" and "false".
        """
        values = [self.value(key, *frame) for frame in zip(names, numbers, strict=True)]
        if self.kinds[key] == "number" and not as_text:
            return np.asarray([math.nan if v is None else float(v) for v in values], np.float64)
        column = np.empty(len(values), object)
        column[:] = [_text(each, self.kinds[key]) for each in values]
        return column

    def content(self, keys: Iterable[str]) -> dict[str, object]:
        """All that it says under these keys, as one JSON value: it changes when they change."""
        wanted = sorted(set(keys) & set(self.kinds))
        return {
            "kinds": {key: self.kinds[key] for key in wanted},
            "defaults": _part(self.defaults, wanted),
            "files": {name: _part(each, wanted) for name, each in self.files.items()},
            "frames": {
                f"{name}:{number}": _part(each, wanted)
                for (name, number), each in self.frames.items()
            },
        }


def kind_of(cells: Iterable[str]) -> Kind:
    """Tell what kind of values were written.

    Numbers where every cell that is not empty is a finite number; flags where every one is true
    or false; else text.
    """
    written = [cell for cell in cells if cell]
    if written and all(cell.lower() in _FLAGS for cell in written):
        return "flag"
    if written and all(_is_number(cell) for cell in written):
        return "number"
    return "text"


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _text(value: Value, kind: Kind) -> str | None:
    if value is None:
        return None
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if kind == "flag" else str(value)


def _part(values: Mapping[str, Value], wanted: Sequence[str]) -> dict[str, Value]:
    return {key: values[key] for key in wanted if values.get(key) is not None}
