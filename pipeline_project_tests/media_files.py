"""Small real media files for tests, each frame with its number written in it.

A frame's number stands as bits in a row of black and white blocks along the top, so it survives
any codec and `number_of` reads it back. Below is a picture with soft detail that moves.
"""

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

WIDTH_PX, HEIGHT_PX = 192, 128
FPS = 24
_BITS = 12
_BLOCK_PX = WIDTH_PX // _BITS
_QUICK = {"libx264": {"preset": "ultrafast"}, "libvpx-vp9": {"deadline": "realtime"}}


def picture(number: int = 0, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> np.ndarray:
    """A picture that holds its number, shape (height, width, 3), uint8, RGB."""
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    waves = [np.sin((x + 3 * number) / 9), np.sin((y - number) / 7), np.sin((x + y) / 23)]
    pixels = np.stack([128 + 70 * wave for wave in waves], axis=2).astype(np.uint8)
    for bit in range(_BITS):
        shade = 235 if number >> bit & 1 else 20
        pixels[: 2 * _BLOCK_PX, bit * _BLOCK_PX : (bit + 1) * _BLOCK_PX] = shade
    return pixels


def number_of(pixels: np.ndarray) -> int:
    """The number that `picture` wrote; the pixels must be upright and of its usual size."""
    assert pixels.shape == (HEIGHT_PX, WIDTH_PX, 3), pixels.shape
    middles = [pixels[_BLOCK_PX, bit * _BLOCK_PX + _BLOCK_PX // 2] for bit in range(_BITS)]
    return sum(1 << bit for bit, middle in enumerate(middles) if middle.mean() > 128)


def clip(
    path: Path,
    frames: int = 48,
    *,
    codec: str = "libx264",
    container: str | None = None,
    gop: int = 12,
    b_frames: int = 0,
    at_ms: Sequence[int] | None = None,
    index_first: bool = False,
    audio: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """Write numbered frames, 24 per second or at the given milliseconds (a variable rate)."""
    flags = {"movflags": "faststart"} if index_first else {}
    with av.open(str(path), "w", format=container, options=flags) as out:
        stream = out.add_stream(codec, rate=FPS, options=_QUICK.get(codec, {}) | (options or {}))
        stream.width, stream.height = WIDTH_PX, HEIGHT_PX
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        if at_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
            stream.time_base = Fraction(1, 1000)
        sound = _Sound(out) if audio else None
        for number in range(frames if at_ms is None else len(at_ms)):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts = number if at_ms is None else at_ms[number]
            frame.time_base = Fraction(1, FPS) if at_ms is None else Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if sound:
            sound.write(seconds=frames / FPS)
    return path


class _Sound:
    def __init__(self, out: av.container.OutputContainer) -> None:
        self._out = out
        self._stream = out.add_stream("aac", rate=48_000)

    def write(self, seconds: float) -> None:
        for start in range(0, int(seconds * 48_000), 1024):
            wave = np.sin(np.arange(start, start + 1024) / 20, dtype=np.float32)[np.newaxis] / 9
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            self._out.mux(self._stream.encode(frame))
        self._out.mux(self._stream.encode())


def audio_only(path: Path, seconds: float = 1.0) -> Path:
    """Write sound without a picture."""
    with av.open(str(path), "w") as out:
        _Sound(out).write(seconds)
    return path


QUARTER_CLOCKWISE = (0, 1, -1, 0)
QUARTER_COUNTERCLOCKWISE = (0, -1, 1, 0)
HALF = (-1, 0, 0, -1)
MIRRORED = (-1, 0, 0, 1)


def turned_clip(path: Path, turn: tuple[int, int, int, int], frames: int = 12) -> Path:
    """Write an MP4 that asks players to turn it; a, b, c, d of its display matrix."""
    clip(path, frames)
    data = bytearray(path.read_bytes())
    matrix_at = data.index(b"tkhd") + 44
    a, b, c, d = (part << 16 for part in turn)
    data[matrix_at : matrix_at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def without_offsets(path: Path) -> Path:
    """Drop an MP4's composition offsets, as some writers do: pts then stand on wrong frames."""
    data = path.read_bytes()
    for name in (b"ctts", b"edts"):
        data = data.replace(name, b"free")
    path.write_bytes(data)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep only the first part of a file, as an interrupted copy does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def overwrite_middle(path: Path, count: int, at_share: float = 0.5, seed: int = 7) -> Path:
    """Put random bytes over the middle of a file, as a failing disk does."""
    data = bytearray(path.read_bytes())
    at = int(len(data) * at_share)
    data[at : at + count] = np.random.default_rng(seed).bytes(min(count, len(data) - at))
    path.write_bytes(data)
    return path


def image(path: Path, pixels: np.ndarray | None = None) -> Path:
    """Write RGB (or gray, or RGBA) pixels; the suffix chooses the format."""
    stored = picture() if pixels is None else pixels
    if stored.ndim == 3:
        order = cv2.COLOR_RGBA2BGRA if stored.shape[2] == 4 else cv2.COLOR_RGB2BGR
        stored = cv2.cvtColor(stored, order)
    done, data = cv2.imencode(path.suffix, stored)
    assert done
    path.write_bytes(data.tobytes())
    return path


def html(path: Path) -> Path:
    """Write what a server sends in place of a file that is gone."""
    path.write_text("<!DOCTYPE html>\n<html><body>" + "404 Not Found " * 200 + "</body></html>")
    return path


def numbers_of(frames: Iterable[np.ndarray]) -> list[int]:
    """The numbers of many pictures."""
    return [number_of(pixels) for pixels in frames]
