"""Size and orientation of an image, read from its header without decoding a pixel.

This is what stands between a few bytes that claim to be 60,000 x 60,000 and the memory.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from pipeline_project.core.video.orientation import UPRIGHT


class HeaderError(ValueError):
    """The header ends early or contradicts itself; holds what was seen."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header says.

    Attributes:
        width_px: stored width, before any turning.
        height_px: stored height, before any turning.
        orientation: EXIF orientation, 1 to 8.
        orientation_at: byte offset of a TIFF's orientation value, so that it can be neutralised.
    """

    width_px: int
    height_px: int
    orientation: int = UPRIGHT
    orientation_at: int | None = None


def read_header(file: BinaryIO, name: str) -> ImageHeader:
    """Read the header of a recognised image.

    Args:
        file: open at any position; left at any position.
        name: as given by `sniff`: jpeg, png, gif, bmp, webp, tiff or pnm.

    Raises:
        HeaderError: the header cannot be read; says why.
    """
    file.seek(0)
    header = _READERS[name](file)
    if header.width_px < 1 or header.height_px < 1:
        raise HeaderError(f"it declares {header.width_px} x {header.height_px} pixels")
    return header


def _take(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise HeaderError(f"it ends inside its header, after {file.tell()} bytes")
    return data


def _png(file: BinaryIO) -> ImageHeader:
    start = _take(file, 33)
    if start[12:16] != b"IHDR":
        raise HeaderError("its first chunk is not IHDR")
    width, height = struct.unpack(">II", start[16:24])
    orientation = UPRIGHT
    while len(chunk := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", chunk)
        if kind == b"eXIf":
            orientation = exif_orientation(file.read(min(length, 1 << 16)))
        if kind in (b"eXIf", b"IEND"):
            break
        file.seek(length + 4, 1)
    return ImageHeader(width, height, orientation)


def _gif(file: BinaryIO) -> ImageHeader:
    return ImageHeader(*struct.unpack("<HH", _take(file, 10)[6:10]))


def _bmp(file: BinaryIO) -> ImageHeader:
    start = _take(file, 26)
    if struct.unpack("<I", start[14:18])[0] == 12:
        return ImageHeader(*struct.unpack("<HH", start[18:22]))
    width, height = struct.unpack("<ii", start[18:26])
    return ImageHeader(width, abs(height))


def _webp(file: BinaryIO) -> ImageHeader:
    start = _take(file, 30)
    kind = start[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", start[26:30])
        return ImageHeader(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        bits = struct.unpack("<I", start[21:25])[0]
        return ImageHeader((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind != b"VP8X":
        raise HeaderError(f"its first chunk is {kind!r}")
    width = int.from_bytes(start[24:27], "little") + 1
    height = int.from_bytes(start[27:30], "little") + 1
    orientation = UPRIGHT
    while len(chunk := file.read(8)) == 8:
        tag, length = struct.unpack("<4sI", chunk)
        if tag == b"EXIF":
            orientation = exif_orientation(file.read(min(length, 1 << 16)))
            break
        file.seek(length + length % 2, 1)
    return ImageHeader(width, height, orientation)


_SOF_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})


def _jpeg(file: BinaryIO) -> ImageHeader:
    _take(file, 2)
    orientation = UPRIGHT
    while True:
        while (byte := _take(file, 1)) != b"\xff":
            pass
        while (byte := _take(file, 1)) == b"\xff":
            pass
        marker = byte[0]
        if marker in _BARE_MARKERS or marker == 0:
            continue
        if marker in (0xD9, 0xDA):
            raise HeaderError("its picture data begin before its size is told")
        length = struct.unpack(">H", _take(file, 2))[0] - 2
        if length < 0:
            raise HeaderError(f"segment {marker:#x} has a length below zero")
        if marker in _SOF_MARKERS:
            height, width = struct.unpack(">HH", _take(file, 5)[1:5])
            return ImageHeader(width, height, orientation)
        if marker == 0xE1 and orientation == UPRIGHT:
            orientation = exif_orientation(_take(file, length))
        else:
            file.seek(length, 1)


def _pnm(file: BinaryIO) -> ImageHeader:
    numbers: list[int] = []
    words = iter(_pnm_words(file.read(4096)[2:]))
    for word in words:
        if not word.isdigit() or len(word) > 9:
            raise HeaderError(f"its size reads {word[:20]!r}")
        numbers.append(int(word))
        if len(numbers) == 2:
            return ImageHeader(numbers[0], numbers[1])
    raise HeaderError("it ends before its size is told")


def _pnm_words(head: bytes) -> list[bytes]:
    return b" ".join(line.split(b"#")[0] for line in head.splitlines()).split()


_TIFF_SHAPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


def _tiff(file: BinaryIO) -> ImageHeader:
    start = _take(file, 8)
    order = "<" if start[:2] == b"II" else ">"
    big = struct.unpack(order + "H", start[2:4])[0] == 43
    if big:
        directory = struct.unpack(order + "Q", _take(file, 8))[0]
        count_format, entry_bytes, value_at = "Q", 20, 12
    else:
        directory = struct.unpack(order + "I", start[4:8])[0]
        count_format, entry_bytes, value_at = "H", 12, 8
    if directory >= 1 << 62:
        raise HeaderError(f"it places its directory at byte {directory}")
    file.seek(directory)
    entries = struct.unpack(
        order + count_format, _take(file, struct.calcsize(order + count_format))
    )[0]
    found = {256: 0, 257: 0, 274: UPRIGHT}
    orientation_at = None
    for _ in range(min(entries, 4096)):
        at = file.tell()
        entry = _take(file, entry_bytes)
        tag, kind = struct.unpack(order + "HH", entry[:4])
        if tag in found and kind in _TIFF_SHAPES:
            shape = order + _TIFF_SHAPES[kind]
            found[tag] = struct.unpack_from(shape, entry, value_at)[0]
            if tag == 274 and kind == 3:
                orientation_at = at + value_at
    orientation = found[274] if 1 <= found[274] <= 8 else UPRIGHT
    return ImageHeader(found[256], found[257], orientation, orientation_at)


def exif_orientation(data: bytes) -> int:
    """Find the orientation in an EXIF block (a small TIFF); 1 where there is none to be found."""
    block = data.removeprefix(b"Exif\x00\x00")
    if block[:4] not in (b"II*\x00", b"MM\x00*"):
        return UPRIGHT
    try:
        return _tiff(io.BytesIO(block)).orientation
    except HeaderError:
        return UPRIGHT


_READERS: dict[str, Callable[[BinaryIO], ImageHeader]] = {
    "png": _png,
    "gif": _gif,
    "bmp": _bmp,
    "webp": _webp,
    "jpeg": _jpeg,
    "tiff": _tiff,
    "pnm": _pnm,
}
