"""Videos, decoded by PyAV one frame at a time.

How the container is opened and walked is in `container.py`, which frames are taken in
`core/video/sampling.py`.
"""

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

import av
from av.video.reformatter import VideoReformatter

from pipeline_project.adapters.media.container import VideoContainer
from pipeline_project.adapters.media.damage import Tally
from pipeline_project.core.config import SamplingConfig
from pipeline_project.core.records import Damage, Frame, MediaInfo, Pixels
from pipeline_project.core.video.orientation import swaps_sides, turn_upright
from pipeline_project.core.video.sampling import FrameSampler
from pipeline_project.core.video.timestamps import RisingTimestamps
from pipeline_project.errors import MediaCorrupt, MediaEmpty


class OpenVideo:
    """One video file. Memory holds a few decoded frames, however long the video is.

    Frames are turned as the file's display matrix asks. Frames that the decoder marks as damaged
    are never yielded: the next sound one stands in. Pixels are those stored; a pixel aspect
    ratio other than 1:1 is not stretched.
    """

    def __init__(
        self, path: Path, *, recognised_as: str | None, threads: int, max_pixels: int
    ) -> None:
        """Open the container and decode one frame, to learn how it is turned.

        Args:
            path: the file.
            recognised_as: the container its first bytes promise; None where they promise none.
            threads: threads of the decoder.
            max_pixels: larger pictures are refused.

        Raises:
            MediaUnreadable, MediaUnknown, MediaEmpty, MediaCorrupt: as `MediaReader.open`.
        """
        self._path = path
        self._open = partial(
            VideoContainer,
            path,
            recognised_as=recognised_as,
            threads=threads,
            max_pixels=max_pixels,
        )
        with closing(self._open()) as container:
            self._look = container.first_look()
        self._container = self._open()
        self._tally = Tally()
        self._reformatter = VideoReformatter()
        self._seeker: VideoContainer | None = None
        self._scanner: VideoContainer | None = None
        self._scan: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._scanned: int | None = None

    def close(self) -> None:
        """Close every handle on the file; further calls are errors."""
        for container in (self._container, self._seeker, self._scanner):
            if container is not None:
                container.close()

    @property
    def info(self) -> MediaInfo:
        """What the container declares; sides as shown, after turning."""
        source = self._container
        width, height = source.width_px, source.height_px
        if swaps_sides(self._look.orientation):
            width, height = height, width
        return MediaInfo(
            kind="video",
            codec=source.codec,
            width_px=width,
            height_px=height,
            fps=float(source.rate) if source.rate else None,
            duration_s=source.duration_s,
            declared_frames=source.declared_frames,
        )

    @property
    def damage(self) -> list[Damage]:
        """What was wrong although frames were yielded; complete once `frames` is exhausted."""
        return self._container.damage(self._tally)

    def frames(self, sampling: SamplingConfig) -> Iterator[Frame]:
        """Yield the sampled frames in order of time, upright RGB, one at a time.

        Raises:
            MediaEmpty: the stream holds no frame at all.
            MediaCorrupt: it holds data, but nothing can be decoded.
        """
        sampler = FrameSampler(sampling)
        # Skipping is only right where a keyframe's own timestamp can be trusted; elsewhere the
        # timestamps of `frame_at` could not be the same.
        keyframes_only = sampling.mode == "keyframes" and self._look.trusted
        for pts, frame in self._stamped(self._container, self._tally, keyframes_only):
            timestamp_s = self._seconds(pts)
            if sampler.take(timestamp_s, is_keyframe=bool(frame.key_frame)):
                yield self._finish(pts, timestamp_s, frame)
        if self._tally.sound_frames:
            return
        if self._tally.packets == 0:
            raise MediaEmpty(
                f"Decoding video {self._path}: its {self._container.codec} stream ends without "
                "one frame. Replace the file, or leave it out."
            )
        raise MediaCorrupt(
            f"Decoding video {self._path}: none of its {self._tally.packets} "
            f"{self._container.codec} packets gave a sound frame. "
            "Replace the file, or leave it out."
        )

    def frame_at(self, pts: int) -> Frame:
        """Return exactly the frame that `frames` yielded with this `pts`.

        Fast where the container's timestamps can be trusted: seeks to the keyframe before.
        Otherwise decodes from the start; asked in rising order, that costs one pass in all.

        Raises:
            MediaCorrupt: there is no such frame any more.
        """
        frame = (self._seek(pts) if self._look.trusted else None) or self._scan_to(pts)
        if frame is None:
            raise MediaCorrupt(
                f"Taking frame {pts} of video {self._path}: no sound frame has this timestamp. "
                "The file changed since it was sampled, or its storage is failing."
            )
        return self._finish(pts, self._seconds(pts), frame)

    def _stamped(
        self, container: VideoContainer, tally: Tally, keyframes_only: bool = False
    ) -> Iterator[tuple[int, av.VideoFrame]]:
        clock = RisingTimestamps(container.frame_step)
        for frame, sound in container.decode(tally, keyframes_only=keyframes_only):
            pts = clock.stamp(frame.pts)
            if sound:
                yield pts, frame

    def _seek(self, pts: int) -> av.VideoFrame | None:
        """Decode from the keyframe at or before `pts`; None at any sign of irregularity."""
        if self._seeker is None:
            self._seeker = self._open()
        tally = Tally()
        if not self._seeker.seek(pts):
            return None
        last: int | None = None
        with closing(self._seeker.decode(tally)) as frames:
            for frame, sound in frames:
                rising = frame.pts is not None and (last is None or frame.pts > last)
                regular = rising and sound and tally.errors == 0
                if not regular or (last is None and not frame.key_frame):
                    return None
                last = frame.pts
                if last == pts:
                    return frame
                if last is not None and last > pts:
                    return None
        return None

    def _scan_to(self, pts: int) -> av.VideoFrame | None:
        if self._scanner is None or self._scanned is None or pts <= self._scanned:
            if self._scanner is not None:
                self._scanner.close()
            self._scanner = self._open()
            self._scan = self._stamped(self._scanner, Tally())
        for found, frame in self._scan:
            self._scanned = found
            if found == pts:
                return frame
            if found > pts:
                break
        return None

    def _seconds(self, pts: int) -> float:
        ticks: Fraction = (pts - self._look.start_pts) * self._container.time_base
        return max(float(ticks), 0.0)

    def _finish(self, pts: int, timestamp_s: float, frame: av.VideoFrame) -> Frame:
        rgb = self._reformatter.reformat(frame, format="rgb24").to_ndarray()
        return Frame(pts, timestamp_s, turn_upright(cast(Pixels, rgb), self._look.orientation))
