"""Whether a person sees a pattern that was added to a picture, at 100 %, in the picture as it is.

The same pattern that shouts on a wall drowns in foliage: contrast is masked by contrast of like
frequency in the same place. So the pattern is judged band by band and place by place against what
else the picture holds there, by the usual model of masking: the threshold stays flat up to a
mask as strong as the threshold itself and then rises with its 0.7th power.

Visible, 1 or more, means: in at least a quarter of the picture the pattern's local standard
deviations in bands an octave wide, each over its threshold, have a root of summed squares of 1 or
more. Without a mask the threshold is `FLOOR_LEVELS` grey levels behind a blur of `EYE_SIGMA_PX`
for the eye (1.5 and 3 times that in the red and blue differences, of which the eye sees no finest
band), two to three times what a trained observer just detects: seen without being told where to
look.

References:
    Legge and Foley, "Contrast masking in human vision", JOSA 70 (1980),
    DOI 10.1364/JOSA.70.001458 (the power law of masking); Watson, "DCTune", SID Digest 24 (1993),
    and Daly, "The visible differences predictor", in Digital Images and Human Vision (1993)
    (masking by band and place, exponent 0.7).
"""

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.records import Pixels

FLOOR_LEVELS = 1.6
EYE_SIGMA_PX = 0.8
MASKING_EXPONENT = 0.7
# Of the picture, the share that shows the pattern at least as clearly as is told.
AREA_SHARE = 0.25
# An octave each, from the finest; the last holds periods of 32 to 64 pixels.
BANDS = 5
# A place is some periods wide, in pixels of the band's own level.
PLACE_PX = 13
# The threshold of each channel in those of luma: luma, red difference, blue difference.
CHANNEL_THRESHOLDS = (1.0, 1.5, 3.0)

Floats = npt.NDArray[np.float32]


def visibility(seen: Pixels, made: Pixels, plain: Pixels) -> float:
    """How clearly a pattern is seen: 1 is the floor, higher is clearer.

    Args:
        seen: the picture as it is looked at, after sharpening and compression, RGB.
        made: the picture with the pattern before these; at least as large.
        plain: the same without the pattern.

    Returns:
        0 or more, in units of the masked threshold; see above.
    """
    height, width = seen.shape[:2]
    whole = seen.astype(np.float32)
    without = plain[:height, :width].astype(np.float32)
    pattern = _channels(made[:height, :width] - without)
    change = _channels(whole - without)
    parts = zip(CHANNEL_THRESHOLDS, pattern, change, _channels(whole), strict=True)
    return max(_in_channel(FLOOR_LEVELS * threshold, *rest) for threshold, *rest in parts)


def _in_channel(floor: float, pattern: Floats, change: Floats, whole: Floats) -> float:
    total = np.zeros(pattern.shape, np.float32)
    for added, changed, all_of_it in zip(
        _bands(pattern), _bands(change), _bands(whole), strict=True
    ):
        energy = float((added * added).sum())
        if not energy:
            continue
        # Artefacts of compression are a change too, but not in step with the pattern.
        left = max(float((added * changed).sum()) / energy, 0.0)
        strength, mask = _local_spread(left * added), _local_spread(all_of_it - left * added)
        clear = strength / (floor * np.maximum(1, (mask / floor) ** MASKING_EXPONENT))
        total += cv2.resize(clear * clear, pattern.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return float(np.sqrt(np.quantile(total, 1 - AREA_SHARE)))


def _local_spread(band: Floats) -> Floats:
    """Local standard deviation; bands have no mean."""
    squares = cv2.blur(band * band, (PLACE_PX, PLACE_PX))
    # The sliding sum leaves a little less than nothing where there is nothing.
    return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)


def _channels(pixels: Floats) -> tuple[Floats, ...]:
    soft = np.asarray(cv2.GaussianBlur(pixels, (0, 0), EYE_SIGMA_PX), np.float32)
    luma = np.asarray(cv2.cvtColor(soft, cv2.COLOR_RGB2GRAY), np.float32)
    colours = (soft[..., 0] - luma, soft[..., 2] - luma)
    return luma, *(np.asarray(cv2.pyrDown(each), np.float32) for each in colours)


def _bands(channel: Floats) -> list[Floats]:
    """Differences between neighbouring levels of a Gaussian pyramid, from the finest."""
    bands = []
    for _ in range(BANDS):
        coarser = cv2.pyrDown(channel)
        grown = cv2.pyrUp(coarser, dstsize=(channel.shape[1], channel.shape[0]))
        bands.append(np.asarray(channel - grown, np.float32))
        channel = np.asarray(coarser, np.float32)
    return bands
