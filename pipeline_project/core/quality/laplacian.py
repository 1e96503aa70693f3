"""Sharpness as the variance of the Laplacian."""

import cv2

from pipeline_project.core.quality.gray import Gray
from pipeline_project.core.quality.strips import filtered_variance


def laplacian_variance(gray: Gray) -> float:
    """Return the variance of the Laplacian: higher is sharper, 0 is a constant image.

    The Laplacian is up + down + left + right - 4 x centre, with the image mirrored at its
    border (the outermost row not doubled). Measured on the pixels as they are.

    Args:
        gray: shape (height, width), uint8.

    Returns:
        Grey levels squared, 0 to 1,040,400 (1020 squared). Photographs have some tens to some
        thousands.

    Notes:
        Depends on the subject: fine texture scores higher than a plain wall that is just as
        sharp, and noise or a pixel grid counts as sharpness.

    References:
        Pech-Pacheco, Cristobal, Chamorro-Martinez, Fernandez-Valdivia, "Diatom autofocusing in
        brightfield microscopy: a comparative study", ICPR 2000, DOI 10.1109/ICPR.2000.903548.
    """
    # 16 bits hold every response exactly.
    return filtered_variance(gray, lambda strip: cv2.Laplacian(strip, cv2.CV_16S, ksize=1))
