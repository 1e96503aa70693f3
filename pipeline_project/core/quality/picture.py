"""One frame under measurement, and what several measures share of it, made once and when asked."""

from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.gray import Gray, checked_gray, to_gray
from pipeline_project.core.quality.pyramid import Pyramid
from pipeline_project.core.quality.rings import Means, rings
from pipeline_project.core.quality.sectors import ring_and_sector_means, sectors
from pipeline_project.core.quality.spectra import (
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
        """Spectra of tiles of the native gray pixels."""
        return spectra(self.gray)

    @property
    def tile_rings(self) -> Means:
        """Means of each tile's spectrum over rings of frequency, shape (tiles, 12)."""
        return self._rings_and_sectors[0]

    @property
    def sectors(self) -> Means:
        """Means of each tile's spectrum over bands and directions, shape (tiles, 6, 8)."""
        return self._rings_and_sectors[1]

    @cached_property
    def ring_means(self) -> Means:
        """Means of the tiles' mean spectrum over rings of frequency, shape (12,)."""
        return np.asarray(np.add.reduce(self.tile_rings) / len(self.tile_rings))

    @cached_property
    def bands(self) -> list[float]:
        """Means of the tiles' mean spectrum over 6 bands of two rings each."""
        bins = rings().bins
        sums = (self.ring_means * bins).reshape(-1, 2).sum(axis=1)
        return list((sums / bins.reshape(-1, 2).sum(axis=1)).tolist())

    @cached_property
    def tile_bands(self) -> Means:
        """Means of each tile over bands, each direction counting alike, shape (tiles, 6)."""
        return np.asarray(np.add.reduce(self.sectors, axis=2) / self.sectors.shape[2])

    @cached_property
    def mean_sectors(self) -> Means:
        """Means of the tiles' mean spectrum over bands and directions, shape (6, 8)."""
        return np.asarray(np.add.reduce(self.sectors) / len(self.sectors))

    @cached_property
    def harmonics(self) -> list[complex]:
        """Second harmonic over direction of each of 6 bands of the tiles' mean spectrum."""
        return list((self.mean_sectors @ sectors().second).tolist())

    @cached_property
    def red_difference(self) -> Spectra:
        """Spectra of tiles of the Cr channel; of a gray picture, nothing but the floor."""
        return self._chroma(1)

    @cached_property
    def blue_difference(self) -> Spectra:
        """Spectra of tiles of the Cb channel; of a gray picture, nothing but the floor."""
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

    @cached_property
    def _rings_and_sectors(self) -> tuple[Means, Means]:
        return ring_and_sector_means(self.spectra.log_power)

    def _chroma(self, channel: int) -> Spectra:
        if self.rgb is None:
            return spectra(np.full((1, 1), 128, np.uint8))
        # The tiles alone are converted: they are a small part of most pictures.
        return spectra_of_tiles([tile[:, :, channel] for tile in self._luma_and_differences])

    @cached_property
    def _luma_and_differences(self) -> list[Pixels]:
        rgb = np.zeros((1, 1, 3), np.uint8) if self.rgb is None else self.rgb
        cut = (np.ascontiguousarray(rgb[place]) for place in tile_places(rgb.shape[:2]))
        return [np.asarray(cv2.cvtColor(tile, cv2.COLOR_RGB2YCrCb), np.uint8) for tile in cut]
