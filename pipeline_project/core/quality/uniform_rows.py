"""Damage that leaves rows of one colour: cut transmissions, missing packets."""

import numpy as np

from pipeline_project.core.quality.gray import Gray
from pipeline_project.core.quality.picture import Picture

# Columns that are looked at first; rows that differ among them need no closer look.
_PROBES = 16
_TOLERANCE = 1


def uniform_row_ratio(picture: Picture) -> float:
    """Return the share of rows that hold one grey level only, 0 to 1: higher is more damaged.

    One level of difference within a row is allowed for.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Share of rows. Photographs have 0; 1 is a constant image.

    Notes:
        Letterbox bars, screenshots and drawings have such rows and are whole.

    References:
        The Lightly Worker documents a `uniformRowRatio` of the same purpose; its formula is not
        published.
    """
    gray = picture.gray
    probes = gray[:, :: max(1, gray.shape[1] // _PROBES)]
    rows = np.flatnonzero(_spread(probes) <= _TOLERANCE)
    # Few rows are left, seldom all of them; strip by strip, so that memory stays flat.
    uniform = sum(
        int((_spread(gray[rows[start : start + 256]]) <= _TOLERANCE).sum())
        for start in range(0, len(rows), 256)
    )
    return float(uniform / gray.shape[0])


def _spread(rows: Gray) -> Gray:
    return np.asarray(rows.max(axis=1) - rows.min(axis=1))
