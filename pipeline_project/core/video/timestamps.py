"""Making a stream's timestamps usable: present, unique and rising, whatever the file says.

Raw streams carry none; AVI files and MP4 files written without composition offsets carry
decoding times, which jump back and forth once frames are shown in the right order.
"""

_LONG_JUMP_FRAMES = 16
"""No codec in use reorders frames over more than this, so a longer jump back is a new start."""


class RisingTimestamps:
    """Gives each frame, in order of presentation, an integer timestamp above the last one.

    A timestamp that is there and rises is kept, so healthy files keep their own. A missing one
    becomes the last plus one frame. One that falls back a little becomes the last plus one tick,
    so that later ones catch up. One that falls back far (recordings strung together) shifts all
    that follow. The result depends only on the frames before: two passes from the start agree.
    """

    def __init__(self, frame_step: int) -> None:
        """Start before the first frame; `frame_step` is one frame in ticks, at least 1."""
        self._frame_step = max(frame_step, 1)
        self._shift = 0
        self._last: int | None = None

    def stamp(self, pts: int | None) -> int:
        """Return the timestamp of the next frame, in ticks of the stream."""
        self._last = self._next(pts)
        return self._last

    def _next(self, pts: int | None) -> int:
        if self._last is None:
            return pts or 0
        if pts is None:
            return self._last + self._frame_step
        shifted = pts + self._shift
        if shifted > self._last:
            return shifted
        if self._last - shifted <= _LONG_JUMP_FRAMES * self._frame_step:
            return self._last + 1
        self._shift = self._last + self._frame_step - pts
        return self._last + self._frame_step
