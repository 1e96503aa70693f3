"""Sharpness as what is left of an image without its low frequencies."""

from collections.abc import Iterator

import numpy as np

from pipeline_project.core.quality.gray import Gray

# Frequencies up to this many cycles per pixel, along both axes, are taken out. It is the
# common choice of 60 cycles across an image 500 pixels wide.
LOW_CYCLES_PER_PX = 0.12
# Larger images are looked at through a grid of tiles of their own pixels.
WHOLE_PX = 1_000_000
TILE_SIDE_PX = 320
TILES_PER_AXIS = 3


def fft_high_frequency(gray: Gray) -> float:
    """Return the mean log power of the high frequencies: higher is sharper, 0 is none at all.

    The image is transformed, its low frequencies are set to 0, and it is transformed back; the
    score is the mean of 10 ln(1 + residual squared) over its pixels.

    Args:
        gray: shape (height, width), uint8. More than a million pixels are looked at through a
            3x3 grid of tiles of at most 320x320 native pixels, evenly spread from edge to edge,
            so that time and memory are bounded.

    Returns:
        Log units of 10 ln (grey levels squared), 0 to about 111. Photographs have 10 to 60.

    Notes:
        The usual form, 20 ln|residual| behind a mask of 60 rows and columns around the centre,
        differs in three ways. Its mask takes one more negative than positive frequency, so its
        residual is complex, and its low cut moves with the size of the image; here the cut is
        symmetric and in cycles per pixel, so the residual is real, half the transform suffices,
        and images of all sizes are treated alike. Its logarithm is minus infinity on a constant
        image and ruled by the pixels nearest to 0; here a floor of one grey level, the step of
        the pixels themselves, keeps it finite and never negative.

    References:
        Liu, Li, Jia, "Image partial blur detection and classification", CVPR 2008, section 3.1,
        DOI 10.1109/CVPR.2008.4587465 (blur as loss of high frequencies of the spectrum).
    """
    scores = [_tile_score(tile) for tile in _tiles(gray)]
    return float(np.mean(scores))


def _tile_score(tile: Gray) -> float:
    height, width = tile.shape
    # The mean is taken out below anyway; doing so first keeps the digits of float32 for the rest.
    centred = tile.astype(np.float32) - np.float32(round(float(tile.mean())))
    spectrum = np.fft.rfft2(centred)
    low_rows = np.abs(np.fft.fftfreq(height)) <= LOW_CYCLES_PER_PX
    low_columns = np.fft.rfftfreq(width) <= LOW_CYCLES_PER_PX
    spectrum[np.ix_(low_rows, low_columns)] = 0
    residual = np.fft.irfft2(spectrum, s=tile.shape)
    return 10.0 * float(np.mean(np.log1p(residual * residual), dtype=np.float64))


def _tiles(gray: Gray) -> Iterator[Gray]:
    height, width = gray.shape
    if gray.size <= WHOLE_PX:
        yield gray
        return
    for top in _starts(height):
        for left in _starts(width):
            yield gray[top : top + TILE_SIDE_PX, left : left + TILE_SIDE_PX]


def _starts(side_px: int) -> list[int]:
    """Where tiles start along one side; one tile where the side is no longer than a tile."""
    last = max(side_px - TILE_SIDE_PX, 0)
    return sorted({round(last * step / (TILES_PER_AXIS - 1)) for step in range(TILES_PER_AXIS)})
