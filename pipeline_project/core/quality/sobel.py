"""Sharpness as the strength of edges: two numbers of the Sobel gradient."""

from pipeline_project.core.quality.picture import Picture


def sobel_variance(picture: Picture) -> float:
    """Return the variance of the Sobel gradient magnitude: higher is sharper, 0 is constant.

    The magnitude is the Euclidean length of the two 3x3 Sobel responses, with the image
    mirrored at its border. Measured on the pixels as they are.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Grey levels squared, 0 or more. Photographs have some hundreds to some ten thousands.

    Notes:
        Sees coarser edges than the Laplacian does, so the two together tell a soft image from
        one that carries a pixel grid. Depends on subject and size as the Laplacian does.

    References:
        Pertuz, Puig, Garcia, "Analysis of focus measure operators for shape-from-focus",
        Pattern Recognition 46 (2013), measure GRA7, DOI 10.1016/j.patcog.2012.11.011.
    """
    return max(picture.gradient.mean_square - picture.gradient.mean**2, 0.0)


def tenengrad(picture: Picture) -> float:
    """Return the mean squared Sobel gradient: higher is sharper, 0 is a constant image.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Grey levels squared, 0 to about 2 million. Photographs have some hundreds to some ten
        thousands.

    Notes:
        No threshold is taken off the gradient, so noise counts too. Depends on subject and size
        as the Laplacian does.

    References:
        Krotkov, "Focusing", International Journal of Computer Vision 1 (1988),
        DOI 10.1007/BF00127822; measure GRA6 of Pertuz, Puig, Garcia (2013),
        DOI 10.1016/j.patcog.2012.11.011.
    """
    return picture.gradient.mean_square
