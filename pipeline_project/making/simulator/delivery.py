"""What happens to a picture between the camera and whoever looks at it: tone and compression."""

import tempfile
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from pipeline_project.core.records import Pixels
from pipeline_project.making.h264 import read_video, write_video

Delivery = Literal["none", "jpeg", "jpeg twice", "webp", "video"]
DELIVERIES: tuple[Delivery, ...] = ("none", "jpeg", "jpeg twice", "webp", "video")
SHARES = (0.14, 0.58, 0.1, 0.04, 0.14)


def any_delivery(rng: np.random.Generator) -> Delivery:
    """Draw a way of delivery; JPEG is the most common."""
    return DELIVERIES[int(rng.choice(len(DELIVERIES), p=SHARES))]


def deliver(pixels: Pixels, how: Delivery, rng: np.random.Generator) -> tuple[Pixels, bytes | None]:
    """Compress a picture.

    Returns:
        The picture as it is decoded again, and the bytes of the JPEG if it ended as one.
    """
    if how in ("jpeg", "jpeg twice"):
        coded = b""
        for _ in range(2 if how == "jpeg twice" else 1):
            coded = _jpeg(pixels, int(rng.integers(70, 97)), bool(rng.random() < 0.3))
            pixels = _decode(coded)
        return pixels, coded
    if how == "webp":
        quality = int(rng.integers(75, 96))
        return _decode(_encode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])), None
    if how == "video":
        return _through_video(pixels, rng), None
    return pixels, None


def change_tone(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Change exposure and contrast as a camera or its owner might; often not at all."""
    draw = rng.random()
    if draw < 0.55:
        return pixels
    values = pixels.astype(np.float32) / 255
    if draw < 0.7:  # little contrast: haze, a dull day
        low, high = rng.uniform(0.05, 0.35), rng.uniform(0.6, 0.9)
        values = low + (high - low) * values
    elif draw < 0.82:  # dark
        values = rng.uniform(0.25, 0.6) * values ** rng.uniform(1, 1.3)
    elif draw < 0.91:  # gray
        values = np.repeat(cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    else:  # much contrast, clipped at both ends
        values = 0.5 + rng.uniform(1.1, 1.5) * (values - 0.5)
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _encode(suffix: str, pixels: Pixels, options: list[int]) -> bytes:
    return bytes(cv2.imencode(suffix, np.ascontiguousarray(pixels[:, :, ::-1]), options)[1])


def _jpeg(pixels: Pixels, quality: int, full_colour: bool) -> bytes:
    sampling = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        if full_colour
        else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    )
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return _encode(".jpg", pixels, options)


def _decode(coded: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def _through_video(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Encode three frames that drift by some pixels, and return the last one."""
    height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    step = rng.integers(-3, 4, 2)
    frames = [
        np.ascontiguousarray(np.roll(pixels[:height, :width], step * back, axis=(0, 1)))
        for back in (2, 1, 0)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drift.mp4"
        write_video(path, frames, int(rng.integers(18, 29)))
        return read_video(path)[-1]
