"""Moiré as isolated peaks of the spectrum: a pixel grid seen through another leaves some."""

from statistics import median

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.spectra import bins_in_band


def spectral_peak_median(picture: Picture) -> float:
    """Return the median over tiles of the highest isolated spectral peak: higher is moiré.

    The height of a peak is its log power over the mean log power of the 9x9 bins around it, in
    the band of 0.06 to 0.5 cycles per pixel without the two axes, on Hann-windowed tiles of 96x96
    native pixels, six or nine (see `tile_places`).

    Args:
        picture: any size; its native gray pixels count. Sides well under 96 pixels blunt it.

    Returns:
        Natural logarithm of a power ratio, 0 or more. Photographs have about 2 to 3, moiré 4 to 9.

    Notes:
        Any fine regular pattern leaves such peaks: fabric, brick, fences, halftone print. Moiré
        coarser than 16 pixels lies under the band, and a grid that is level with the camera lies
        on the axes, where upright and level edges and the blocks of JPEG leave peaks of their own.

    References:
        Abraham, "Moiré pattern detection using wavelet decomposition and convolutional neural
        network", IEEE SSCI 2018, DOI 10.1109/SSCI.2018.8628746, and Sun, Yu, Wang, "Moiré photo
        restoration using multiresolution convolutional neural networks", IEEE TIP 27 (2018),
        DOI 10.1109/TIP.2018.2834737, on moiré in frequency; the measure is this project's own.
    """
    return float(median(picture.spectra.peaks.tolist()))


def spectral_peak_max(picture: Picture) -> float:
    """Return the highest isolated spectral peak of all tiles: higher is moiré.

    As `spectral_peak_median`, but one tile with moiré suffices, and one brick wall too.
    """
    return float(picture.spectra.peaks.max())


def spectral_peak_mean(picture: Picture) -> float:
    """Return the highest isolated peak of the tiles' mean spectrum: higher is moiré.

    As `spectral_peak_median`, but only a frequency that all tiles share stands out, as that of a
    screen does, and noise is averaged away.
    """
    return float(picture.spectra.mean_heights.max())


def spectral_peak_kurtosis(picture: Picture) -> float:
    """Return the median over tiles of the kurtosis of spectral heights: higher is moiré.

    Heights as in `spectral_peak_median`. Noise alone gives about 4 to 5, a few strong peaks on a
    quiet spectrum much more.

    Returns:
        Fourth moment over the square of the second, 0 (a constant image) or more.
    """
    heights = picture.spectra.heights
    squares = (heights * heights).reshape(len(heights), -1)
    bins = bins_in_band()
    return median(bins * float(row.dot(row)) / max(float(row.sum()) ** 2, 1e-6) for row in squares)
