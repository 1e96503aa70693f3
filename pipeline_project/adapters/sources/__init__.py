"""Where media come from. `open_source` picks the adapter from what the user wrote."""

from collections.abc import Sequence

from pipeline_project.adapters.addresses import place_of, shown
from pipeline_project.adapters.sources.base import MediaSource
from pipeline_project.adapters.sources.folder import FolderSource
from pipeline_project.errors import ConfigError
from pipeline_project.sample import sample_dir

__all__ = ["MediaSource", "open_source"]


def open_source(spec: str | None, include: Sequence[str] = ()) -> MediaSource:
    """Open a folder or file; None means the bundled sample.

    The source's own `spec` is text in any case: bytes of a path that are not UTF-8 are escaped.

    Raises:
        ConfigError: there is no such folder or file, or its kind needs more than this machine.
    """
    if spec is None:
        return FolderSource(sample_dir(), include, spec="the bundled sample")
    if not spec.strip():
        raise ConfigError(
            "The source is empty. Name a folder or a file, or leave it out for the bundled sample."
        )
    if "://" in spec and not spec.startswith("file://"):
        raise ConfigError(
            f"Source {shown(spec)}: this version reads folders and files. "
            "Copy the objects to a folder first, and give its path."
        )
    return FolderSource(place_of(spec), include, spec=shown(spec))
