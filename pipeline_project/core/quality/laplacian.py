"""Sharpness as the variance of the Laplacian."""

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.strips import laplacian_mean


def laplacian_variance(picture: Picture) -> float:
    """Return the variance of the Laplacian: higher is sharper, 0 is a constant image.

    The Laplacian is up + down + left + right - 4 x centre, with the image mirrored at its
    border (the outermost row not doubled). Measured on the pixels as they are.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Grey levels squared, 0 to 1,040,400 (1020 squared). Photographs have some tens to some
        thousands.

    Notes:
        Depends on the subject: fine texture scores higher than a plain wall that is just as
        sharp, and noise or a pixel grid counts as sharpness. Depends on the size: more pixels of
        the same scene score lower; `reference_laplacian_variance` does not.

    References:
        Pech-Pacheco, Cristobal, Chamorro-Martinez, Fernandez-Valdivia, "Diatom autofocusing in
        brightfield microscopy: a comparative study", ICPR 2000, DOI 10.1109/ICPR.2000.903548.
    """
    mean_square = picture.pyramid.laplacian(0).mean_square
    return max(mean_square - laplacian_mean(picture.gray) ** 2, 0.0)
