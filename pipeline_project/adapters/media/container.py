"""One video container open for reading: packets in, decoded frames out, damage counted.

FFmpeg is given bytes, never a name, so that neither the suffix nor odd characters in a name
matter; and only formats that hold one file's own video, so that a playlist cannot make it open
other files or addresses.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline_project.adapters.media.base import unreadable
from pipeline_project.adapters.media.damage import Promise, Tally, judge
from pipeline_project.adapters.media.suspicion import Suspicion
from pipeline_project.core.records import Damage
from pipeline_project.core.video.orientation import UPRIGHT, orientation_of_matrix
from pipeline_project.errors import MediaCorrupt, MediaEmpty, MediaUnknown

# What goes wrong is raised or counted here; FFmpeg's own lines on stderr add nothing.
av.logging.set_level(None)

_VIDEO_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,obu,ivf,"
    "flv,asf,ogg,mxf,dv,yuv4mpegpipe,rm,nut,gxf,wtv,vc1,mjpeg,h263"
)
_AUDIO_FORMATS = "mp3,wav,w64,flac,aac,aiff,amr,amrnb,amrwb,caf,ac3,eac3,ape,au,tta,wv"
_INDEXED_FORMATS = frozenset({"mov", "matroska"})
_NO_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails
_BUFFER_BYTES = 1 << 17
_MAX_FAILURES_IN_A_ROW = 100
_PROBE_PACKETS = 64
_REORDER_PACKETS = 8
_GUESSED_RATE = Fraction(25)


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What only the first packets tell.

    Attributes:
        orientation: how the picture is turned, as in EXIF.
        start_pts: timestamp that counts as 0 seconds.
        trusted: whether the timestamps belong to the frames they stand on, so that seeking
            finds the very frame that decoding from the start finds.
    """

    orientation: int
    start_pts: int
    trusted: bool


