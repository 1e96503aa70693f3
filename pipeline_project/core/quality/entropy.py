"""How many different grey levels an image uses."""

import numpy as np

from pipeline_project.core.quality.picture import Picture


def entropy(picture: Picture) -> float:
    """Return the Shannon entropy of the grey levels, 0 (constant) to 8 bits: higher is richer.

    Of evenly spread rows where there are over 200,000 pixels.

    Args:
        picture: any size; its native gray pixels count.

    Returns:
        Bits per pixel. Photographs have 6 to 8, drawings and blank pages under 4.

    Notes:
        Says nothing of where the levels lie: noise has as much as a scene.

    References:
        Shannon, "A mathematical theory of communication", Bell System Technical Journal 27
        (1948), DOI 10.1002/j.1538-7305.1948.tb01338.x.
    """
    shares = picture.histogram
    there = shares[shares > 0]
    return max(float(-(there @ np.log2(there))), 0.0)
