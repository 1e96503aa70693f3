"""A folder, or one file, on a disk that the worker can read."""

import contextlib
import os
from collections.abc import Iterator, MutableSequence, Sequence
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline_project.adapters.addresses import is_here, path_of
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import ConfigError, MediaUnreadable

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .m2v .vob .ts .mts .m2ts .3gp .3g2 .wmv .asf .flv "
    ".f4v .ogv .mxf".split()
)
IMAGE_SUFFIXES = frozenset(".jpg .jpeg .png .tif .tiff .bmp .webp .gif .ppm .pgm".split())
# Pictures that the reader cannot decode: listed, so that each is rejected by name and not missed.
UNREADABLE_SUFFIXES = frozenset(".heic .heif .avif .jxl .jp2".split())
MEDIA_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES | UNREADABLE_SUFFIXES


# What every result of a run holds (`report/publish.py`): its frames were picked from here once.
_OF_A_RESULT = frozenset({"candidates.csv", "report.html", "selection.csv", "selection.json"})


@contextlib.contextmanager
def fetch_file(uri: str) -> Iterator[Path]:
    """Give a `file:///` address's own file for the time of the `with` block.

    Raises:
        MediaUnreadable: it is not there, may not be looked at, or is another machine's.
    """
    if not is_here(uri):
        raise MediaUnreadable(
            f"Reading {uri}: when it was to be uploaded it was gone from its machine, was no plain "
            "file, could not be read or was written to. Mend that there, and run again."
        ) from FileNotFoundError(uri)
    path = path_of(uri)
    try:
        path.stat()
    except OSError as error:
        raise MediaUnreadable(
            f"Reading {path}: {error.strerror}. Was it moved or deleted since it was listed? "
            "Check that it is there and may be read, and run again."
        ) from error
    yield path


class FolderSource:
    """Lists media files below a folder by their suffix; what they are is for the reader to say.

    Files of other types, hidden files and folders, and links that lead to folders are left out,
    and so are results of earlier runs below the folder, where nothing is named in `include`.
    What looks like media but cannot be opened is listed: the run then rejects it by name.

    Args:
        path: a folder or a file.
        include: glob patterns on the path below the folder (`*` also crosses folders); a file
            that matches one is listed whatever its suffix. Empty means every media suffix.
        spec: the source as the user wrote it.
    """

    def __init__(self, path: Path, include: Sequence[str] = (), spec: str | None = None) -> None:
        self._include = tuple(include)
        self._spec = spec if spec is not None else str(path)
        self._name = path.name
        self._ignored = 0
        try:
            # Without `..` and links on the way, so that one folder has one address.
            self._path = path.expanduser().resolve()
            self._path.stat()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"Looking for media in {path.absolute()}: {reason}. Check the path."
            ) from error

    @property
    def spec(self) -> str:
        """The source as the user wrote it."""
        return self._spec

    @property
    def ignored(self) -> int:
        """Objects that the last listing left out: other file types, or not in `include`."""
        return self._ignored

    def list(self) -> Iterator[MediaRef]:
        """Yield the media files, ordered by path, without reading any of them."""
        self._ignored = 0
        if not self._path.is_dir():
            yield self._ref(self._path, self._name)
            return
        unlisted: MutableSequence[Path] = []
        for path in self._walk(unlisted):
            relative = path.relative_to(self._path).as_posix()
            if self._wanted(relative):
                yield self._ref(path, relative)
            else:
                self._ignored += 1
        for folder in unlisted:  # listed as if a file, so that the run rejects it by name
            yield self._ref(folder, folder.relative_to(self._path).as_posix())

    def fetch(self, uri: str) -> AbstractContextManager[Path]:
        """Give the file itself: nothing is copied."""
        return fetch_file(uri)

    def _walk(self, unlisted: MutableSequence[Path]) -> Iterator[Path]:
        def refused(error: OSError) -> None:
            folder = Path(error.filename)
            if folder == self._path:
                raise ConfigError(
                    f"Listing {folder}: {error.strerror}. Give it read permission."
                ) from error
            unlisted.append(folder)

        for parent, folders, names in os.walk(self._path, onerror=refused):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = Path(parent) != self._path and not self._include
            if below and _OF_A_RESULT.issubset(names):
                folders.clear()
                continue
            # Links to folders are not followed: they may lead in circles, or to the same files.
            self._ignored += sum((Path(parent) / name).is_symlink() for name in folders)
            for name in sorted(names):
                if not name.startswith("."):
                    yield Path(parent) / name

    def _wanted(self, relative: str) -> bool:
        if self._include:
            return any(fnmatchcase(relative, pattern) for pattern in self._include)
        return Path(relative).suffix.lower() in MEDIA_SUFFIXES

    def _ref(self, path: Path, relative: str) -> MediaRef:
        try:
            stat = path.stat()
            size, fingerprint = stat.st_size, str(stat.st_mtime_ns)
        except OSError:  # a dangling link: listed, so that the run can say why it is rejected
            size, fingerprint = 0, ""
        return MediaRef(
            uri=path.as_uri(),
            name=os.fsencode(relative).decode("utf-8", "backslashreplace"),
            source=self._spec,
            size_bytes=size,
            fingerprint=fingerprint,
        )
