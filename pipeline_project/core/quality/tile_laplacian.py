"""Sharpness of the sharpest part, for pictures whose background is meant to be soft."""

import math

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.pyramid import ROUNDING, TILED_OCTAVE, Pyramid, log_to_variance


def tile_laplacian_variance(picture: Picture) -> float:
    """Return the largest mean squared Laplacian of a 4x4 grid of tiles: higher is sharper.

    Taken an octave below the reference scale, at 0.125 megapixels, as `half_laplacian_variance`.

    Args:
        picture: any size. One of less than 0.5 megapixels is taken at a quarter of its pixels.

    Returns:
        Grey levels squared, 0 or more; 0 is a constant image.

    Notes:
        A portrait before a blurred background scores like a picture that is sharp all over. So
        does a blurred one with a date printed into it.
    """
    return log_to_variance(picture.pyramid.at_reference(TILED_OCTAVE, _log_largest))


def _log_largest(pyramid: Pyramid, index: int) -> float:
    return math.log(pyramid.laplacian(index).largest + ROUNDING)
