"""Power spectra of a few tiles of native pixels, taken once and shared by all who look at them.

Moiré is looked for here and on native pixels alone: resizing makes it and unmakes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality.gray import Gray
from pipeline_project.core.quality.scratch import Scratch

TILE_PX = 96
# Where tiles lie, as shares of the way from the first to the last place, down and across. In
# small pictures six tell as much as nine, and save a tenth of all time; in larger ones they
# would miss what nine see.
SIX = ((0.0, 0.0), (0.0, 1.0), (0.35, 0.35), (0.65, 0.65), (1.0, 0.0), (1.0, 1.0))
NINE = tuple((down, across) for down in (0.0, 0.5, 1.0) for across in (0.0, 0.5, 1.0))
NINE_FROM_PX = 750_000
COLUMNS = TILE_PX // 2 + 1
# One grey level squared, about the noise of a good camera at base sensitivity. Under it lie
# rounding and what JPEG left out.
POWER_FLOOR = 1.0
PEAK_LOW, PEAK_HIGH = 0.06, 0.5
# Bins this near to an axis hold the upright and level edges of what people build, and the blocks
# of JPEG; left in, they hide three of four moirés among photographs of houses.
AXIS_BINS = 1
NEIGHBOURHOOD_BINS = 9
# Frequencies up to this many cycles per pixel are low. It is the common choice of 60 cycles
# across an image 500 pixels wide.
LOW_CYCLES_PER_PX = 0.12

# Noise seldom stands higher over its neighbours than this, in natural logarithms of power.
NOISE_HEIGHT = 2.0

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]
_SCRATCH = Scratch()


@dataclass(frozen=True)
class Spectra:
    """Log power spectra of tiles.

    Attributes:
        log_power: shape (tiles, 96, 49), float32, ln(1 + power); power in grey levels squared,
            such that noise of variance v has power v everywhere. Rows are vertical frequencies
            from -0.5 to just under 0.5 cycles per pixel, columns horizontal ones from 0 to 0.5.
        high_power: shape (tiles,), float32, grey levels squared: the mean square of each tile's
            pixels once frequencies up to 0.12 cycles per pixel are taken out.
    """

    log_power: Floats
    high_power: Floats

    @cached_property
    def mean(self) -> Floats:
        """The tiles' mean log power, shape (96, 49)."""
        return np.asarray(np.add.reduce(self.log_power) / np.float32(len(self.log_power)))

    @cached_property
    def heights(self) -> Floats:
        """Log power over its 9x9 local mean, 0 outside the peak band; shape (tiles, 96, 49)."""
        return over_local_mean(self.log_power)

    @cached_property
    def highest(self) -> Places:
        """The bin of each tile's largest height, row x 49 + column, shape (tiles,)."""
        return np.asarray(self.heights.reshape(len(self.heights), -1).argmax(axis=1))

    @cached_property
    def peaks(self) -> Floats:
        """The largest height of each tile, shape (tiles,)."""
        return np.asarray(self.heights_at(self.highest[:, None])[:, 0])

    @cached_property
    def excess(self) -> Floats:
        """Sum of what each tile's heights exceed `NOISE_HEIGHT`, shape (tiles,)."""
        over = self.heights - np.float32(NOISE_HEIGHT)
        np.maximum(over, 0, out=over)
        return np.asarray(over.reshape(len(over), -1).sum(axis=1))

    @cached_property
    def mean_heights(self) -> Floats:
        """Heights of the tiles' mean spectrum, shape (96, 49)."""
        return np.asarray(over_local_mean(self.mean[None])[0])

    def heights_at(self, bins: Places) -> Floats:
        """Heights of some bins of each tile, shape (tiles, n) both."""
        first = np.arange(len(bins))[:, None] * (TILE_PX * COLUMNS)
        return np.asarray(self.heights.ravel().take(bins + first))


def over_local_mean(log_power: Floats) -> Floats:
    """Subtract from each spectrum its 9x9 local mean, and keep the peak band.

    That is 0.06 to 0.5 cycles per pixel, without the bins on the axes and beside them.
    """
    heights = np.empty_like(log_power)
    for spectrum, height in zip(log_power, heights, strict=True):
        cv2.blur(spectrum, (NEIGHBOURHOOD_BINS, NEIGHBOURHOOD_BINS), dst=height)
    np.subtract(log_power, heights, out=heights)
    heights *= tables().peak_band
    return heights


def spectra(channel: Gray) -> Spectra:
    """Transform six tiles, or nine from 0.75 megapixels up; see `tile_places`.

    Args:
        channel: shape (height, width), uint8. Sides under 96 pixels give narrower tiles, filled
            up with zeros behind the window.
    """
    return spectra_of_tiles([channel[place] for place in tile_places(channel.shape)])


