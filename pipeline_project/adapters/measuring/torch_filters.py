"""OpenCV's filters on batches of gray pixels in torch, whole numbers kept whole."""

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor


def mirrored(planes: "Tensor", by: int) -> "Tensor":
    """Add `by` rows and columns on each side, mirrored, the outermost not doubled.

    Args:
        planes: shape (..., height, width); sides may be shorter than `by`.
    """
    for axis in (-2, -1):
        side = planes.shape[axis]
        period = max(2 * side - 2, 1)
        at = np.abs((np.arange(-by, side + by) + side - 1) % period - side + 1)
        planes = planes.index_select(axis, torch.as_tensor(at, device=planes.device))
    return planes


def laplacian(gray: "Tensor") -> "Tensor":
    """Take up + down + left + right - 4 x centre: shape (n, height, width), int32.

    Args:
        gray: shape (n, height, width), uint8.
    """
    wide = mirrored(gray, 1).int()
    inner = wide[:, 1:-1, 1:-1]
    upright = wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1]
    return upright + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:] - 4 * inner


def sobel_power(gray: "Tensor") -> "Tensor":
    """Take the squared length of the two 3x3 Sobel responses: (n, height, width), int32."""
    wide = mirrored(gray, 1).int()
    down = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    along = down[:, :, 2:] - down[:, :, :-2]
    across = wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]
    other = across[:, 2:] - across[:, :-2]
    return along * along + other * other


def halved(gray: "Tensor") -> "Tensor":
    """Average 2x2 pixels, halves rounded up; an odd last row or column is left out."""
    height, width = gray.shape[-2] // 2, gray.shape[-1] // 2
    if not height or not width:
        return gray
    even = gray[:, : 2 * height, : 2 * width].int().reshape(-1, height, 2, width, 2)
    return ((even.sum(dim=(2, 4)) + 2) // 4).to(torch.uint8)


def box_mean(gray: "Tensor", side_px: int) -> "Tensor":
    """Average over a square of odd side, rounded: shape (n, height, width), uint8."""
    wide = mirrored(gray, side_px // 2).int()
    rows = wide.unfold(-2, side_px, 1).sum(dim=-1)
    sums = rows.unfold(-1, side_px, 1).sum(dim=-1)
    area = side_px * side_px
    return ((2 * sums + area) // (2 * area)).to(torch.uint8)


def local_mean(spectra: "Tensor", side_bins: int) -> "Tensor":
    """Average over a square of odd side: shape (n, rows, columns), float."""
    wide = mirrored(spectra, side_bins // 2)
    return F.avg_pool2d(wide[:, None], side_bins, stride=1)[:, 0]


def crossed_second_derivative(tiles: "Tensor") -> "Tensor":
    """Apply the mask 1 -2 1 / -2 4 -2 / 1 -2 1 inside: (..., rows - 2, columns - 2), int32."""
    wide = tiles.int()
    down = wide[..., :-2, :] - 2 * wide[..., 1:-1, :] + wide[..., 2:, :]
    return down[..., :-2] - 2 * down[..., 1:-1] + down[..., 2:]
