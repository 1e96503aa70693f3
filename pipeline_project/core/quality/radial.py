"""The spectrum over frequency alone, all directions together: its slope, bands and residual."""

from collections.abc import Callable

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.rings import rings


def spectral_slope(picture: Picture) -> float:
    """Return the slope of log power against log frequency: nearer to 0 is sharper.

    A straight line through the means of 12 rings of the tiles' mean spectrum, from 0.02 to 0.5
    cycles per pixel.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Natural logarithm of power per natural logarithm of frequency. Sharp photographs have
        about -2, blurred ones -3 to -4, noise 0; a constant image has 0.

    Notes:
        Depends on how many pixels the scene has; compare pictures of one camera.

    References:
        Field (1987), DOI 10.1364/JOSAA.4.002379; Liu, Li, Jia, CVPR 2008,
        DOI 10.1109/CVPR.2008.4587465, feature 1.
    """
    return float(picture.ring_means @ rings().slope)


def spectral_band(number: int) -> Callable[[Picture], float]:
    """Make the measure of one band of frequencies against the lowest one.

    The bands end at 0.04, 0.08, 0.16, 0.25, 0.36 and 0.5 cycles per pixel; the first begins at
    0.02. The measure is the mean log power of the tiles' mean spectrum in the band, less that in
    the first: ln of a power ratio, negative in photographs; nearer to 0 is sharper.

    Args:
        number: 2 to 6, from low to high.
    """

    def band(picture: Picture) -> float:
        """Return mean log power of one band less that of the lowest: higher is sharper."""
        return picture.bands[number - 1] - picture.bands[0]

    band.__name__ = f"spectral_band_{number}"
    return band


def radial_residual(picture: Picture) -> float:
    """Return how far the mean spectrum's highest bin stands over its ring: higher is moiré.

    The ring is the mean over all directions at about the same frequency, interpolated between
    rings; the band is 0.06 to 0.5 cycles per pixel.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Natural logarithm of a power ratio, 0 or more.

    Notes:
        Straight edges of one direction stand over their ring too, so buildings score higher than
        foliage; `spectral_peak_mean` looks at a bin's neighbours instead.
    """
    (residual,) = rings().residual.largest(picture.spectra.mean[None], picture.ring_means[None])
    return max(float(residual), 0.0)
