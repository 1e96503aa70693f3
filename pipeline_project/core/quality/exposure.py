"""How bright an image is."""

import cv2

from pipeline_project.core.quality.gray import Gray


def mean_luma(gray: Gray) -> float:
    """Return the mean grey level, 0 (black) to 255 (white); neither end is good.

    Args:
        gray: shape (height, width), uint8; the BT.601 luma of a colour image.

    Returns:
        Grey levels, 0 to 255. Below about 8 nothing can be seen in the frame.
    """
    return float(cv2.mean(gray)[0])
