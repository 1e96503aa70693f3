"""The values that travel between the rooms: listed media, probes, frames, judgements.

Plain frozen dataclasses; no behaviour beyond naming. What a table stores is in
`adapters/lake/schemas.py`.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

MediaKind = Literal["image", "video"]
Pixels = npt.NDArray[np.uint8]
Label = Literal["sharp", "blur", "moire"]
LABELS: tuple[Label, ...] = ("sharp", "blur", "moire")


@dataclass(frozen=True, slots=True)
class MediaRef:
    """One listed object of a source, before anybody read its bytes.

    Attributes:
        uri: where it stands, `file:///...` (percent-encoded), `s3://bucket/key`, or of an upload
            `file://machine/...`.
        name: what people call it: the path below the source, as text that can be shown.
        source: the source it was listed from, as the user wrote it.
        size_bytes: as listed.
        fingerprint: changes when the bytes may have changed (`mtime_ns`, ETag or version).
        attribution: who made it and where it is published; empty when nobody need be named.
        stored_uri: where an upload's bytes are; empty where they are read in place.
    """

    uri: str
    name: str
    source: str
    size_bytes: int
    fingerprint: str
    attribution: dict[str, str] = field(default_factory=dict)
    stored_uri: str = ""

    @property
    def read_uri(self) -> str:
        """Where the bytes are read."""
        return self.stored_uri or self.uri


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file says of itself; of a video one frame is decoded, to learn how it is turned.

    Attributes:
        kind: image or video.
        codec: decoder name, `h264` or `png`.
        width_px: width as shown, after any rotation flag.
        height_px: height as shown, after any rotation flag.
        fps: declared average frame rate; None for an image or where unknown.
        duration_s: declared duration; None for an image or where unknown.
        declared_frames: frames that the container promises; None where it does not say.
    """

    kind: MediaKind
    codec: str
    width_px: int
    height_px: int
    fps: float | None = None
    duration_s: float | None = None
    declared_frames: int | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture.

    Attributes:
        pts: the stream's own integer timestamp, unique within the file; 0 for an image.
        timestamp_s: seconds from the start of the video; 0.0 for an image.
        pixels: shape (height, width, 3), uint8, RGB, upright (rotation flags applied).
    """

    pts: int
    timestamp_s: float
    pixels: Pixels


@dataclass(frozen=True, slots=True)
class Damage:
    """Something wrong with a file whose other frames were still used.

    Attributes:
        error_class: name of the `MediaError` subclass it would have been.
        message: what was seen, in one sentence with its numbers.
    """

    error_class: str
    message: str


@dataclass(frozen=True, slots=True)
class Classification:
    """A label and its probabilities, which sum to 1."""

    label: Label
    p_sharp: float
    p_blur: float
    p_moire: float


def frame_id(media_sha256: str, pts: int) -> str:
    """Name a frame by its file's contents and its own timestamp, `<sha256>:<pts>`."""
    return f"{media_sha256}:{pts}"
