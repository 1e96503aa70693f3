"""Which timestamp the n-th frame of a video has."""

from pathlib import Path

import av

from pipeline_project.adapters.media.base import MediaReader
from pipeline_project.core.config import SamplingConfig


def timestamps_of(path: Path, reader: MediaReader) -> list[int]:
    """Give the timestamps of a video's frames in order of presentation; index n is frame n.

    Read from the packets, without decoding, where each has a timestamp of its own; else every
    frame is decoded. Packets that the container says are not shown do not count.

    Raises:
        MediaError: the file cannot be opened, or nothing of it decoded.
    """
    packets = _from_packets(path)
    if packets is not None:
        return packets
    with reader.open(path) as media:
        return [frame.pts for frame in media.frames(SamplingConfig(mode="all"))]


def _from_packets(path: Path) -> list[int] | None:
    """The sorted timestamps of all packets; None where they cannot be relied on."""
    try:
        with av.open(str(path)) as container:
            stamps: list[int] = []
            for packet in container.demux(container.streams.video[0]):
                if packet.size == 0 or packet.is_discard:
                    continue
                if packet.pts is None:
                    return None
                stamps.append(packet.pts)
    except (av.FFmpegError, IndexError, OSError, ValueError):
        return None  # the reader says what is wrong with it
    return sorted(stamps) if len(set(stamps)) == len(stamps) else None
