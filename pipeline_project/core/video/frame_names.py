"""Names that the Lightly Worker gives to frames of videos."""

import re

_FRAME = re.compile(r"(?P<video>.+)-(?P<number>\d+)-(?P<suffix>[^-/.]+)\.png", re.DOTALL)


def split_frame_name(name: str) -> tuple[str, int] | None:
    """Split a frame's name into its video's name and the frame's number.

    The frame numbered n is the one with the n-th smallest timestamp of its video, counted from 0;
    the number is padded with zeros to the same width within one video, so
    `clips/a-0153-mp4.png` is frame 153 of `clips/a.mp4`.

    Returns:
        Video name and number; None where the name is not that of a frame.

    Source: `lightly` 1.5.26, `lightly/data/_video.py`, `VideoDataset.get_filename`; the Lightly
    Worker's documentation on sequence selection.
    """
    match = _FRAME.fullmatch(name)
    if match is None:
        return None
    return f"{match['video']}.{match['suffix']}", int(match["number"])
