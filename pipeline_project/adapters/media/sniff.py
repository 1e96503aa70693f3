"""Recognising files by their first bytes. Names are never looked at."""

import re
from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 4096

Family = Literal["image", "video", "audio", "unsupported", "text", "unknown"]


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the first bytes look like: the family, and a name people know it by."""

    family: Family
    name: str


_PREFIXES: tuple[tuple[bytes, Sniffed], ...] = (
    (b"\xff\xd8\xff", Sniffed("image", "jpeg")),
    (b"\x89PNG\r\n\x1a\n", Sniffed("image", "png")),
    (b"GIF87a", Sniffed("image", "gif")),
    (b"GIF89a", Sniffed("image", "gif")),
    (b"II*\x00", Sniffed("image", "tiff")),
    (b"MM\x00*", Sniffed("image", "tiff")),
    (b"II+\x00", Sniffed("image", "tiff")),
    (b"MM\x00+", Sniffed("image", "tiff")),
    (b"\x1aE\xdf\xa3", Sniffed("video", "matroska")),
    (b"OggS", Sniffed("video", "ogg")),
    (b"FLV\x01", Sniffed("video", "flv")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Sniffed("video", "asf")),
    (b"\x00\x00\x01\xba", Sniffed("video", "mpeg")),
    (b"\x00\x00\x01\xb3", Sniffed("video", "mpeg")),
    (b"DKIF", Sniffed("video", "ivf")),
    (b"YUV4MPEG2 ", Sniffed("video", "yuv4mpeg")),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", Sniffed("video", "mxf")),
    (b"ID3", Sniffed("audio", "mp3")),
    (b"fLaC", Sniffed("audio", "flac")),
    (b"\x00\x00\x00\x0cjP  ", Sniffed("unsupported", "JPEG 2000")),
    (b"\xff\x0a", Sniffed("unsupported", "JPEG XL")),
    (b"\x00\x00\x00\x0cJXL ", Sniffed("unsupported", "JPEG XL")),
    (b"8BPS", Sniffed("unsupported", "Photoshop")),
    (b"\x76\x2f\x31\x01", Sniffed("unsupported", "OpenEXR")),
    (b"%PDF-", Sniffed("unsupported", "PDF")),
    (b"PK\x03\x04", Sniffed("unsupported", "ZIP archive")),
    (b"\x1f\x8b", Sniffed("unsupported", "gzip archive")),
)
_RIFF = {
    b"WEBP": Sniffed("image", "webp"),
    b"AVI ": Sniffed("video", "avi"),
    b"WAVE": Sniffed("audio", "wav"),
}
_STILL_BRANDS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"heif": "HEIF",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"crx ": "Canon raw",
}
_QUICKTIME_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_TS_PACKET_BYTES = 188
_UNKNOWN = Sniffed("unknown", "unknown bytes")


def sniff(head: bytes) -> Sniffed:
    """Recognise a file by its first bytes.

    Args:
        head: the first `HEAD_BYTES` of the file, or all of a shorter one.

    Returns:
        `unknown` where no signature matches; raw video streams have none, so the decoder may
        still be asked.
    """
    for prefix, sniffed in _PREFIXES:
        if head.startswith(prefix):
            return sniffed
    if head[:2] == b"BM" and head[6:10] == b"\x00\x00\x00\x00":
        return Sniffed("image", "bmp")
    if re.match(rb"P[1-6]\s+(#|\d+\s)", head):
        return Sniffed("image", "pnm")
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], _UNKNOWN)
    if head[4:8] in _QUICKTIME_BOXES:
        brand = head[8:12] if head[4:8] == b"ftyp" else b""
        still = _STILL_BRANDS.get(brand)
        return Sniffed("unsupported", still) if still else Sniffed("video", "mp4")
    if _is_transport_stream(head, 0) or _is_transport_stream(head, 4):
        return Sniffed("video", "mpegts")
    return _sniff_text(head)


def _is_transport_stream(head: bytes, first: int) -> bool:
    # Camcorders put 4 bytes of time before each packet: 192 bytes apart instead of 188.
    stride = _TS_PACKET_BYTES + first
    marks = range(first, min(len(head), first + 5 * stride), stride)
    return len(marks) >= 2 and all(head[mark] == 0x47 for mark in marks)


def _sniff_text(head: bytes) -> Sniffed:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if not text or b"\x00" in text or any(byte < 9 or 13 < byte < 27 for byte in text):
        return _UNKNOWN
    start = text.lstrip()[:64].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return Sniffed("text", "an HTML page")
    if start.startswith((b"<?xml", b"<svg", b"<error")):
        return Sniffed("text", "XML text")
    if start.startswith((b"{", b"[")):
        return Sniffed("text", "JSON text")
    if start.startswith(b"#extm3u"):
        return Sniffed("text", "a playlist")
    if start.startswith(b"version https://git-lfs"):
        return Sniffed("text", "a Git LFS pointer, not the file itself")
    try:
        text.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        # A character cut in two by the end of the head is still text.
        if error.start < len(text) - 3 or len(head) < HEAD_BYTES:
            return _UNKNOWN
    return Sniffed("text", "plain text")
