"""How much sharpness a picture loses when it is blurred once more."""

import math

import cv2
import numpy as np

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.pyramid import ROUNDING, Pyramid, log_laplacian
from pipeline_project.core.quality.strips import laplacian_sums

# A box this wide has a standard deviation of 2 pixels.
BOX_PX = 7


def reblur_ratio(picture: Picture) -> float:
    """Return ln of the Laplacian's variance before over after a blur: higher is sharper.

    A blurred picture hardly changes when it is blurred again. The blur is a 7x7 mean, of standard
    deviation 2 pixels, at the reference scale of 0.5 megapixels.

    Args:
        picture: any size. One of less than 0.5 megapixels is taken as it is.

    Returns:
        Natural logarithm, about 0 to 8; 0 for a constant image.

    Notes:
        Hardly depends on contrast, unlike the Laplacian itself. Noise counts as sharpness.

    References:
        Crete, Dolmiere, Ladret, Nicolas, "The blur effect: perception and estimation with a new
        no-reference perceptual blur metric", SPIE 6492 (2007), DOI 10.1117/12.702790.
    """
    return picture.pyramid.at_reference(0, _log_ratio)


def _log_ratio(pyramid: Pyramid, index: int) -> float:
    soft = np.asarray(cv2.blur(pyramid.level(index), (BOX_PX, BOX_PX)), np.uint8)
    return log_laplacian(pyramid, index) - math.log(laplacian_sums(soft, 1).mean_square + ROUNDING)
