"""Writing and reading the sample's kind of video: H.264, 4:2:0, constant quality."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipeline_project.core.records import Pixels

FRAMES_PER_S = 24
# Two seconds between keyframes: short enough to seek, long enough to keep files small.
KEYFRAME_EVERY = 2 * FRAMES_PER_S
CONSTANT_QUALITY = 26


def write_video(path: Path, frames: Iterable[Pixels], quality: int = CONSTANT_QUALITY) -> None:
    """Encode RGB frames of one even size into an MP4 file.

    Args:
        path: of the file to write; one that is there is replaced.
        frames: shape (height, width, 3) each, uint8; streamed, never kept.
        quality: x264's constant rate factor; lower is better and larger.
    """
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_S)
        stream.pix_fmt = "yuv420p"
        stream.gop_size = KEYFRAME_EVERY
        # One thread, so that the same frames give the same file on every machine.
        stream.options = {"crf": str(quality), "preset": "slow", "threads": "1"}
        stream.time_base = Fraction(1, FRAMES_PER_S)
        for pixels in frames:
            if not stream.codec_context.is_open:
                stream.height, stream.width = pixels.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def read_video(path: Path) -> list[Pixels]:
    """Decode a short video whole: RGB frames in order."""
    with av.open(str(path)) as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]
