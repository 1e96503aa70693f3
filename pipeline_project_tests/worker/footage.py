"""Small files made of real photographs, no two of which look alike."""

from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from skimage import data as photographs

from pipeline_project_tests.media_files import image

WIDTH_PX, HEIGHT_PX = 160, 120
FPS = 8
SHOWN = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "camera", "coins", "page")
SCENES = 6 * len(SHOWN)


@cache
def photograph(scene: int) -> np.ndarray:
    """One of `SCENES` pictures, (120, 160, 3) uint8 RGB: six places in each photograph."""
    name, place = SHOWN[scene % len(SHOWN)], scene // len(SHOWN) % 6
    pixels = np.atleast_3d(getattr(photographs, name)())
    pixels = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 3
    top, left = place // 3 * height, place % 3 * width
    crop = np.ascontiguousarray(pixels[top : top + height, left : left + width, :3])
    return cv2.resize(crop, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)


def film(path: Path, *scenes: int) -> Path:
    """Write a video that shows each scene for one second, so one sampled frame of each."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        stream.codec_context.gop_size = FPS
        for number in range(FPS * len(scenes)):
            pixels = photograph(scenes[number // FPS])
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


def still(path: Path, scene: int) -> Path:
    """Write one scene as an image; the suffix chooses the format."""
    return image(path, photograph(scene))
