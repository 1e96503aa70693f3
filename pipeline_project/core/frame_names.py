"""Names of frames outside the lake: short, stable, and leading back to the frame's id."""

import hashlib
import re

_TOKEN_DIGITS = 12  # 48 bits: of a million frames two share one with a probability of 0.2 %
_TOKEN = re.compile(rf"_([0-9a-f]{{{_TOKEN_DIGITS}}})(?:\.[A-Za-z0-9]+)?$")
_RANK = re.compile(r"^\d+_")


def token_of(frame_id: str) -> str:
    """Name a frame by 12 hex digits, the same in every export."""
    return hashlib.sha256(frame_id.encode()).hexdigest()[:_TOKEN_DIGITS]


def number_of(frame_id: str) -> int:
    """Name a frame by a whole number below 2^48, for formats whose ids are numbers."""
    return int(token_of(frame_id), 16)


def export_name(frame_id: str, file_name: str) -> str:
    """Name the file of an exported frame.

    A pick's rank, which may be another in another selection, is left out: the name stays the same
    whichever selection the frame is exported from.

    Args:
        frame_id: which frame.
        file_name: of the pick, `0003_coffee_table_00h00m12.000s.jpg`.
    """
    stem, dot, suffix = file_name.rpartition(".")
    return f"{_RANK.sub('', stem)}_{token_of(frame_id)}{dot}{suffix}"


def token_in(name: str) -> str | None:
    """The token that an exported name ends in; None for other names."""
    found = _TOKEN.search(name)
    return found[1] if found else None
