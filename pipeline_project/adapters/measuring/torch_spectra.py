"""The measures of spectra on a `Batch`: peaks, rings, directions, tiles and lattices.

As in `torch_measures.py`: formulas, units and sources stand in `core/quality/`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pipeline_project.adapters.measuring.torch_batch import Batch
from pipeline_project.adapters.measuring.torch_filters import local_mean
from pipeline_project.core.quality.directions import MIDDLE
from pipeline_project.core.quality.lattice import around_half_frequency
from pipeline_project.core.quality.rings import OverRings, rings
from pipeline_project.core.quality.sectors import sectors
from pipeline_project.core.quality.spectra import (
    COLUMNS,
    NEIGHBOURHOOD_BINS,
    TILE_PX,
    bins_in_band,
)

Twin = Callable[[Batch], Tensor]


def _median(values: Tensor) -> Tensor:
    """Median along axis 1; of an even number the mean of the middle two."""
    ordered, count = values.double().sort(dim=1).values, values.shape[1]
    return (ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2


def _fft_high_frequency(batch: Batch) -> Tensor:
    return 10 * batch.high_power.clamp(min=0).log1p().mean(dim=1)


def _spectral_peak_kurtosis(batch: Batch) -> Tensor:
    squares = batch.heights.double().square()
    sums = squares.sum(dim=2)
    return _median(bins_in_band() * squares.square().sum(dim=2) / (sums**2).clamp(min=1e-6))


def _spectral_peak_upper(batch: Batch) -> Tensor:
    return batch.peaks.double().sort(dim=1).values[:, (3 * batch.peaks.shape[1]) // 4]


def _spectral_peak_second(batch: Batch) -> Tensor:
    heights = batch.mean_heights
    highest = heights.flatten(1).argmax(dim=1)[:, None, None]
    rows = torch.arange(TILE_PX, device=heights.device)[:, None]
    columns = torch.arange(COLUMNS, device=heights.device)
    reach = NEIGHBOURHOOD_BINS // 2
    near = ((rows - highest // COLUMNS).abs() <= reach) & (
        (columns - highest % COLUMNS).abs() <= reach
    )
    return heights.masked_fill(near, 0).flatten(1).amax(dim=1).double()


def _spectral_peak_broad(batch: Batch) -> Tensor:
    count, tiles = batch.heights.shape[:2]
    means = local_mean(batch.heights.reshape(-1, TILE_PX, COLUMNS), 3)
    return _median(means.flatten(1).amax(dim=1).reshape(count, tiles))


def _spectral_peak_half(batch: Batch) -> Tensor:
    bins = batch.on_device("half frequency", around_half_frequency)[batch.highest]
    return _median(batch.heights.gather(2, bins).amax(dim=2))


def _spectral_slope(batch: Batch) -> Tensor:
    return batch.ring_means @ batch.on_device("slope", lambda: rings().slope)


def _spectral_band(number: int) -> Twin:
    mine, lowest = slice(2 * number - 2, 2 * number), slice(0, 2)

    def band(batch: Batch) -> Tensor:
        bins = batch.on_device("bins", lambda: rings().bins)
        means = batch.ring_means
        return (
            means[:, mine] @ bins[mine] / bins[mine].sum()
            - means[:, lowest] @ bins[lowest] / bins[lowest].sum()
        )

    return band


def _over_rings(
    batch: Batch, name: str, table: OverRings, spectra: Tensor, means: Tensor
) -> Tensor:
    """How far any bin stands over its ring, for spectra (..., 4704) and means (..., 12)."""
    bins = batch.on_device(f"{name} bins", lambda: table.bins)
    mirrored = batch.on_device(f"{name} mirrored", lambda: table.mirrored)
    upper = batch.on_device(f"{name} upper", lambda: table.upper)
    share = batch.on_device(f"{name} share", lambda: table.share)
    seen = torch.maximum(spectra[..., bins], spectra[..., mirrored]).double()
    lower = means[..., upper - 1]
    return (seen - lower - share * (means[..., upper] - lower)).amax(dim=-1)


def _radial_residual(batch: Batch) -> Tensor:
    spectra, table = batch.mean_spectrum.flatten(1), rings().residual
    return _over_rings(batch, "residual", table, spectra, batch.ring_means).clamp(min=0)


def _radial_residual_median(batch: Batch) -> Tensor:
    spectra, means = batch.log_power.flatten(2), batch.rings_and_sectors[0]
    return _median(_over_rings(batch, "coarse", rings().coarse, spectra, means))


def _harmonics(batch: Batch) -> Tensor:
    """Second harmonic over direction of each band, shape (n, 6), complex128."""
    second = batch.on_device("second", lambda: sectors().second)
    return batch.mean_sectors.to(torch.complex128) @ second


def _spectral_anisotropy_of(number: int) -> Twin:
    return lambda batch: _harmonics(batch)[:, number - 1].abs()


def _spectral_alignment(batch: Batch) -> Tensor:
    found = _harmonics(batch)
    return (found[:, 0] * found[:, MIDDLE].sum(dim=1).conj()).real


def _spectral_direction_spread(batch: Batch) -> Tensor:
    return batch.mean_sectors[:, MIDDLE].mean(dim=1).std(dim=1, correction=0)


def _spectral_weakest_direction(batch: Batch) -> Tensor:
    levels = batch.rings_and_sectors[1]
    return _median((levels[:, :, 4] - levels[:, :, 1]).amin(dim=2))


def _tile_band_max(number: int) -> Twin:
    return lambda batch: batch.tile_bands[:, :, number - 1].amax(dim=1)


def _tile_band_5_min(batch: Batch) -> Tensor:
    return (batch.tile_bands[:, :, 4] - batch.tile_bands[:, :, 0]).amin(dim=1)


def _tile_floor(batch: Batch) -> Tensor:
    return batch.rings_and_sectors[0][:, :, 6:].mean(dim=2).amin(dim=1)


def _tile_curvature(batch: Batch) -> Tensor:
    means = batch.rings_and_sectors[0]
    return (means[:, :, 4] - 2 * means[:, :, 7] + means[:, :, 10]).amax(dim=1)


SPECTRAL_TWINS: Mapping[str, Twin] = MappingProxyType(
    {
        "fft_high_frequency": _fft_high_frequency,
        "spectral_peak_median": lambda batch: _median(batch.peaks),
        "spectral_peak_max": lambda batch: batch.peaks.amax(dim=1).double(),
        "spectral_peak_mean": lambda batch: batch.mean_heights.flatten(1).amax(dim=1).double(),
        "spectral_peak_kurtosis": _spectral_peak_kurtosis,
        "spectral_peak_upper": _spectral_peak_upper,
        "spectral_peak_second": _spectral_peak_second,
        "spectral_peak_broad": _spectral_peak_broad,
        "spectral_peak_half": _spectral_peak_half,
        "spectral_excess_max": lambda batch: batch.excess.amax(dim=1).log1p(),
        "spectral_excess_median": lambda batch: _median(batch.excess).log1p(),
        "spectral_slope": _spectral_slope,
        **{f"spectral_band_{number}": _spectral_band(number) for number in range(2, 7)},
        "radial_residual": _radial_residual,
        "radial_residual_median": _radial_residual_median,
        "spectral_anisotropy": lambda batch: _harmonics(batch)[:, MIDDLE].sum(dim=1).abs(),
        **{
            f"spectral_anisotropy_{number}": _spectral_anisotropy_of(number)
            for number in range(3, 6)
        },
        "spectral_alignment": _spectral_alignment,
        "spectral_direction_spread": _spectral_direction_spread,
        "spectral_weakest_direction": _spectral_weakest_direction,
        **{f"tile_band_{number}_max": _tile_band_max(number) for number in range(3, 6)},
        "tile_band_5_min": _tile_band_5_min,
        "tile_floor": _tile_floor,
        "tile_curvature": _tile_curvature,
    }
)
