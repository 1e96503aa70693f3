"""From light to a camera's picture: colour filters, noise, demosaic, sharpening.

Every label goes through the same sensor, so that none is known by what the sensor does.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline_project.making.degrade import Light

_PATTERNS = {
    "RGGB": cv2.COLOR_BayerRGGB2RGB,
    "BGGR": cv2.COLOR_BayerBGGR2RGB,
    "GRBG": cv2.COLOR_BayerGRBG2RGB,
    "GBRG": cv2.COLOR_BayerGBRG2RGB,
}
_EDGE_AWARE = {
    "RGGB": cv2.COLOR_BayerRGGB2RGB_EA,
    "BGGR": cv2.COLOR_BayerBGGR2RGB_EA,
    "GRBG": cv2.COLOR_BayerGRBG2RGB_EA,
    "GBRG": cv2.COLOR_BayerGBRG2RGB_EA,
}
PATTERNS = tuple(_PATTERNS)


@dataclass(frozen=True, slots=True)
class Sensor:
    """How a sensor samples light.

    Attributes:
        pattern: the colours of the first two rows and columns.
        edge_aware: whether the demosaic follows edges or averages all neighbours.
        shot_noise: standard deviation at full light; it falls with the root of the light.
        read_noise: standard deviation in the dark.
        blur_sigma_px: the optical low-pass filter in front of it; 0 for none.
    """

    pattern: str
    edge_aware: bool
    shot_noise: float
    read_noise: float
    blur_sigma_px: float


def any_sensor(rng: np.random.Generator) -> Sensor:
    """Draw a sensor from what cameras and phones have, by day and by night."""
    return Sensor(
        pattern=PATTERNS[int(rng.integers(len(PATTERNS)))],
        edge_aware=bool(rng.random() < 0.5),
        shot_noise=float(np.exp(rng.uniform(np.log(0.003), np.log(0.022)))),
        read_noise=float(rng.uniform(0, 0.004)),
        blur_sigma_px=float(rng.uniform(0.2, 0.45)) if rng.random() < 0.2 else 0.0,
    )


def expose(light: Light, sensor: Sensor, rng: np.random.Generator) -> Light:
    """Sample light of shape (height, width, 3), 0 to 1, and develop it; size stays."""
    if sensor.blur_sigma_px:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), sensor.blur_sigma_px), np.float32)
    mosaic = np.empty(light.shape[:2], np.float32)
    for place, colour in enumerate(sensor.pattern):
        row, column = divmod(place, 2)
        mosaic[row::2, column::2] = light[row::2, column::2, "RGB".index(colour)]
    spread = sensor.shot_noise * np.sqrt(np.maximum(mosaic, 0)) + sensor.read_noise
    mosaic += spread * rng.standard_normal(mosaic.shape, dtype=np.float32)
    raw = np.rint(np.clip(mosaic, 0, 1) * 65535).astype(np.uint16)
    codes = _EDGE_AWARE if sensor.edge_aware else _PATTERNS
    return np.asarray(cv2.cvtColor(raw, codes[sensor.pattern]) / 65535, np.float32)
