"""Sharpness as the variance of the Sobel gradient magnitude."""

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.gray import Gray
from pipeline_project.core.quality.strips import filtered_variance


def sobel_variance(gray: Gray) -> float:
    """Return the variance of the Sobel gradient magnitude: higher is sharper, 0 is constant.

    The magnitude is the Euclidean length of the two 3x3 Sobel responses, with the image
    mirrored at its border. Measured on the pixels as they are.

    Args:
        gray: shape (height, width), uint8.

    Returns:
        Grey levels squared, 0 or more. Photographs have some hundreds to some ten thousands.

    Notes:
        Sees coarser edges than the Laplacian does, so the two together tell a soft image from
        one that carries a pixel grid.

    References:
        Pertuz, Puig, Garcia, "Analysis of focus measure operators for shape-from-focus",
        Pattern Recognition 46 (2013), measure GRA7, DOI 10.1016/j.patcog.2012.11.011.
    """
    return filtered_variance(gray, _gradient_magnitude)


def _gradient_magnitude(gray: Gray) -> npt.NDArray[np.float32]:
    across = cv2.Sobel(gray, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    # Exact up to the root, which IEEE rounds in one way; cv2.magnitude gives other last digits
    # wherever the arrays happen to lie otherwise in memory.
    return np.asarray(np.sqrt(across * across + down * down), np.float32)
