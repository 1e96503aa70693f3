"""Sharpness at three scales that do not depend on how many pixels the picture has."""

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.pyramid import log_laplacian, log_to_variance


def reference_laplacian_variance(picture: Picture) -> float:
    """Return the Laplacian's variance with the picture at 0.5 megapixels: higher is sharper.

    Interpolated in logarithms between the two levels, each half the one before, around that
    scale.

    Args:
        picture: any size. One of less than 0.5 megapixels is taken as it is.

    Returns:
        Grey levels squared, 0 or more; 0 is a constant image.

    Notes:
        Blind to blur that the reference scale hides: one pixel of a 24-megapixel picture is a
        seventh of a pixel there.

    References:
        Pertuz, Puig, Garcia, "Analysis of focus measure operators for shape-from-focus" (2013),
        DOI 10.1016/j.patcog.2012.11.011; scale normalisation is this project's own.
    """
    return log_to_variance(picture.pyramid.at_reference(0, log_laplacian))


def half_laplacian_variance(picture: Picture) -> float:
    """Return the Laplacian's variance one octave below the reference scale: higher is sharper.

    As `reference_laplacian_variance`, with the picture at 0.125 megapixels, or at a quarter of
    its pixels where it is smaller than 0.5 megapixels.
    """
    return log_to_variance(picture.pyramid.at_reference(1, log_laplacian))


def quarter_laplacian_variance(picture: Picture) -> float:
    """Return the Laplacian's variance two octaves below the reference scale: higher is sharper.

    As `reference_laplacian_variance`, with the picture at 0.03 megapixels, or at a sixteenth of
    its pixels where it is smaller than 0.5 megapixels.
    """
    return log_to_variance(picture.pyramid.at_reference(2, log_laplacian))
