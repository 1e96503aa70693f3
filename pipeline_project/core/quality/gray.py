"""The gray image that most measures look at."""

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.records import Pixels

Gray = npt.NDArray[np.uint8]


def to_gray(pixels: Pixels) -> Gray:
    """Turn RGB into the BT.601 luma, 0.299 R + 0.587 G + 0.114 B, rounded to uint8.

    Args:
        pixels: shape (height, width, 3), uint8, RGB.

    Returns:
        Shape (height, width), uint8.

    Raises:
        ValueError: the array is empty or is not an RGB uint8 image.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            "Measuring a frame: expected a non-empty uint8 array (height, width, 3), "
            f"seen {pixels.dtype} {pixels.shape}. Decode it to 8-bit RGB first."
        )
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), np.uint8)


def checked_gray(gray: Gray) -> Gray:
    """Give a gray image back, contiguous.

    Raises:
        ValueError: the array is empty or is not a gray uint8 image.
    """
    if gray.dtype != np.uint8 or gray.ndim != 2 or not gray.size:
        raise ValueError(
            "Measuring a gray frame: expected a non-empty uint8 array (height, width), "
            f"seen {gray.dtype} {gray.shape}. Decode it to 8-bit gray first."
        )
    return np.ascontiguousarray(gray)
