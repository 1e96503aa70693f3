"""Still images, decoded into upright 8-bit RGB or gray.

JPEGs go to simplejpeg, which is the same libjpeg-turbo as OpenCV's without its overhead and
decodes to gray in less than half the time; what it refuses, and all other formats, OpenCV
decodes. Both give the same pixels.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from pipeline_project.adapters.media.image_headers import HeaderError, ImageHeader, read_header
from pipeline_project.core.records import Damage, Frame, MediaInfo, Pixels
from pipeline_project.core.video.orientation import swaps_sides, turn_upright
from pipeline_project.errors import MediaCorrupt, MediaUnreadable

if TYPE_CHECKING:  # pydantic takes a tenth of a second, and every process here would wait for it
    from pipeline_project.core.config import SamplingConfig

# OpenCV writes to stderr what our own errors already say.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_WHITE = 255
_STRIP_PX = 1 << 16


class OpenImage:
    """One still image: upright, 8 bits, RGB.

    - EXIF orientation is applied.
    - 16-bit values are divided by 257, so that 65535 becomes 255; nothing is stretched. Floating
      point values count as 0 to 1 and are clipped.
    - Transparent pixels are laid over white, as a web page would show them; the colours hidden
      below full transparency are often leftovers.
    - Gray becomes three equal channels. CMYK and palettes become RGB.
    - Of an animation, or of several pages, only the first picture counts.
    """

    def __init__(self, path: Path, file: BinaryIO, name: str, *, max_pixels: int) -> None:
        """Read the header of a file recognised as an image called `name` by `sniff`.

        Raises:
            MediaCorrupt: the header cannot be read, or claims more than `max_pixels`.
        """
        self._path = path
        self._file = file
        self._name = name
        try:
            self._header = read_header(file, name)
        except HeaderError as error:
            raise MediaCorrupt(
                f"Reading the header of {name} image {path}: {error}. "
                "Replace the file, or leave it out."
            ) from error
        header = self._header
        if header.width_px * header.height_px > max_pixels:
            raise MediaCorrupt(
                f"Opening {name} image {path}: it is too large. Its header claims "
                f"{header.width_px} x {header.height_px} pixels, over the limit of {max_pixels}. "
                "Make a smaller copy, or leave it out."
            )

    @property
    def info(self) -> MediaInfo:
        """What the header says; sides as shown, after turning."""
        sides = self._header.width_px, self._header.height_px
        width, height = reversed(sides) if swaps_sides(self._header.orientation) else sides
        return MediaInfo("image", self._name, width, height, declared_frames=1)

    @property
    def damage(self) -> list[Damage]:
        """Always empty: an image is used whole or not at all."""
        return []

    def frames(self, sampling: "SamplingConfig") -> Iterator[Frame]:
        """Yield the one picture, whatever the sampling.

        Raises:
            MediaCorrupt: it is cut short or cannot be decoded.
        """
        yield self.frame_at(0)

    def frame_at(self, pts: int) -> Frame:
        """Return the one picture, whose `pts` is 0.

        Raises:
            MediaCorrupt: `pts` is not 0, or the picture cannot be decoded.
        """
        if pts != 0:
            raise MediaCorrupt(
                f"Taking frame {pts} of image {self._path}: an image has only frame 0."
            )
        return Frame(0, 0.0, turn_upright(self._decode(), self._header.orientation))

    def gray(self) -> npt.NDArray[np.uint8]:
        """Return the one picture in gray, shape (height, width), for those who need no colours.

        Of a colour JPEG it is the luma as stored, without the way through RGB, which rounds and
        clips it: the two differ by about a grey level, more in garish colours.

        Raises:
            MediaCorrupt: it is cut short or cannot be decoded.
        """
        data = self._read()
        gray = _decode_jpeg(data, "GRAY") if self._name == "jpeg" else None
        if gray is None:
            gray = _in_strips(self._stored(data), _strip_to_gray, ())[:, :, np.newaxis]
        return turn_upright(gray, self._header.orientation)[:, :, 0]

    def _decode(self) -> Pixels:
        data = self._read()
        pixels = _decode_jpeg(data, "RGB") if self._name == "jpeg" else None
        return _in_strips(self._stored(data), _strip_to_rgb8, (3,)) if pixels is None else pixels

    def _stored(self, data: bytes) -> npt.NDArray[Any]:
        """Decode by OpenCV, depth and alpha kept, not yet turned upright."""
        if self._name == "png":
            # libpng writes to stderr by itself and cannot be silenced, so look first.
            self._check_png(data)
        if self._header.orientation_at is not None:
            data = _set_upright(data, self._header)
        stored = _imdecode(data)
        if stored is None:
            raise self._corrupt(
                f"OpenCV cannot decode its {len(data)} bytes as {self._header.width_px} x "
                f"{self._header.height_px} pixels; it is damaged or cut short"
            )
        return stored

    def _read(self) -> bytes:
        try:
            self._file.seek(0)
            return self._file.read()
        except OSError as error:
            raise MediaUnreadable(
                f"Reading {self._path}: {error.strerror or error}. "
                "Check the disk or mount it lies on, and run again."
            ) from error

    def _check_png(self, data: bytes) -> None:
        at = 8
        while at + 12 <= len(data):
            length, kind = struct.unpack_from(">I4s", data, at)
            end = at + 12 + length
            if end > len(data):
                break
            if kind[:1].isupper():
                (declared,) = struct.unpack_from(">I", data, end - 4)
                if zlib.crc32(memoryview(data)[at + 4 : end - 4]) != declared:
                    raise self._corrupt(f"chunk {kind!r} at byte {at} fails its checksum")
            if kind == b"IEND":
                return
            at = end
        raise self._corrupt(f"it is cut short: no end within its {len(data)} bytes")

    def _corrupt(self, seen: str) -> MediaCorrupt:
        return MediaCorrupt(
            f"Decoding {self._name} image {self._path}: {seen}. Replace the file, or leave it out."
        )


def _decode_jpeg(data: bytes, colours: str) -> Pixels | None:
    """Decode a whole JPEG, shape (height, width, channels); None where OpenCV should try.

    That is what holds inks instead of light (CMYK), which the two mix differently, and whatever
    is damaged: so it is OpenCV that says which damage is too much.
    """
    try:
        if simplejpeg.decode_jpeg_header(data)[2] not in ("Gray", "YCbCr", "RGB"):
            return None
        return np.asarray(simplejpeg.decode_jpeg(data, colours), np.uint8)
    except ValueError:
        return None


def _set_upright(data: bytes, header: ImageHeader) -> bytes:
    # OpenCV turns some TIFF orientations by itself and refuses others; with the tag at 1 it
    # leaves the turning to us. At most 16 bits, in the file's own byte order.
    changed = bytearray(data)
    order = "<H" if data[:2] == b"II" else ">H"
    struct.pack_into(order, changed, header.orientation_at or 0, 1)
    return bytes(changed)


def _imdecode(data: bytes) -> npt.NDArray[Any] | None:
    try:
        # UNCHANGED keeps depth and alpha, and leaves the orientation to us.
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def _in_strips(
    stored: npt.NDArray[Any],
    convert: Callable[[npt.NDArray[Any]], Pixels],
    channels: tuple[int, ...],
) -> Pixels:
    """Bring what OpenCV decoded (gray, BGR or BGRA; 8, 16 bits or float) to 8 bits.

    Strip by strip: a picture of a few hundred kilobytes can decode to half a gigabyte, and
    nothing but the result may be added to that.
    """
    height, width = stored.shape[:2]
    pixels = np.empty((height, width, *channels), np.uint8)
    rows = max(_STRIP_PX // width, 1)
    for top in range(0, height, rows):
        pixels[top : top + rows] = convert(stored[top : top + rows])
    return pixels


def _strip_to_gray(stored: npt.NDArray[Any]) -> Pixels:
    if stored.dtype == np.uint8 and (stored.ndim == 2 or stored.shape[2] == 1):
        return stored.reshape(stored.shape[:2])
    return np.asarray(cv2.cvtColor(_strip_to_rgb8(stored), cv2.COLOR_RGB2GRAY), np.uint8)


def _strip_to_rgb8(stored: npt.NDArray[Any]) -> Pixels:
    if stored.dtype == np.uint16:
        stored = cv2.convertScaleAbs(stored, alpha=1 / 257)
    elif stored.dtype != np.uint8:
        unit = np.nan_to_num(stored, nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0)
        stored = np.rint(unit * 255).astype(np.uint8)
    if stored.ndim == 2 or stored.shape[2] == 1:
        return np.asarray(cv2.cvtColor(stored, cv2.COLOR_GRAY2RGB), np.uint8)
    if stored.shape[2] == 4:
        return _over_white(stored)
    return np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), np.uint8)


def _over_white(bgra: npt.NDArray[Any]) -> Pixels:
    rgb = np.asarray(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB), np.uint8)
    alpha = bgra[:, :, 3]
    if alpha.min() == _WHITE:
        return rgb
    share = alpha[:, :, np.newaxis].astype(np.uint16)
    mixed = rgb * share + _WHITE * (_WHITE - share)
    return ((mixed + _WHITE // 2) // _WHITE).astype(np.uint8)
