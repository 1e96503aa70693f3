"""What every reader of media files offers, whatever decodes them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pipeline_project.core.records import Damage, Frame, MediaInfo
from pipeline_project.errors import MediaUnreadable

if TYPE_CHECKING:  # pydantic takes a tenth of a second, and every process here would wait for it
    from pipeline_project.core.config import SamplingConfig


@runtime_checkable
class OpenMedia(Protocol):
    """One open image or video. Memory held does not grow with its length."""

    @property
    def info(self) -> MediaInfo:
        """What the file says of itself."""
        ...

    def frames(self, sampling: "SamplingConfig") -> Iterator[Frame]:
        """Yield the sampled frames in order of time, upright RGB, one at a time.

        May be called once per open. An image yields itself, whatever the sampling.

        Raises:
            MediaEmpty: the stream ends without one frame.
            MediaCorrupt: nothing can be decoded.
            MediaTooSmall: never; size is the caller's judgement.
        """
        ...

    def frame_at(self, pts: int) -> Frame:
        """Return exactly the frame that `frames` yielded with this `pts`.

        Raises:
            MediaCorrupt: there is no such frame any more.
        """
        ...

    @property
    def damage(self) -> list[Damage]:
        """What was wrong although frames were yielded; complete once `frames` is exhausted."""
        ...


class MediaReader(Protocol):
    """Opens files by their contents, never by their names."""

    def open(self, path: Path) -> AbstractContextManager[OpenMedia]:
        """Open a file and read its headers.

        Raises:
            MediaUnreadable: permission, vanished file, I/O error.
            MediaEmpty: zero bytes, or no video stream (audio only).
            MediaUnknown: neither an image nor a video.
            MediaCorrupt: recognised, but its headers cannot be read.
        """
        ...


def unreadable(path: Path, error: OSError) -> MediaUnreadable:
    """Word an operating system's error on a file."""
    return MediaUnreadable(
        f"Reading {path}: {error.strerror or error}. Check that the file is still there, that you "
        "may read it, and the disk or mount it lies on; then run again."
    )
