"""Image measures under the names that Lightly's METADATA keys have.

Lightly publishes no formulas. Ours are: `sharpness` our `laplacian_variance`, `contrast` and
`uniformRowRatio` our measures of these names; `sizeInBytes` bytes of the file, of a video all of
it; `width` and `height` pixels of the frame. Of its thumbnail (at most 240 px wide), on a scale
of 0 to 255: `meanRed`, `meanGreen`, `meanBlue` the channel's mean, and `snr` mean by standard
deviation of grey (no unit; 0 for a flat picture).
"""

from collections.abc import Mapping
from types import MappingProxyType

import cv2
import numpy as np

from pipeline_project.core.records import Pixels

PREFIX = "lightly."
# Name -> our measure.
MEASURED: Mapping[str, str] = MappingProxyType(
    {
        "sharpness": "laplacian_variance",
        "contrast": "contrast",
        "uniformRowRatio": "uniform_row_ratio",
    }
)
OF_FILE = ("sizeInBytes", "width", "height")
OF_PIXELS = ("meanRed", "meanGreen", "meanBlue", "snr")
NAMES = (*MEASURED, *OF_FILE, *OF_PIXELS)


def measure_pixels(pixels: Pixels) -> dict[str, float]:
    """Take the measures that need pixels.

    Args:
        pixels: shape (height, width, 3), uint8, RGB.

    Returns:
        Each of `OF_PIXELS` and its value, without the prefix; all finite.
    """
    red, green, blue = pixels.reshape(-1, 3).mean(axis=0).tolist()
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    mean, spread = float(grey.mean()), float(grey.std())
    snr = mean / spread if spread > 0 else 0.0
    return {"meanRed": red, "meanGreen": green, "meanBlue": blue, "snr": snr}
