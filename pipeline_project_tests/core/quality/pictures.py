"""Small pictures that tests measure: made here, so that no photograph is needed."""

import cv2
import numpy as np

from pipeline_project.core.records import Pixels


def textured(height: int = 120, width: int = 160, seed: int = 1) -> Pixels:
    """Coloured noise at several scales: something to blur."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for sigma in (0.8, 3, 9):
        layer = cv2.GaussianBlur(rng.standard_normal((height, width, 3)), (0, 0), sigma)
        total += (layer / layer.std()).astype(np.float32)
    return np.clip(128 + 30 * total, 0, 255).astype(np.uint8)


def blurred(pixels: Pixels, sigma_px: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma_px), np.uint8)
