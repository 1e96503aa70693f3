"""Making a stream's timestamps usable: present, unique and rising, whatever the file says.

Raw streams carry none; AVI files and MP4 files written without composition offsets carry
decoding times, which jump back and forth once frames are shown in the right order.
"""


class RisingTimestamps:
    """Gives each frame, in order of presentation, an integer timestamp above the last one.

    A timestamp that is there and rises is kept, so healthy files keep their own. Others become
    the last one plus one frame. The result depends only on the frames before, so two passes
    from the start agree.
    """

    def __init__(self, frame_step: int) -> None:
        """Start before the first frame; `frame_step` is one frame in ticks, at least 1."""
        self._frame_step = max(frame_step, 1)
        self._last: int | None = None
        self.repaired = 0

    def stamp(self, pts: int | None) -> int:
        """Return the timestamp of the next frame, in ticks of the stream."""
        if pts is None or (self._last is not None and pts <= self._last):
            self.repaired += 1
            pts = 0 if self._last is None else self._last + self._frame_step
        self._last = pts
        return pts
