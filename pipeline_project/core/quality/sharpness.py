"""One number for sharpness that depends neither on the picture's size nor on its contrast."""

import math

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.pyramid import ROUNDING, log_laplacian, log_to_variance

# Added to the coarser detail, grey levels squared, so that where next to nothing is to be seen
# the noise of the pixels does not pass for detail.
FLOOR = 25.0


def sharpness(picture: Picture) -> float:
    """Return the finest detail relative to detail an octave coarser: higher is sharper.

    The standard deviation of the Laplacian with the picture at 0.25 megapixels over that at
    0.06 megapixels, both interpolated in logarithms between levels of half the size each. Detail
    of photographs falls off such that both are alike when all is sharp; blur takes the finer one
    away first.

    Args:
        picture: any size. One of less than 0.5 megapixels is taken at 1.4 and 2.8 of its own
            pixels.

    Returns:
        A ratio, 0 or more: 0 is a constant image, 0.25 to 0.45 a blurred photograph, 0.55 to 1.1
        a sharp one; above it pixel grids and noise.

    Notes:
        The same scene gives the same value within 10 % at 0.5 and at 24 megapixels, which is why
        the very finest detail, ruled by how a picture was made smaller, is left out. Blur of
        less than about a pixel at 0.5 megapixels is not seen. Noise counts as detail.

    References:
        Field, "Relations between the statistics of natural images and the response properties of
        cortical cells", JOSA A 4 (1987), DOI 10.1364/JOSAA.4.002379 (detail alike at all scales).
    """
    fine, coarse = (
        log_to_variance(picture.pyramid.at_reference(octaves, log_laplacian))
        for octaves in (0.5, 1.5)
    )
    return math.sqrt(max(fine - ROUNDING, 0.0) / (coarse + FLOOR))
