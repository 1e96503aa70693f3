"""What a step's own function is given, and what it may give back.

A function for `call: module:function` takes the files of one datum and the step's `params`::

    def thumbnail(given, side_px):
        picture = decode(given.file.read_bytes())
        return encode(shrink(picture, side_px))

It returns what JSON can hold, or bytes: then that is written to the step's `output` path; or
`Files`, several outputs by path.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_project.errors import ConfigError, MediaCorrupt
from pipeline_project.worker.collections.held import Bytes, Held


class GivenFile:
    """One file of a datum.

    Attributes:
        input: name of the input that it belongs to.
        path: in its collection, `/folder/name`.
        sha256: of its bytes.
    """

    def __init__(self, input_: str, held: Held, source: Bytes) -> None:
        self.input = input_
        self.path = held.path
        self.sha256 = held.sha256
        self._held = held
        self._source = source

    def read_bytes(self) -> bytes:
        """All of it."""
        return self._source.read(self._held)

    def json(self) -> Any:
        """Its contents as JSON.

        Raises:
            MediaCorrupt: it is none.
        """
        try:
            return json.loads(self.read_bytes())
        except ValueError as error:
            raise MediaCorrupt(f"Reading {self.input}:{self.path} as JSON: {error}.") from error

    def as_file(self) -> AbstractContextManager[Path]:
        """A path by which it can be read, and only read, within the `with` block."""
        return self._source.as_file(self._held)

    def copy_below(self, folder: Path) -> Path:
        """Write it below a folder, by its path in the collection."""
        return self._source.copy(self._held, folder / self.path.lstrip("/"))


class Given:
    """The files of one datum, by the names of the inputs."""

    def __init__(self, parts: Sequence[tuple[str, Sequence[GivenFile]]]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[GivenFile]:
        """All files, in the order of the inputs and their paths."""
        for _, files in self._parts:
            yield from files

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, each once."""
        return list(dict.fromkeys(name for name, _ in self._parts))

    def files(self, name: str) -> list[GivenFile]:
        """The files of one input; none where an outer join has no match."""
        return [file for each, files in self._parts if each == name for file in files]

    @property
    def file(self) -> GivenFile:
        """The only file.

        Raises:
            ConfigError: there are several, or none.
        """
        files = list(self)
        if len(files) != 1:
            raise ConfigError(
                f"This step takes one file at a time, and a datum holds {len(files)}. Use a glob "
                "that matches files, /* or /** say, or a step that takes several."
            )
        return files[0]


@dataclass(frozen=True, slots=True)
class Files:
    """Several outputs of one datum, by their path in the step's collection."""

    by_path: Mapping[str, bytes]
