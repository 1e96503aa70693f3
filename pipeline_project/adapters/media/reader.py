"""The reader of local files: looks at the contents, then opens an image or a video."""

import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from pipeline_project.adapters.media.base import OpenMedia, unreadable
from pipeline_project.adapters.media.images import OpenImage
from pipeline_project.adapters.media.sniff import HEAD_BYTES, Sniffed, sniff
from pipeline_project.errors import MediaEmpty, MediaUnknown, MediaUnreadable

# Above the largest camera sensors in use (108 megapixels in phones, 151 on medium format backs).
# Decoding takes up to 7 bytes per 8-bit pixel, so about 1 GB at the limit.
MAX_PIXELS = 152_000_000


class LocalMediaReader:
    """Opens local images and videos by their contents, never by their names."""

    def __init__(self, *, threads: int = 2, max_pixels: int = MAX_PIXELS) -> None:
        """Set the bounds.

        Args:
            threads: decoder threads per open video, at least 1. Each holds a frame or two.
            max_pixels: pictures that claim more are refused before memory is taken for them.
        """
        self._threads = max(threads, 1)
        self._max_pixels = max_pixels

    @contextmanager
    def open(self, path: Path) -> Iterator[OpenMedia]:
        """Open a file and read its headers; closed at the end of the `with` block.

        Raises:
            MediaUnreadable: permission, vanished file, a folder or device, I/O error.
            MediaEmpty: zero bytes, or no video stream (audio only).
            MediaUnknown: neither an image nor a video, or a kind that is not supported.
            MediaCorrupt: recognised, but its headers cannot be read or claim too many pixels.
        """
        try:
            # Looked at before opening: opening a named pipe would wait for ever.
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode):
                raise MediaUnreadable(
                    f"Opening {path}: it is a {_kind_of(mode)}, not a file. "
                    "Name a file, or leave it out."
                )
            file = path.open("rb")
        except OSError as error:
            raise unreadable(path, error) from error
        with file:
            sniffed = self._sniff(path, file)
            if sniffed.family == "image":
                yield OpenImage(path, file, sniffed.name, max_pixels=self._max_pixels)
                return
        # PyAV takes a tenth of a second to load, and images do without.
        from pipeline_project.adapters.media.video import OpenVideo

        recognised = sniffed.family in ("video", "audio")
        video = OpenVideo(
            path,
            recognised_as=sniffed.name if recognised else None,
            threads=self._threads,
            max_pixels=self._max_pixels,
        )
        with closing(video):
            yield video

    def _sniff(self, path: Path, file: BinaryIO) -> Sniffed:
        try:
            head = file.read(HEAD_BYTES)
        except OSError as error:
            raise unreadable(path, error) from error
        if not head:
            raise MediaEmpty(
                f"Opening {path}: it has zero bytes. Copy it again from its origin, or leave it "
                "out."
            )
        sniffed = sniff(head)
        if sniffed.family in ("text", "unsupported"):
            raise MediaUnknown(
                f"Opening {path}: it is {sniffed.name}, which is neither an image nor a video "
                "that can be read here. Leave it out, or convert it to JPEG, PNG or MP4."
            )
        return sniffed


def _kind_of(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "folder"), (stat.S_ISFIFO, "named pipe"), (stat.S_ISSOCK, "socket"))
    return next((name for test, name in kinds if test(mode)), "device")
