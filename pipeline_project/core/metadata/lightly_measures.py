"""Image measures under the names that Lightly's METADATA keys have.

Lightly publishes no formulas. Ours are: `sharpness` our `laplacian_variance`; `sizeInBytes` bytes
of the file; `width` and `height` pixels of the frame; the others of its thumbnail (at most 240 px
wide), on a scale of 0 to 255: `meanRed`, `meanGreen`, `meanBlue` the channel's mean, `contrast`
the standard deviation of grey, `snr` mean by standard deviation of grey (no unit; 0 for a flat
picture), `uniformRowRatio` the share of rows whose grey differs by at most 2 from end to end, 0
to 1, high for a picture that was not decoded to its end.
"""

import cv2
import numpy as np

from pipeline_project.core.records import Pixels

PREFIX = "lightly."
SHARPNESS = "sharpness"
OF_FILE = ("sizeInBytes", "width", "height")
OF_PIXELS = ("meanRed", "meanGreen", "meanBlue", "contrast", "snr", "uniformRowRatio")
NAMES = (SHARPNESS, *OF_FILE, *OF_PIXELS)
_ROUGH = 2  # grey levels: what JPEG makes of one colour


def measure_pixels(pixels: Pixels) -> dict[str, float]:
    """Take the measures that need pixels.

    Args:
        pixels: shape (height, width, 3), uint8, RGB.

    Returns:
        Each of `OF_PIXELS` and its value, without the prefix; all finite.
    """
    red, green, blue = pixels.reshape(-1, 3).mean(axis=0).tolist()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    mean, spread = float(grey.mean()), float(grey.std())
    flat = np.ptp(grey, axis=1) <= _ROUGH
    return {
        "meanRed": red,
        "meanGreen": green,
        "meanBlue": blue,
        "contrast": spread,
        "snr": mean / spread if spread > 0 else 0.0,
        "uniformRowRatio": float(flat.mean()),
    }
