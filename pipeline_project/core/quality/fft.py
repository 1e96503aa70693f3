"""Sharpness as what is left of an image without its low frequencies."""

import numpy as np

from pipeline_project.core.quality.picture import Picture


def fft_high_frequency(picture: Picture) -> float:
    """Return the log power of the high frequencies: higher is sharper, 0 is none at all.

    Hann-windowed tiles of 96x96 native pixels, six or nine (see `tile_places`), are transformed
    and their low frequencies, up to 0.12 cycles per pixel, left out. The score is the tiles' mean
    of 10 ln(1 + mean square of what is left).

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Log units of 10 ln (grey levels squared), 0 to about 97. Photographs have 10 to 70.

    Notes:
        The usual form transforms the whole image, sets a square of 60 rows and columns around
        the centre to 0, transforms back, and takes the mean of 20 ln|residual| over the pixels.
        This one differs in four ways. The mean square of the residual is read off the spectrum
        (Parseval), so no second transform is needed; the logarithm is taken of each tile, not of
        each pixel, so it is ruled by what is there and not by the pixels nearest to 0. The cut
        is a circle in cycles per pixel, symmetric, so that images of all sizes are treated
        alike; the usual square moves with the size and holds one more negative than positive
        frequency, so that its residual is complex. The logarithm has a floor of one grey level
        squared; the usual one is minus infinity on a constant image. And tiles take the same
        time and memory whatever the size of the image.

    References:
        Liu, Li, Jia, "Image partial blur detection and classification", CVPR 2008, section 3.1,
        DOI 10.1109/CVPR.2008.4587465 (blur as loss of high frequencies of the spectrum).
    """
    return 10.0 * float(np.log1p(np.maximum(picture.spectra.high_power, 0)).mean())
