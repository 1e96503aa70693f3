"""Parts of pictures: what a detector found, the tiles of a grid, given boxes."""

from collections.abc import Sequence

Box = tuple[float, float, float, float]  # x and y of the top left corner, width, height
PixelBox = tuple[int, int, int, int]
_LEAST_PX = 2  # a part narrower than this shows nothing


def tiles(num_rows: int, num_cols: int, overlap: float = 0.0) -> list[Box]:
    """Cut a picture into a grid, row by row.

    Args:
        num_rows: tiles from top to bottom.
        num_cols: tiles from left to right.
        overlap: by how much neighbours overlap, as a share of a tile; 0 to 1.

    Returns:
        boxes as shares of the picture, 0 to 1.
    """
    height, width = _tile(num_rows, overlap), _tile(num_cols, overlap)
    down, right = height * (1 - overlap), width * (1 - overlap)
    return [
        (col * right, row * down, width, height)
        for row in range(num_rows)
        for col in range(num_cols)
    ]


def _tile(count: int, overlap: float) -> float:
    """The share of a side that one of so many tiles has, which together have all of it."""
    return 1.0 / (count - (count - 1) * overlap)


def in_pixels(shares: Sequence[float], width_px: float, height_px: float) -> Box:
    """A box of shares as a box of pixels."""
    x, y, width, height = shares
    return x * width_px, y * height_px, width * width_px, height * height_px


def clipped(box: Box, width_px: float, height_px: float) -> PixelBox | None:
    """The whole pixels that a box covers within a picture; None where hardly one is left."""
    x, y, width, height = box
    left, top = max(0, round(x)), max(0, round(y))
    right, bottom = min(int(width_px), round(x + width)), min(int(height_px), round(y + height))
    if right - left < _LEAST_PX or bottom - top < _LEAST_PX:
        return None
    return left, top, right - left, bottom - top
