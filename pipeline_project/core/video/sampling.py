"""Which frames of a video are looked at, decided from timestamps alone.

Nothing here decodes; the reader shows every frame's timestamp and is told whether to keep it.
"""

import math

from pipeline_project.core.config import SamplingConfig
from pipeline_project.core.records import MediaInfo

TOLERANCE_S = 0.001
"""Containers round timestamps to as much as a millisecond (Matroska), so a frame this much
early still counts as being at its target. Without it 29.97 frames per second would lose frames."""


class FrameSampler:
    """Keeps the first frame at or after each target time, and always the very first frame.

    Targets lie at 0, step, 2 step, ... seconds. Where the video pauses for several targets (a
    variable frame rate), the one frame that ends the pause stands for all of them: no frame is
    taken twice and no target gives two frames.
    """

    def __init__(self, sampling: SamplingConfig) -> None:
        """Start at the beginning of one video."""
        self._keyframes_only = sampling.mode == "keyframes"
        self._step_s = step_s(sampling)
        self._next_target = 0
        self._started = False

    def take(self, timestamp_s: float, *, is_keyframe: bool) -> bool:
        """Tell whether this frame is sampled; call once per frame, in order of time.

        Args:
            timestamp_s: seconds from the start of the video.
            is_keyframe: whether the frame is stored whole.
        """
        if self._keyframes_only:
            first, self._started = not self._started, True
            return is_keyframe or first
        if self._step_s is None:
            return True
        due = timestamp_s + TOLERANCE_S >= self._next_target * self._step_s
        if self._started and not due:
            return False
        self._started = True
        passed = math.floor((timestamp_s + TOLERANCE_S) / self._step_s)
        # Division can round to just below the target that was met: never serve that one again.
        self._next_target = max(passed, self._next_target) + 1
        return True


def step_s(sampling: SamplingConfig) -> float | None:
    """Return the seconds between targets; None where every frame, or every keyframe, is taken."""
    if sampling.mode == "every":
        return sampling.every_s
    if sampling.mode == "fps":
        return 1.0 / sampling.fps
    return None


def expected_frames(info: MediaInfo, sampling: SamplingConfig) -> int | None:
    """Estimate how many frames will be sampled, from what the file declares.

    Exact for a healthy video of constant frame rate; an upper bound or close to it otherwise.

    Returns:
        At least 1, or None where the file does not say enough (keyframes, no duration).
    """
    if info.kind == "image":
        return 1
    if sampling.mode == "keyframes":
        return None
    total = info.declared_frames
    if total is None and info.duration_s is not None and info.fps is not None:
        total = round(info.duration_s * info.fps)
    step = step_s(sampling)
    if step is None:
        return total if total is None else max(total, 1)
    if info.duration_s is None:
        return None
    # The last frame begins one frame before the end, so a target at the very end finds nothing.
    last_s = info.duration_s - (1.0 / info.fps if info.fps else 0.0)
    targets = math.floor((max(last_s, 0.0) + TOLERANCE_S) / step) + 1
    return max(targets if total is None else min(targets, total), 1)
