"""All quality measures by name, and the one call that takes them of a frame.

To add a measure, write it in a file of its own (gray image in, one finite float out), add one
line to `MEASURES`, a column to the `scores` table, and raise `QUALITY_VERSION`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pipeline_project.core.quality.exposure import mean_luma
from pipeline_project.core.quality.fft import fft_high_frequency
from pipeline_project.core.quality.gray import Gray, to_gray
from pipeline_project.core.quality.laplacian import laplacian_variance
from pipeline_project.core.quality.sobel import sobel_variance
from pipeline_project.core.records import Pixels

# Raise it when any measure gives another number for the same pixels, or when one is added.
QUALITY_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number that says something about a frame's quality.

    Attributes:
        name: also the column of the `scores` table.
        function: takes a gray image of shape (height, width), uint8, and gives a finite float.
        unit: of the number; empty for none.
        higher_is: what a high value means, as one word; empty where neither end is better.
        description: one line for people.
    """

    name: str
    function: Callable[[Gray], float]
    unit: str
    higher_is: str
    description: str


_LEVELS2 = "grey levels²"
_ALL = (
    Measure("laplacian_variance", laplacian_variance, _LEVELS2, "sharper", "finest detail"),
    Measure("sobel_variance", sobel_variance, _LEVELS2, "sharper", "strength of edges"),
    Measure(
        "fft_high_frequency", fft_high_frequency, "10 ln", "sharper", "detail above 0.12 cycles/px"
    ),
    Measure("mean_luma", mean_luma, "grey levels", "brighter", "brightness, 0 black to 255 white"),
)

MEASURES: Mapping[str, Measure] = MappingProxyType({measure.name: measure for measure in _ALL})


def measure_frame(pixels: Pixels) -> dict[str, float]:
    """Take every measure of one frame; all values are finite.

    Args:
        pixels: shape (height, width, 3), uint8, RGB; at least one pixel.

    Returns:
        Measure name to value, in the order of `MEASURES`.

    Raises:
        ValueError: the array is empty or is not an RGB uint8 image.
    """
    gray = to_gray(pixels)
    return {name: measure.function(gray) for name, measure in MEASURES.items()}
