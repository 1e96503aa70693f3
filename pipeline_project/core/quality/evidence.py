"""What there is to see of the measures: a map of detail, the tile that decided, its spectrum."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.gray import Gray
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.spectra import COLUMNS, TILE_PX, Floats, tile_places
from pipeline_project.core.records import Label

# Photographs have peaks of about 2 to 3; see `spectral_peak_median`.
ISOLATED = 3.5
_MOST_PEAKS = 6
_APART_BINS = 5


@dataclass(frozen=True, slots=True)
class Peak:
    """One peak of a tile's spectrum.

    Attributes:
        across_cycles_per_px: its horizontal frequency, 0 to 0.5.
        down_cycles_per_px: its vertical frequency, -0.5 to just under 0.5.
        height: ln of its power over that around it.
    """

    across_cycles_per_px: float
    down_cycles_per_px: float
    height: float

    @property
    def period_px(self) -> float:
        """Distance from one stripe to the next."""
        return 1 / float(np.hypot(self.across_cycles_per_px, self.down_cycles_per_px))


@dataclass(frozen=True, slots=True)
class Evidence:
    """The tile that says most about the label.

    Attributes:
        place: its rows and columns in the picture's native pixels.
        because: why this one, in words.
        spectrum: shape (96, 96), float32, ln(1 + power in grey levels squared); zero frequency
            at [48, 48], rows vertical and columns horizontal, -0.5 to just under 0.5 cycles/px.
        peaks: the highest, highest first: the first in any case, more where they are isolated.
    """

    place: tuple[slice, slice]
    because: str
    spectrum: Floats
    peaks: tuple[Peak, ...]


def evidence(picture: Picture, label: Label) -> Evidence:
    """Find the tile that decided: for moiré that of the highest peak, else that of most detail.

    A picture is called blurred because not even its most detailed tile has any.

    Args:
        picture: as it was measured.
        label: that it was given.
    """
    tiles = picture.spectra
    if label == "moire":
        which, because = int(np.argmax(tiles.peaks)), "the highest spectral peak"
    else:
        which, because = int(np.argmax(tiles.high_power)), "the finest detail"
    return Evidence(
        tile_places(picture.gray.shape)[which],
        because,
        _both_halves(tiles.log_power[which]),
        _peaks(tiles.heights[which]),
    )


def laplacian_map(gray: Gray, width: int, height: int) -> npt.NDArray[np.float32]:
    """Average the magnitude of the 3x3 Laplacian of the native pixels over a coarse grid.

    Args:
        gray: shape of at least (height, width), uint8.
        width: of the result.
        height: of the result.

    Returns:
        Shape (height, width), float32, grey levels, 0 to 1020: higher is sharper.
    """
    found = np.empty((height, width), np.float32)
    edges = [gray.shape[0] * row // height for row in range(height + 1)]
    # Some rows of the result at a time, so that memory does not grow with the picture.
    for first in range(0, height, 16):
        last = min(first + 16, height)
        above, below = max(edges[first] - 1, 0), min(edges[last] + 1, gray.shape[0])
        response = np.abs(cv2.Laplacian(gray[above:below], cv2.CV_16S, ksize=1))
        inner = response[edges[first] - above : edges[last] - above].astype(np.float32)
        size = (width, last - first)
        found[first:last] = cv2.resize(inner, size, interpolation=cv2.INTER_AREA)
    return found


def _both_halves(log_power: Floats) -> Floats:
    """Add the left half, which mirrors the right one, as pixels have no imaginary part."""
    middle = TILE_PX // 2
    whole = np.empty((TILE_PX, TILE_PX), np.float32)
    whole[:, middle:] = log_power[:, : COLUMNS - 1]
    mirrored_rows = (TILE_PX - np.arange(TILE_PX)) % TILE_PX
    whole[:, :middle] = log_power[mirrored_rows, COLUMNS - 1 : 0 : -1]
    return whole


def _peaks(heights: Floats) -> tuple[Peak, ...]:
    around = cv2.dilate(heights, np.ones((_APART_BINS, _APART_BINS), np.uint8))
    rows, columns = np.nonzero((heights == around) & (heights > 0))
    found = sorted(
        (
            Peak(column / TILE_PX, row / TILE_PX - 0.5, float(heights[row, column]))
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ),
        key=lambda peak: -peak.height,
    )[:_MOST_PEAKS]
    return tuple(peak for peak in found if peak is found[0] or peak.height >= ISOLATED)
