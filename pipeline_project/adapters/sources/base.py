"""What every source of media offers: a listing, and the bytes of one listed object."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from pipeline_project.core.records import MediaRef


class MediaSource(Protocol):
    """A folder, file or bucket that holds media. It is read in place and never written to."""

    @property
    def spec(self) -> str:
        """The source as the user wrote it."""
        ...

    @property
    def ignored(self) -> int:
        """Objects that the last listing left out: other file types, or not in `include`."""
        ...

    def list(self) -> Iterator[MediaRef]:
        """Yield what is there, ordered by name, without reading any object's bytes.

        Raises:
            ConfigError: the source does not exist, or may not be listed.
        """
        ...

    def fetch(self, uri: str) -> AbstractContextManager[Path]:
        """Give one listed object's bytes as a local file, for the time of the `with` block.

        The path is only to be read; a remote object's copy is removed at the end.

        Raises:
            MediaUnreadable: the object vanished or may not be read.
        """
        ...