def spectra_of_tiles(cut: Sequence[Gray]) -> Spectra:
    """Transform tiles that were cut already, all of one shape, at most 96x96, uint8."""
    rows, columns = cut[0].shape
    tiles = _SCRATCH.take(0, (len(cut), TILE_PX, TILE_PX), np.float32)
    if rows < TILE_PX or columns < TILE_PX:
        tiles[:] = 0
    shape = window(rows, columns)
    # Tile by tile, as each fits the processor's nearest cache.
    for tile, pixels in zip(tiles, cut, strict=True):
        filled = tile[:rows, :columns]
        # Without its mean, whose leakage would drown quiet neighbours.
        mean = cv2.sumElems(pixels)[0] / pixels.size
        np.subtract(pixels, np.float32(mean), out=filled)
        filled *= shape
        # IPP's real transform, in place; it beats scipy's and numpy's batched ones.
        cv2.dft(tile, dst=tile)
    power = _power(tiles)
    flat = power.reshape(len(power), -1)
    # Row by row: short sums are done by the calling thread, long products wake BLAS's own.
    high_power = np.array([row.dot(tables().high) for row in flat])
    flat += np.float32(POWER_FLOOR)
    cv2.log(flat, dst=flat)
    return Spectra(power, high_power)


def tile_places(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Rows and columns of the tiles of an image of this (height, width), none twice.

    The corners and two off the middle; from 0.75 megapixels up a 3x3 grid from edge to edge.
    """
    last_row, last_column = (max(side - TILE_PX, 0) for side in shape)
    shares = NINE if shape[0] * shape[1] >= NINE_FROM_PX else SIX
    starts = dict.fromkeys(
        (round(last_row * down), round(last_column * across)) for down, across in shares
    )
    return [(slice(row, row + TILE_PX), slice(column, column + TILE_PX)) for row, column in starts]


def _power(packed: Floats) -> Floats:
    """From OpenCV's packed transforms, shape (tiles, 96, 96), to power, (tiles, 96, 49)."""
    packed *= packed
    power = np.empty((len(packed), TILE_PX, COLUMNS), np.float32)
    # Pairs of real and imaginary columns; the first and the last column are real transforms,
    # packed along the rows.
    np.add(packed[:, :, 1:-1:2], packed[:, :, 2:-1:2], out=power[:, :, 1:-1])
    for column, source in ((0, 0), (COLUMNS - 1, TILE_PX - 1)):
        line = packed[:, :, source]
        half = line[:, 1:-1:2] + line[:, 2:-1:2]
        power[:, 0, column], power[:, TILE_PX // 2, column] = line[:, 0], line[:, -1]
        power[:, 1 : TILE_PX // 2, column] = half
        power[:, TILE_PX // 2 + 1 :, column] = half[:, ::-1]
    return power


def frequencies() -> npt.NDArray[np.float64]:
    """Distance from zero frequency of every bin, cycles per pixel, shape (96, 49)."""
    return tables().radius


def bins_in_band() -> int:
    """How many bins of one spectrum lie in the peak band."""
    return int(np.count_nonzero(tables().peak_band))


@dataclass(frozen=True)
class Tables:
    """What is the same for all spectra.

    Attributes:
        radius: distance from zero frequency of every bin, cycles per pixel, shape (96, 49).
        peak_band: 1 in the peak band and 0 elsewhere, shape (96, 49).
        high: weights of the power that give the mean square of what is high, shape (4704,).
    """

    radius: npt.NDArray[np.float64]
    peak_band: Floats
    high: Floats


@cache
def tables() -> Tables:
    """Make the tables once."""
    down = np.arange(TILE_PX) / TILE_PX - 0.5
    radius = np.hypot(down[:, None], np.arange(COLUMNS)[None, :] / TILE_PX)
    band = (radius >= PEAK_LOW) & (radius <= PEAK_HIGH)
    middle = TILE_PX // 2
    band[:, : AXIS_BINS + 1] = band[middle - AXIS_BINS : middle + AXIS_BINS + 1] = False
    # By Parseval the mean square is the sum of the power over all bins by their number; columns
    # but the first and last stand for a negative frequency too.
    high = (radius > LOW_CYCLES_PER_PX) * 2.0 / TILE_PX**2
    high[:, [0, -1]] /= 2
    return Tables(radius, band.astype(np.float32), high.astype(np.float32).ravel())


@cache
def window(rows: int, columns: int) -> Floats:
    """A Hann window of unit power; alternate rows change sign, which puts zero in the middle."""
    down, across = (np.sin(np.pi * np.arange(1, n + 1) / (n + 1)) ** 2 for n in (rows, columns))
    window = np.outer(down * (-1.0) ** np.arange(rows), across)
    return np.asarray(window / np.sqrt((window**2).sum()), np.float32)
