"""Smooth camera moves over a photograph: what a 640x360 camera sees as it pans and zooms."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline_project.core.records import Pixels
from pipeline_project.making.degrade import sharpen

# What a camera's own sharpening adds; it also makes good for the enlarging of small photographs.
SHARPENING = 0.5


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of a photograph, in its own pixels; its shape is that of the video.

    Attributes:
        centre_x_px: from the left edge.
        centre_y_px: from the top edge.
        width_px: of the rectangle.
    """

    centre_x_px: float
    centre_y_px: float
    width_px: float


def between(start: View, end: View, share: float) -> View:
    """Return the view after this share (0 to 1) of an even move; zooming is even in ratio."""
    return View(
        start.centre_x_px + share * (end.centre_x_px - start.centre_x_px),
        start.centre_y_px + share * (end.centre_y_px - start.centre_y_px),
        start.width_px * (end.width_px / start.width_px) ** share,
    )


def see(photo: Pixels, view: View, width_px: int, height_px: int) -> Pixels:
    """Return what the camera sees in this view, at sub-pixel position, sharpened.

    Args:
        photo: shape (H, W, 3), RGB uint8. What the view takes beyond its edge is mirrored.
        view: where the camera looks.
        width_px: of the result.
        height_px: of the result.
    """
    zoom = width_px / view.width_px
    source = photo
    if zoom < 1:
        # Before making it smaller, take out what the smaller grid cannot hold.
        source = np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.45 * (1 / zoom**2 - 1) ** 0.5))
    move = np.array(
        [
            [zoom, 0, (width_px - 1) / 2 - zoom * view.centre_x_px],
            [0, zoom, (height_px - 1) / 2 - zoom * view.centre_y_px],
        ]
    )
    seen = cv2.warpAffine(
        source,
        move,
        (width_px, height_px),
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return sharpen(np.asarray(seen, np.uint8), SHARPENING)
