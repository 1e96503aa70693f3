"""Writes picked frames, full size, as JPEG into the object store.

A file may have changed since its frames were looked at: what is written is compared with what was
picked, and a frame that is no longer the same is not written.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from pipeline_project.adapters.engine.base import Engine
from pipeline_project.adapters.media.base import MediaReader
from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.core.hashing import pixels_sha256
from pipeline_project.core.records import Pixels
from pipeline_project.errors import MediaCorrupt, MediaError, MediaUnreadable
from pipeline_project.worker.identify import Fetch, KnownMedia
from pipeline_project.worker.progress import Progress

_STEM_BYTES = 120  # rank, time and suffix need 30 more; file systems end at 255


@dataclass(frozen=True, slots=True)
class PictureToWrite:
    """One pick: its row, timestamp, hash of its pixels, and the name of its file."""

    row: int
    pts: int
    pixels_sha256: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Written:
    """One written pick, or why it could not be written."""

    row: int
    file_name: str
    media: KnownMedia
    error: MediaError | None = None


def file_name(rank: int, name: str, timestamp_s: float, kind: str) -> str:
    """Name a pick's file by rank, source and time: `0003_holiday-clip_00h01m23.400s.jpg`."""
    stem = unicodedata.normalize("NFC", PurePosixPath(name).stem)
    plain = re.sub(r"[^\w.-]+", "-", stem).encode()[:_STEM_BYTES].decode(errors="ignore")
    plain = plain.strip("-.") or "unnamed"
    if kind == "image":
        return f"{rank:04d}_{plain}.jpg"
    minutes, milliseconds = divmod(round(timestamp_s * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{rank:04d}_{plain}_{hours:02d}h{minutes:02d}m{milliseconds / 1000:06.3f}s.jpg"


def write_pictures(
    wanted: Mapping[str, list[PictureToWrite]],
    *,
    media: Mapping[str, KnownMedia],
    prefix: str,
    store: ObjectStore,
    fetch: Fetch,
    reader: MediaReader,
    engine: Engine,
    jpeg_quality: int,
    progress: Progress,
) -> Iterator[Written]:
    """Write picks below `<prefix>/frames/`, file by file; yields one `Written` per pick.

    A still JPEG is copied byte for byte; everything else is encoded with `jpeg_quality`.
    """
    total = sum(len(pictures) for pictures in wanted.values())

    def write_one_file(sha256: str) -> Iterator[Written]:
        source = media[sha256]
        left = sorted(wanted[sha256], key=lambda each: each.pts)
        try:
            with fetch(source.ref.read_uri) as path:
                for each, data in _encoded(path, source, list(left), reader, jpeg_quality):
                    store.put(f"{prefix}/frames/{each.file_name}", data)
                    left.remove(each)
                    yield Written(each.row, each.file_name, source)
        except MediaError as error:
            for each in left:
                yield Written(each.row, each.file_name, source, error)

    for number, written in enumerate(engine.flat_map(write_one_file, list(wanted)), start=1):
        progress.update("write", number, total, "frames", written.file_name)
        yield written


def encode_jpeg(pixels: Pixels, quality: int) -> bytes:
    """Encode a picture, (H, W, 3) RGB uint8, as JPEG.

    Raises:
        MediaCorrupt: it is larger than JPEG allows.
    """
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    encoded, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        height, width = pixels.shape[:2]
        raise MediaCorrupt(
            f"Writing a picture of {width}x{height} px as JPEG: its sides end at 65500 px. "
            "Make a smaller copy, or leave it out."
        )
    return bytes(data)


def _encoded(
    path: Path,
    source: KnownMedia,
    pictures: list[PictureToWrite],
    reader: MediaReader,
    jpeg_quality: int,
) -> Iterator[tuple[PictureToWrite, bytes]]:
    """Each picture of one file as JPEG; checked to be the one that was picked."""
    still = _still_jpeg(path) if source.info.kind == "image" else None
    if still is not None:
        _check_same(hashlib.sha256(still).hexdigest(), source.sha256, path)
        yield from ((each, still) for each in pictures)
        return
    with reader.open(path) as opened:
        for each in pictures:
            pixels = opened.frame_at(each.pts).pixels
            _check_same(pixels_sha256(pixels), each.pixels_sha256, path)
            yield each, encode_jpeg(pixels, jpeg_quality)


def _still_jpeg(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            head = file.read(3)
            return head + file.read() if head == b"\xff\xd8\xff" else None
    except OSError as error:
        raise MediaUnreadable(
            f"Reading {path}: {error.strerror}. Check that it is still there and may be read."
        ) from error


def _check_same(seen: str, expected: str, path: Path) -> None:
    if seen != expected:
        raise MediaCorrupt(
            f"Writing a picked frame of {path}: the file changed after its frames were looked "
            "at. Run again when nothing writes to it any more."
        )
