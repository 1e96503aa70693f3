"""When files that wait are enough for a run; the same rule for a folder, a bucket and events."""

from dataclasses import dataclass

from pipeline_project.core.trigger_config import TriggerConfig


@dataclass(frozen=True, slots=True)
class Waiting:
    """New files that no run has taken.

    Attributes:
        files: how many.
        size_bytes: of all of them together.
        age_s: since the first of them was noticed; never negative, whatever the clock did.
    """

    files: int
    size_bytes: int
    age_s: float


def due(waiting: Waiting, config: TriggerConfig) -> str | None:
    """Say why a run is due; None while it is not. The first condition that holds is named."""
    if not waiting.files:
        return None
    if waiting.files >= config.min_files:
        return f"{waiting.files:,} files wait (triggers.min_files: {config.min_files:,})"
    if config.min_bytes is not None and waiting.size_bytes >= config.min_bytes:
        return f"{waiting.size_bytes:,} bytes wait (triggers.min_bytes: {config.min_bytes:,})"
    if waiting.age_s >= config.max_wait_s:
        return f"files wait for {waiting.age_s:.0f} s (triggers.max_wait_s: {config.max_wait_s:g})"
    return None


def pause_s(attempts: int, config: TriggerConfig) -> float:
    """Seconds to leave between a failed run, the `attempts`-th, and the next; at most a day."""
    return min(86_400.0, config.retry_after_s * 2.0 ** min(attempts - 1, 30))
