"""How much a sensor's noise moves each pixel."""

import math

import cv2

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.spectra import tile_places


def noise_sigma(picture: Picture) -> float:
    """Return the standard deviation of the noise: higher is noisier, 0 is none.

    The mean absolute response to the mask 1 -2 1 / -2 4 -2 / 1 -2 1, which straight edges and
    slopes leave at 0, times sqrt(pi/2) / 6; on the tiles of 96x96 native pixels.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Grey levels, 0 or more. Daylight photographs have about 0.5 to 3.

    Notes:
        Fine texture and pixel grids count as noise; JPEG and denoising hide it.

    References:
        Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 64
        (1996), DOI 10.1006/cviu.1996.0060.
    """
    total = count = 0.0
    for rows, columns in tile_places(picture.gray.shape):
        # The second derivative of the second derivative is that mask.
        response = cv2.Sobel(picture.gray[rows, columns], cv2.CV_16S, 2, 2, ksize=3)[1:-1, 1:-1]
        if response.size:
            total += cv2.norm(response, cv2.NORM_L1)
            count += response.size
    return math.sqrt(math.pi / 2) / 6 * total / count if count else 0.0
