"""Telling a damaged video from a healthy one, by what was met against what was promised.

A truncated file raises nothing: FFmpeg simply reaches its end. Promises are often loose, too: AVI
headers count frames that are only repeats, trimmed MP4 files count frames that are never shown,
and a Matroska file lasts as long as its longest stream. So a file counts as truncated only when
frames are missing and time is missing at the end as well.
"""

from dataclasses import dataclass

from pipeline_project.core.records import Damage

_SLACK_FRAMES = 1.5
_SLACK_S = 1.0
_SLACK_SHARE = 0.01


@dataclass(slots=True)
class Tally:
    """What one pass through a container met.

    Attributes:
        packets: video packets with contents.
        cut_packets: those that the end of the file cut short.
        bad_packets: those that the decoder refused.
        bad_reads: times the container could not be read on.
        sound_frames: frames decoded without a mark of damage.
        damaged_frames: frames decoded with one, after the first sound one.
        video_end_s: end of the last video packet, from the start of the stream.
        any_end_s: end of the last packet of any stream, from the start of the container.
        ended: whether the pass reached the end of the file.
    """

    packets: int = 0
    cut_packets: int = 0
    bad_packets: int = 0
    bad_reads: int = 0
    sound_frames: int = 0
    damaged_frames: int = 0
    video_end_s: float = 0.0
    any_end_s: float = 0.0
    ended: bool = False

    @property
    def errors(self) -> int:
        """Packets and reads that failed outright."""
        return self.bad_packets + self.bad_reads


@dataclass(frozen=True, slots=True)
class Promise:
    """What a container declares; None where it does not.

    Attributes:
        frames: frames of the video stream.
        video_s: duration of the video stream.
        any_s: duration of the whole file, whichever stream is the longest.
        frame_s: average time from one frame to the next.
    """

    frames: int | None
    video_s: float | None
    any_s: float | None
    frame_s: float


def judge(tally: Tally, promise: Promise) -> list[Damage]:
    """Return what was wrong, at most one of each kind; empty is good.

    Only a pass that reached the end of the file can tell that something is missing there.
    """
    found: list[Damage] = []
    if tally.ended and (missing := _missing(tally, promise)):
        found.append(Damage("MediaTruncated", missing))
    if tally.errors or tally.damaged_frames:
        end = "" if tally.ended else "; reading was given up before the end of the file"
        found.append(
            Damage(
                "MediaCorrupt",
                f"{tally.bad_packets} of {tally.packets} packets could not be decoded, "
                f"{tally.bad_reads} reads failed, and {tally.damaged_frames} frames came out "
                f"damaged and were left out; {tally.sound_frames} intact frames were "
                f"decoded{end}",
            )
        )
    return found


def _missing(tally: Tally, promise: Promise) -> str:
    if promise.frames and promise.video_s:
        gap_s = promise.video_s - tally.video_end_s
        if tally.packets < promise.frames and gap_s > _SLACK_FRAMES * promise.frame_s:
            return (
                f"the file holds {tally.packets} of {promise.frames} declared frames and ends "
                f"{gap_s:.2f} s before its declared {promise.video_s:.2f} s"
            )
    elif promise.any_s:
        gap_s = promise.any_s - tally.any_end_s
        if gap_s > max(_SLACK_S, _SLACK_SHARE * promise.any_s):
            return (
                f"the file ends {gap_s:.2f} s before its declared {promise.any_s:.2f} s; "
                f"{tally.packets} packets were there"
            )
    if tally.cut_packets:
        return f"the file ends in the middle of packet {tally.packets}"
    return ""
