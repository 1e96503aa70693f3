"""Writes picked frames, full size, as JPEG into the object store."""

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
from pipeline_project.core.records import Pixels
from pipeline_project.errors import MediaError
from pipeline_project.worker.identify import Fetch, KnownMedia
from pipeline_project.worker.progress import Progress

_STEM_LENGTH = 80


@dataclass(frozen=True, slots=True)
class PictureToWrite:
    """One pick: its row, timestamp, and the name of its file."""

    row: int
    pts: int
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
    plain = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:_STEM_LENGTH] or "unnamed"
    if kind == "image":
        return f"{rank:04d}_{plain}.jpg"
    minutes, seconds = divmod(timestamp_s, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{rank:04d}_{plain}_{hours:02d}h{minutes:02d}m{seconds:06.3f}s.jpg"


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
        pictures = wanted[sha256]
        left = sorted(pictures, key=lambda each: each.pts)
        try:
            with fetch(source.ref.uri) as path:
                if source.info.kind == "image" and _is_jpeg(path):
                    for each in pictures:
                        store.put(f"{prefix}/frames/{each.file_name}", path.read_bytes())
                        left.remove(each)
                        yield Written(each.row, each.file_name, source)
                    return
                with reader.open(path) as opened:
                    for each in list(left):
                        pixels = opened.frame_at(each.pts).pixels
                        data = encode_jpeg(pixels, jpeg_quality)
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
    """Encode a picture, (H, W, 3) RGB uint8, as JPEG."""
    bgr = np.ascontiguousarray(pixels[:, :, ::-1])
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def _is_jpeg(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) == b"\xff\xd8\xff"
