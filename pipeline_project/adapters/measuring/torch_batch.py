"""Some gray pictures of one size on a torch device, and what several measures share of them.

The twin of `core/quality/picture.py`: the same intermediates, each for all pictures at once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from pipeline_project.adapters.measuring.torch_filters import (
    halved,
    laplacian,
    local_mean,
    sobel_power,
)
from pipeline_project.core.quality.picture import HISTOGRAM_PX
from pipeline_project.core.quality.pyramid import REFERENCE_PX, ROUNDING
from pipeline_project.core.quality.sectors import BANDS, DIRECTIONS, RINGS, sectors
from pipeline_project.core.quality.spectra import (
    NEIGHBOURHOOD_BINS,
    NOISE_HEIGHT,
    POWER_FLOOR,
    TILE_PX,
    tables,
    tile_places,
    window,
)
from pipeline_project.core.quality.strips import TILES


@dataclass(frozen=True)
class LaplacianSums:
    """As in `core/quality/strips.py`, shape (n,) each."""

    mean_square: Tensor
    largest: Tensor


@dataclass(frozen=True)
class GradientSums:
    """As in `core/quality/strips.py`, shape (n,) each."""

    mean: Tensor
    mean_square: Tensor


class Batch:
    """Pictures of one size; nothing is computed that no measure asks for."""

    def __init__(self, gray: Tensor) -> None:
        """Take shape (n, height, width), uint8, on the device that is to compute."""
        self.gray = gray
        self._levels = [gray]
        self._laplacians: dict[int, LaplacianSums] = {}
        self._tables: dict[str, Tensor] = {}

    @property
    def pixels(self) -> int:
        """Of one picture."""
        return int(self.gray.shape[1] * self.gray.shape[2])

    def on_device(self, name: str, make: Callable[[], np.ndarray]) -> Tensor:
        """Bring a table there once, as float64 or as whole numbers."""
        if name not in self._tables:
            self._tables[name] = torch.as_tensor(make()).to(self.gray.device)
        return self._tables[name]

    def level(self, index: int) -> Tensor:
        """Pixels of a level of the pyramid; the last there is where there are not as many."""
        while len(self._levels) <= index:
            self._levels.append(halved(self._levels[-1]))
        return self._levels[index]

    def laplacian(self, index: int) -> LaplacianSums:
        """Sums of the squared Laplacian of a level."""
        if index not in self._laplacians:
            self._laplacians[index] = laplacian_sums(self.level(index))
        return self._laplacians[index]

    def at_reference(self, octaves: float, value: Callable[["Batch", int], Tensor]) -> Tensor:
        """Interpolate a value between the levels around the reference scale."""
        level = max(0.0, 0.5 * math.log2(self.pixels / REFERENCE_PX)) + octaves
        below = math.floor(level)
        first = value(self, below)
        if level == below:
            return first
        return first + (level - below) * (value(self, below + 1) - first)

    @cached_property
    def gradient(self) -> GradientSums:
        """Mean and mean square of the Sobel gradient."""
        power = sobel_power(self.gray)
        mean = power.float().sqrt().sum(dim=(1, 2), dtype=torch.float64) / self.pixels
        squares = power.sum(dim=(1, 2), dtype=torch.int64).double() / self.pixels
        return GradientSums(mean, squares)

    @cached_property
    def tiles(self) -> Tensor:
        """The pictures' tiles, shape (n, tiles, rows, columns), uint8."""
        places = tile_places(tuple(self.gray.shape[1:]))
        return torch.stack([self.gray[:, rows, columns] for rows, columns in places], dim=1)

    @cached_property
    def power(self) -> Tensor:
        """Power spectra of the tiles, shape (n, tiles, 96, 49), float32, grey levels squared."""
        tiles = self.tiles.float()
        rows, columns = tiles.shape[-2:]
        tiles = tiles - tiles.mean(dim=(-2, -1), keepdim=True)
        tiles = tiles * self.on_device("window", lambda: window(rows, columns))
        found = torch.fft.rfft2(tiles, s=(TILE_PX, TILE_PX))
        return found.real.square() + found.imag.square()

    @cached_property
    def high_power(self) -> Tensor:
        """Mean square of each tile above the low frequencies, shape (n, tiles), float64."""
        weights = self.on_device("high", lambda: tables().high.astype(np.float64))
        return self.power.flatten(2).double() @ weights

    @cached_property
    def log_power(self) -> Tensor:
        """Log power spectra, shape (n, tiles, 96, 49), float32."""
        return (self.power + POWER_FLOOR).log()

    @cached_property
    def mean_spectrum(self) -> Tensor:
        """The tiles' mean log power, shape (n, 96, 49), float32."""
        return self.log_power.mean(dim=1)

    def over_local_mean(self, log_power: Tensor) -> Tensor:
        """Subtract the 9x9 local mean and keep the peak band: shape (n, 96, 49)."""
        band = self.on_device("band", lambda: tables().peak_band)
        return (log_power - local_mean(log_power, NEIGHBOURHOOD_BINS)) * band

    @cached_property
    def heights(self) -> Tensor:
        """Heights of all bins over their neighbours, shape (n, tiles, 4704), float32."""
        spectra = self.log_power
        return self.over_local_mean(spectra.flatten(0, 1)).reshape(*spectra.shape[:2], -1)

    @cached_property
    def highest(self) -> Tensor:
        """The bin of each tile's largest height, shape (n, tiles)."""
        return self.heights.argmax(dim=2)

    @cached_property
    def peaks(self) -> Tensor:
        """The largest height of each tile, shape (n, tiles)."""
        return self.heights.gather(2, self.highest[:, :, None])[:, :, 0]

    @cached_property
    def mean_heights(self) -> Tensor:
        """Heights of the mean spectrum, shape (n, 96, 49)."""
        return self.over_local_mean(self.mean_spectrum)

    @cached_property
    def excess(self) -> Tensor:
        """Sum of what each tile's heights exceed those of noise, shape (n, tiles), float64."""
        return (self.heights - NOISE_HEIGHT).clamp(min=0).sum(dim=2, dtype=torch.float64)

    @cached_property
    def rings_and_sectors(self) -> tuple[Tensor, Tensor]:
        """Means of tiles over rings, (n, tiles, 12), and sectors, (n, tiles, 6, 8), float64."""
        means = self.log_power.flatten(2).double() @ self.on_device("cells", _cell_weights)
        count, tiles = means.shape[:2]
        return means[..., :RINGS], means[..., RINGS:].reshape(count, tiles, BANDS, DIRECTIONS)

    @cached_property
    def ring_means(self) -> Tensor:
        """Means of the mean spectrum over rings of frequency, shape (n, 12), float64."""
        return self.rings_and_sectors[0].mean(dim=1)

    @cached_property
    def mean_sectors(self) -> Tensor:
        """Means of the mean spectrum over bands and directions, shape (n, 6, 8), float64."""
        return self.rings_and_sectors[1].mean(dim=1)

    @cached_property
    def tile_bands(self) -> Tensor:
        """Means of tiles over bands, each direction counting alike, shape (n, tiles, 6)."""
        return self.rings_and_sectors[1].mean(dim=3)

    @cached_property
    def histogram(self) -> Tensor:
        """Share of each grey level, shape (n, 256), float64, of evenly spread rows."""
        rows = self.gray[:, :: max(1, self.pixels // HISTOGRAM_PX)].flatten(1).long()
        count = len(rows)
        rows = rows + 256 * torch.arange(count, device=rows.device)[:, None]
        counts = torch.bincount(rows.flatten(), minlength=256 * count).reshape(count, 256)
        return counts.double() * count / rows.numel()


def laplacian_sums(gray: Tensor) -> LaplacianSums:
    """Sum the squared 3x3 Laplacian of pixels, shape (n, height, width), whole and by tiles."""
    squares = laplacian(gray).square()
    height, width = gray.shape[1:]
    rows, columns = (
        [side * tile // TILES for tile in range(TILES + 1)] for side in (height, width)
    )
    total = torch.zeros(len(gray), dtype=torch.int64, device=gray.device)
    largest = torch.zeros(len(gray), dtype=torch.float64, device=gray.device)
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            tile = squares[:, top:bottom, left:right].sum(dim=(1, 2), dtype=torch.int64)
            total += tile
            area = max((bottom - top) * (right - left), 1)
            largest = torch.maximum(largest, tile.double() / area)
    return LaplacianSums(total.double() / (height * width), largest)


def log_laplacian(batch: Batch, index: int) -> Tensor:
    """Natural logarithm of the variance of a level's Laplacian, with the rounding added."""
    return (batch.laplacian(index).mean_square + ROUNDING).log()


def _cell_weights() -> np.ndarray:
    table = sectors()
    weights = np.zeros((tables().radius.size, table.shares.shape[1]))
    cells = np.searchsorted(table.starts, np.arange(len(table.order)), side="right") - 1
    weights[table.order] = table.shares[cells]
    return weights