class _Bytes:
    """A file without a name: what FFmpeg needs of one, and nothing to guess from."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


class VideoContainer:
    """The video stream of one container file."""

    def __init__(
        self, path: Path, *, recognised_as: str | None, threads: int, max_pixels: int
    ) -> None:
        """Open a file and find its video stream.

        Args:
            path: the file.
            recognised_as: the container its first bytes promise; None where they promise none.
            threads: threads of the decoder.
            max_pixels: larger pictures are refused before anything is allocated for them.

        Raises:
            MediaUnreadable: the file cannot be opened or read.
            MediaUnknown: FFmpeg finds no format that holds video.
            MediaEmpty: the file holds no video stream.
            MediaCorrupt: the format is known, but not what is needed to decode it.
        """
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise unreadable(path, error) from error
        try:
            self._container = self._open(recognised_as)
            self._stream = self._find_stream(max_pixels)
        except BaseException:
            self._file.close()
            raise
        context = self._stream.codec_context
        context.thread_type = "AUTO"
        context.thread_count = threads
        self.codec: str = context.codec.canonical_name
        self.width_px, self.height_px = context.width, context.height
        self.time_base = self._stream.time_base or Fraction(1, av.time_base)
        self.rate = self._stream.average_rate or self._stream.guessed_rate
        self.declared_frames = self._stream.frames or None

    def close(self) -> None:
        """Give back the decoder and the file handle."""
        self._container.close()
        self._file.close()

    @property
    def frame_step(self) -> int:
        """Ticks from one frame to the next, on average; at least 1."""
        return max(round(1 / ((self.rate or _GUESSED_RATE) * self.time_base)), 1)

    @property
    def duration_s(self) -> float | None:
        """Declared duration of the video stream, else of the whole file; None if neither."""
        if self._stream.duration:
            return float(self._stream.duration * self.time_base)
        return self._container_s

    @property
    def _container_s(self) -> float | None:
        ticks = self._container.duration
        return ticks / av.time_base if ticks and ticks > 0 else None

    def _open(self, recognised_as: str | None) -> InputContainer:
        try:
            return av.open(
                _Bytes(self._file),
                mode="r",
                container_options={"format_whitelist": f"{_VIDEO_FORMATS},{_AUDIO_FORMATS}"},
                metadata_errors="replace",
                buffer_size=_BUFFER_BYTES,
            )
        except av.FFmpegError as error:
            if recognised_as is None:
                raise MediaUnknown(
                    f"Opening {self._path}: it is neither an image nor a video; FFmpeg sees no "
                    f"format in it that is read here ({error.strerror}). Leave it out, or convert "
                    "it."
                ) from error
            raise MediaCorrupt(
                f"Opening video {self._path}: it begins like {recognised_as}, but its headers or "
                f"index are lost or damaged ({error.strerror}). Copy it again from its origin, or "
                "leave it out."
            ) from error
        except OSError as error:
            raise unreadable(self._path, error) from error

    def _find_stream(self, max_pixels: int) -> VideoStream:
        pictures = [
            stream
            for stream in self._container.streams.video
            if not stream.disposition & _NO_PICTURES
        ]
        if not pictures:
            others = ", ".join(sorted({stream.type for stream in self._container.streams}))
            raise MediaEmpty(
                f"Opening {self._path}: this {self._container.format.name} file has no video "
                f"stream, only {others or 'nothing'}. Leave it out."
            )
        stream = pictures[0]
        context = stream.codec_context
        if context is None or not context.width or not context.height:
            raise MediaCorrupt(
                f"Opening video {self._path}: its stream tells no picture size, or needs a decoder "
                "that FFmpeg lacks. Convert it to H.264, or leave it out."
            )
        if context.width * context.height > max_pixels:
            raise MediaCorrupt(
                f"Opening video {self._path}: it is too large. Its header claims {context.width} "
                f"x {context.height} pixels, over the limit of {max_pixels}. "
                "Make a smaller copy, or leave it out."
            )
        return stream

    def first_look(self) -> FirstLook:
        """Decode the first frame. The container is then used up: close it, open another."""
        first: av.VideoFrame | None = None
        stamps: list[tuple[int | None, int | None]] = []
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    stamps.append((packet.pts, packet.dts))
                if first is None and (packet.size or packet.dts is None):
                    first = next(iter(packet.decode()), None)
                enough = first is not None and len(stamps) >= _REORDER_PACKETS
                if enough or len(stamps) >= _PROBE_PACKETS:
                    break
        except av.FFmpegError:
            # Damage near the start is met again, and counted, when frames are asked for.
            stamps.clear()
        except OSError as error:
            raise unreadable(self._path, error) from error
        start_pts = self._start_pts(first.pts if first else None)
        orientation = _orientation_of(first) if first else UPRIGHT
        return FirstLook(orientation, start_pts, self._trust(stamps))

    def _start_pts(self, first_pts: int | None) -> int:
        declared = self._stream.start_time
        if declared is None:
            return first_pts or 0
        # AVI files with reordered frames declare 0 but show their first frame a little later.
        late = 0 if first_pts is None else first_pts - declared
        return declared + (late if 0 < late <= _REORDER_PACKETS * self.frame_step else 0)

    def _trust(self, stamps: list[tuple[int | None, int | None]]) -> bool:
        """Judge from the first packets' (pts, dts) whether pts are times of presentation."""
        formats = set(self._container.format.name.split(","))
        if not stamps or not formats & _INDEXED_FORMATS or any(pts is None for pts, _ in stamps):
            return False
        # A stream with reordered frames whose pts all equal dts was written without composition
        # offsets: its pts are times of decoding and stand on the wrong frames.
        reorders = bool(self._stream.codec_context.has_b_frames)
        return not (reorders and all(pts == dts for pts, dts in stamps))

    def seek(self, pts: int) -> bool:
        """Go to the keyframe at or before `pts`; False where the container cannot."""
        try:
            self._container.seek(pts, stream=self._stream, backward=True)
        except av.FFmpegError:
            return False
        return True

    def decode(
        self, tally: Tally, *, keyframes_only: bool = False
    ) -> Generator[tuple[av.VideoFrame, bool], None, None]:
        """Yield every frame in order of presentation, and whether it is sound.

        What fails is counted, and reading goes on behind it.

        Args:
            tally: where this pass is counted.
            keyframes_only: have the decoder skip all other frames.

        Raises:
            MediaUnreadable: the disk or mount fails under the file.
        """
        context = self._stream.codec_context
        context.skip_frame = "NONKEY" if keyframes_only else "DEFAULT"
        context.copy_opaque = True
        suspicion = Suspicion()
        for packet in self._packets(tally):
            if packet is not None:
                packet.opaque = tally.packets
            try:
                frames = context.decode(packet)
            except av.FFmpegError:
                tally.bad_packets += 1
                suspicion.begin(tally.packets)
                continue
            for frame in frames:
                # Frames leave the decoder late: this one may be older than the last packet.
                packet_number = frame.opaque if isinstance(frame.opaque, int) else tally.packets
                sound = suspicion.clears(
                    packet_number, damaged=frame.is_corrupt, whole=bool(frame.key_frame)
                )
                if sound:
                    tally.sound_frames += 1
                elif tally.sound_frames:
                    # A recording that begins between keyframes starts with such frames: no damage.
                    tally.damaged_frames += 1
                yield frame, sound

    def _packets(self, tally: Tally) -> Iterator[Packet | None]:
        """Yield the stream's packets, and None at the end to drain the decoder."""
        failures = 0
        while failures < _MAX_FAILURES_IN_A_ROW:
            try:
                for packet in self._container.demux():
                    failures = 0
                    if self._counts(packet, tally):
                        yield packet
                tally.ended = True
                break
            except av.FFmpegError:
                failures += 1
                tally.bad_reads += 1
            except OSError as error:
                raise unreadable(self._path, error) from error
        yield None

    def _counts(self, packet: Packet, tally: Tally) -> bool:
        """Note a packet's time; tell whether it holds something of our stream."""
        stamp = packet.dts if packet.pts is None else packet.pts
        # Without contents: the end of a stream, or a frame that AVI repeats.
        if not packet.size:
            return False
        if stamp is not None and packet.time_base is not None:
            end_s = float((stamp + (packet.duration or 0)) * packet.time_base)
            begin_s = (self._container.start_time or 0) / av.time_base
            tally.any_end_s = max(tally.any_end_s, end_s - begin_s)
        if packet.stream_index != self._stream.index:
            return False
        tally.packets += 1
        tally.cut_packets += packet.is_corrupt
        if stamp is not None:
            ticks = stamp + (packet.duration or 0) - (self._stream.start_time or 0)
            tally.video_end_s = max(tally.video_end_s, float(ticks * self.time_base))
        return True

    def damage(self, tally: Tally) -> list[Damage]:
        """Say what a pass met that a healthy file does not have."""
        ticks = self._stream.duration
        promise = Promise(
            frames=self.declared_frames,
            video_s=float(ticks * self.time_base) if ticks else None,
            any_s=self._container_s,
            frame_s=float(self.frame_step * self.time_base),
        )
        return judge(tally, promise)


def _orientation_of(frame: av.VideoFrame) -> int:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    # Side data offers its bytes by the buffer protocol, which its type hints leave out.
    return orientation_of_matrix(np.frombuffer(cast(bytes, matrix), np.int32, 9).tolist())
