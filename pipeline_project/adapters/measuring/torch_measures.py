"""The measures of `core/quality/` on a `Batch`: each gives shape (n,), float64.

Formulas, units and sources stand there; here they are only computed for many pictures at once.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from pipeline_project.adapters.measuring.torch_batch import (
    Batch,
    laplacian_sums,
    log_laplacian,
)
from pipeline_project.adapters.measuring.torch_filters import box_mean, crossed_second_derivative
from pipeline_project.adapters.measuring.torch_spectra import SPECTRAL_TWINS, Twin
from pipeline_project.core.quality.exposure import DARK_LEVEL, LIGHT_LEVEL
from pipeline_project.core.quality.pyramid import ROUNDING, TILED_OCTAVE
from pipeline_project.core.quality.reblur import BOX_PX
from pipeline_project.core.quality.sharpness import FLOOR


def _laplacian_variance(batch: Batch) -> Tensor:
    # The mean is left by the borders alone, as in `laplacian_mean`.
    total = torch.zeros(len(batch.gray), dtype=torch.int64, device=batch.gray.device)
    for axis in (1, 2):
        if batch.gray.shape[axis] > 1:
            for at, sign in ((0, -1), (1, 1), (-2, 1), (-1, -1)):
                total += sign * batch.gray.select(axis, at).sum(dim=1, dtype=torch.int64)
    mean = total.double() / batch.pixels
    return (batch.laplacian(0).mean_square - mean**2).clamp(min=0)


def _sobel_variance(batch: Batch) -> Tensor:
    return (batch.gradient.mean_square - batch.gradient.mean**2).clamp(min=0)


def _mean_luma(batch: Batch) -> Tensor:
    return batch.gray.sum(dim=(1, 2), dtype=torch.int64).double() / batch.pixels


def _to_variance(logs: Tensor) -> Tensor:
    return (logs.exp() - ROUNDING).clamp(min=0)


def _at_scale(octaves: float) -> Twin:
    return lambda batch: _to_variance(batch.at_reference(octaves, log_laplacian))


def _tile_laplacian_variance(batch: Batch) -> Tensor:
    def log_largest(batch: Batch, index: int) -> Tensor:
        return (batch.laplacian(index).largest + ROUNDING).log()

    return _to_variance(batch.at_reference(TILED_OCTAVE, log_largest))


def _sharpness(batch: Batch) -> Tensor:
    fine, coarse = (_at_scale(octaves)(batch) for octaves in (0.5, 1.5))
    return ((fine - ROUNDING).clamp(min=0) / (coarse + FLOOR)).sqrt()


def _reblur_ratio(batch: Batch) -> Tensor:
    def log_ratio(batch: Batch, index: int) -> Tensor:
        soft = laplacian_sums(box_mean(batch.level(index), BOX_PX))
        return log_laplacian(batch, index) - (soft.mean_square + ROUNDING).log()

    return batch.at_reference(0, log_ratio)


def _contrast(batch: Batch) -> Tensor:
    levels = batch.on_device("levels", lambda: np.arange(256.0))
    mean = batch.histogram @ levels
    return (batch.histogram * (levels - mean[:, None]).square()).sum(dim=1).clamp(min=0).sqrt()


def _entropy(batch: Batch) -> Tensor:
    shares = batch.histogram
    # An empty level gives 0 x log2(1).
    logs = torch.where(shares > 0, shares, 1.0).log2()
    return (-(shares * logs).sum(dim=1)).clamp(min=0)


def _noise_sigma(batch: Batch) -> Tensor:
    if min(batch.tiles.shape[-2:]) < 3:
        return torch.zeros(len(batch.gray), dtype=torch.float64, device=batch.gray.device)
    response = crossed_second_derivative(batch.tiles).abs().flatten(1)
    mean = response.sum(dim=1, dtype=torch.int64).double() / response.shape[1]
    return math.sqrt(math.pi / 2) / 6 * mean


def _uniform_row_ratio(batch: Batch) -> Tensor:
    # uint8 holds the difference, which is never negative.
    spread = batch.gray.amax(dim=2) - batch.gray.amin(dim=2)
    return (spread <= 1).double().mean(dim=1)


TWINS: Mapping[str, Twin] = MappingProxyType(
    {
        "laplacian_variance": _laplacian_variance,
        "sobel_variance": _sobel_variance,
        "mean_luma": _mean_luma,
        "sharpness": _sharpness,
        "tenengrad": lambda batch: batch.gradient.mean_square,
        "reference_laplacian_variance": _at_scale(0),
        "half_laplacian_variance": _at_scale(1),
        "quarter_laplacian_variance": _at_scale(2),
        "tile_laplacian_variance": _tile_laplacian_variance,
        "reblur_ratio": _reblur_ratio,
        **SPECTRAL_TWINS,
        "dark_share": lambda batch: batch.histogram[:, :DARK_LEVEL].sum(dim=1).clamp(max=1),
        "light_share": lambda batch: batch.histogram[:, LIGHT_LEVEL:].sum(dim=1).clamp(max=1),
        "contrast": _contrast,
        "entropy": _entropy,
        "noise_sigma": _noise_sigma,
        "uniform_row_ratio": _uniform_row_ratio,
    }
)
