"""One frame under measurement, and what several measures share of it, made once and when asked."""

from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.gray import Gray, checked_gray, to_gray
from pipeline_project.core.quality.pyramid import Pyramid
from pipeline_project.core.quality.rings import ring_means, tile_ring_means
from pipeline_project.core.quality.sectors import sector_means
from pipeline_project.core.quality.spectra import (
    Floats,
    Spectra,
    spectra,
    spectra_of_tiles,
    tile_places,
)
from pipeline_project.core.quality.strips import GradientSums, gradient_sums
from pipeline_project.core.records import Pixels

# Rows are left out evenly beyond this many pixels: a share of a million pixels has a standard
# error of 0.05 percentage points at most.
HISTOGRAM_PX = 100_000


class Picture:
    """A frame and its shared intermediates: nothing is computed that no measure asks for."""

    def __init__(self, gray: Gray, rgb: Pixels | None = None) -> None:
        """Take gray pixels, and the colours where a measure needs them; see the class methods."""
        self.gray = gray
        self.rgb = rgb

    @classmethod
    def of_rgb(cls, pixels: Pixels) -> "Picture":
        """Take shape (height, width, 3), uint8, RGB.

        Raises:
            ValueError: the array is empty or is not an RGB uint8 image.
        """
        return cls(to_gray(pixels), pixels)

    @classmethod
    def of_gray(cls, gray: Gray) -> "Picture":
        """Take shape (height, width), uint8; measures of colour then find none.

        Raises:
            ValueError: the array is empty or is not a gray uint8 image.
        """
        return cls(checked_gray(gray))

    @cached_property
    def pyramid(self) -> Pyramid:
        """Levels of half, quarter, ... the native scale, and their Laplacians."""
        return Pyramid(self.gray)

    @cached_property
    def gradient(self) -> GradientSums:
        """Mean and mean square of the Sobel gradient of the native pixels."""
        return gradient_sums(self.gray)

    @cached_property
    def spectra(self) -> Spectra:
        """Spectra of nine tiles of the native gray pixels."""
        return spectra(self.gray)

    @cached_property
    def ring_means(self) -> Floats:
        """Means of the tiles' mean spectrum over rings of frequency, shape (12,)."""
        return ring_means(self.spectra.mean)

    @cached_property
    def tile_rings(self) -> Floats:
        """Means of each tile's spectrum over rings of frequency, shape (tiles, 12)."""
        return tile_ring_means(self.spectra.log_power)

    @cached_property
    def sectors(self) -> Floats:
        """Means of each tile's spectrum over bands and directions, shape (tiles, 6, 8)."""
        return sector_means(self.spectra.log_power)

    @cached_property
    def red_difference(self) -> Spectra:
        """Spectra of nine tiles of the Cr channel; of a gray picture, nothing but the floor."""
        return self._chroma(1)

    @cached_property
    def blue_difference(self) -> Spectra:
        """Spectra of nine tiles of the Cb channel; of a gray picture, nothing but the floor."""
        return self._chroma(2)

    @cached_property
    def histogram(self) -> npt.NDArray[np.float64]:
        """Share of each grey level, shape (256,), of evenly spread rows."""
        counts = cv2.calcHist([self.spread_rows], [0], None, [256], [0, 256]).ravel()
        return np.asarray(counts / self.spread_rows.size, np.float64)

    @cached_property
    def spread_rows(self) -> Gray:
        """Evenly spread rows, all of them where there are under 200,000 pixels."""
        return self.gray[:: max(1, self.gray.size // HISTOGRAM_PX)]

    def _chroma(self, channel: int) -> Spectra:
        if self.rgb is None:
            return spectra(np.full((1, 1), 128, np.uint8))
        # The tiles alone are converted: nine of them are a small part of most pictures.
        return spectra_of_tiles([tile[:, :, channel] for tile in self._luma_and_differences])

    @cached_property
    def _luma_and_differences(self) -> list[Pixels]:
        rgb = np.zeros((1, 1, 3), np.uint8) if self.rgb is None else self.rgb
        cut = (np.ascontiguousarray(rgb[place]) for place in tile_places(rgb.shape[:2]))
        return [np.asarray(cv2.cvtColor(tile, cv2.COLOR_RGB2YCrCb), np.uint8) for tile in cut]
