"""All quality measures by name, and the one call that takes them of a frame.

To add a measure, write it in a file of its own (a `Picture` in, one finite float out), add one
line to `_ALL`, a column to the `scores` table, and raise `QUALITY_VERSION`.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from pipeline_project.core.quality.chroma import cb_peak, cr_peak
from pipeline_project.core.quality.directions import (
    spectral_alignment,
    spectral_anisotropy,
    spectral_anisotropy_of,
    spectral_direction_spread,
    spectral_weakest_direction,
)
from pipeline_project.core.quality.entropy import entropy
from pipeline_project.core.quality.exposure import contrast, dark_share, light_share, mean_luma
from pipeline_project.core.quality.fft import fft_high_frequency
from pipeline_project.core.quality.gray import Gray
from pipeline_project.core.quality.laplacian import laplacian_variance
from pipeline_project.core.quality.lattice import (
    radial_residual_median,
    spectral_excess_max,
    spectral_excess_median,
    spectral_peak_broad,
    spectral_peak_half,
    spectral_peak_second,
    spectral_peak_upper,
)
from pipeline_project.core.quality.measure import Measure as Measure
from pipeline_project.core.quality.multiscale import (
    half_laplacian_variance,
    quarter_laplacian_variance,
    reference_laplacian_variance,
)
from pipeline_project.core.quality.noise import noise_sigma
from pipeline_project.core.quality.peaks import (
    spectral_peak_kurtosis,
    spectral_peak_max,
    spectral_peak_mean,
    spectral_peak_median,
)
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.radial import radial_residual, spectral_band, spectral_slope
from pipeline_project.core.quality.reblur import reblur_ratio
from pipeline_project.core.quality.sharpness import sharpness
from pipeline_project.core.quality.sobel import sobel_variance, tenengrad
from pipeline_project.core.quality.tile_bands import (
    tile_band_5_min,
    tile_band_max,
    tile_curvature,
    tile_floor,
)
from pipeline_project.core.quality.tile_laplacian import tile_laplacian_variance
from pipeline_project.core.quality.uniform_rows import uniform_row_ratio
from pipeline_project.core.records import Pixels

# Raise it when any measure gives another number for the same pixels, or when one is added.
QUALITY_VERSION = "4"

_LEVELS2, _LN = "grey levels²", "ln"
_ALL = (
    Measure(
        "laplacian_variance", laplacian_variance, _LEVELS2, "sharper", "finest detail", "pyramid"
    ),
    Measure("sobel_variance", sobel_variance, _LEVELS2, "sharper", "strength of edges", "gradient"),
    Measure(
        "fft_high_frequency",
        fft_high_frequency,
        "10 ln",
        "sharper",
        "power above 0.12 cycles/px",
        "spectra",
    ),
    Measure(
        "mean_luma",
        mean_luma,
        "grey levels",
        "brighter",
        "brightness, 0 black to 255 white",
        "pixels",
        8.0,
    ),
    Measure(
        "sharpness",
        sharpness,
        "ratio",
        "sharper",
        "finest detail over coarser, size taken out",
        "pyramid",
    ),
    Measure("tenengrad", tenengrad, _LEVELS2, "sharper", "mean squared gradient", "gradient"),
    Measure(
        "reference_laplacian_variance",
        reference_laplacian_variance,
        _LEVELS2,
        "sharper",
        "detail at 0.5 MP",
        "pyramid",
    ),
    Measure(
        "half_laplacian_variance",
        half_laplacian_variance,
        _LEVELS2,
        "sharper",
        "detail at 0.125 MP",
        "pyramid",
    ),
    Measure(
        "quarter_laplacian_variance",
        quarter_laplacian_variance,
        _LEVELS2,
        "sharper",
        "detail at 0.03 MP",
        "pyramid",
    ),
    Measure(
        "tile_laplacian_variance",
        tile_laplacian_variance,
        _LEVELS2,
        "sharper",
        "detail of the sharpest of 16 tiles",
        "pyramid",
    ),
    Measure(
        "reblur_ratio", reblur_ratio, _LN, "sharper", "detail lost by blurring again", "pyramid"
    ),
    Measure(
        "spectral_peak_median",
        spectral_peak_median,
        _LN,
        "moiré",
        "isolated peaks, in most tiles",
        "spectra",
    ),
    Measure(
        "spectral_peak_max",
        spectral_peak_max,
        _LN,
        "moiré",
        "isolated peaks, in any tile",
        "spectra",
    ),
    Measure(
        "spectral_peak_mean",
        spectral_peak_mean,
        _LN,
        "moiré",
        "isolated peaks that all tiles share",
        "spectra",
    ),
    Measure(
        "spectral_peak_kurtosis",
        spectral_peak_kurtosis,
        "ratio",
        "moiré",
        "few peaks, high over the rest",
        "spectra",
    ),
    Measure(
        "spectral_slope",
        spectral_slope,
        "ln per ln",
        "sharper",
        "fall of power with frequency",
        "spectra",
    ),
    *(
        Measure(
            f"spectral_band_{n}",
            spectral_band(n),
            _LN,
            "sharper",
            f"power of band {n} over the lowest",
            "spectra",
        )
        for n in range(2, 7)
    ),
    Measure(
        "radial_residual", radial_residual, _LN, "moiré", "highest bin over its ring", "spectra"
    ),
    Measure(
        "spectral_anisotropy",
        spectral_anisotropy,
        _LN,
        "motion",
        "one direction over that across",
        "spectra",
    ),
    *(
        Measure(
            f"spectral_anisotropy_{n}",
            spectral_anisotropy_of(n),
            _LN,
            "motion",
            f"one direction of band {n} over that across",
            "spectra",
        )
        for n in range(3, 6)
    ),
    Measure(
        "spectral_alignment",
        spectral_alignment,
        "ln²",
        "sharper",
        "fine and coarse detail share a direction",
        "spectra",
    ),
    Measure(
        "spectral_direction_spread",
        spectral_direction_spread,
        _LN,
        "motion",
        "spread of detail over directions",
        "spectra",
    ),
    Measure(
        "spectral_weakest_direction",
        spectral_weakest_direction,
        _LN,
        "sharper",
        "fine detail where it is least",
        "spectra",
    ),
    *(
        Measure(
            f"tile_band_{n}_max",
            tile_band_max(n),
            _LN,
            "sharper",
            f"power of band {n} in the richest tile",
            "spectra",
        )
        for n in range(3, 6)
    ),
    Measure(
        "tile_band_5_min",
        tile_band_5_min,
        _LN,
        "noisier",
        "band 5 over the lowest in the poorest tile",
        "spectra",
    ),
    Measure("tile_floor", tile_floor, _LN, "noisier", "fine power of the quietest tile", "spectra"),
    Measure(
        "tile_curvature", tile_curvature, _LN, "blurred", "bend of power over frequency", "spectra"
    ),
    Measure(
        "spectral_peak_upper",
        spectral_peak_upper,
        _LN,
        "moiré",
        "isolated peaks, in a third of the tiles",
        "spectra",
    ),
    Measure(
        "spectral_peak_second",
        spectral_peak_second,
        _LN,
        "moiré",
        "the second peak that all tiles share",
        "spectra",
    ),
    Measure(
        "spectral_peak_broad",
        spectral_peak_broad,
        _LN,
        "moiré",
        "peaks of a grid seen from aside",
        "spectra",
    ),
    Measure(
        "spectral_peak_half",
        spectral_peak_half,
        _LN,
        "texture",
        "peaks at half the highest one's frequency",
        "spectra",
    ),
    Measure(
        "spectral_excess_max",
        spectral_excess_max,
        _LN,
        "moiré",
        "how much stands out, in any tile",
        "spectra",
    ),
    Measure(
        "spectral_excess_median",
        spectral_excess_median,
        _LN,
        "moiré",
        "how much stands out, in most tiles",
        "spectra",
    ),
    Measure(
        "radial_residual_median",
        radial_residual_median,
        _LN,
        "moiré",
        "coarse peaks over their ring, in most tiles",
        "spectra",
    ),
    Measure("dark_share", dark_share, "share", "darker", "pixels below level 16", "histogram"),
    Measure(
        "light_share", light_share, "share", "lighter", "pixels at level 240 or above", "histogram"
    ),
    Measure("contrast", contrast, "grey levels", "stronger", "spread of grey levels", "histogram"),
    Measure("entropy", entropy, "bits", "richer", "grey levels in use", "histogram"),
    Measure("noise_sigma", noise_sigma, "grey levels", "noisier", "noise of each pixel", "pixels"),
    Measure(
        "uniform_row_ratio", uniform_row_ratio, "share", "damaged", "rows of one level", "pixels"
    ),
    Measure("cr_peak", cr_peak, _LN, "moiré", "isolated peaks in the red difference", "chroma"),
    Measure("cb_peak", cb_peak, _LN, "moiré", "isolated peaks in the blue difference", "chroma"),
)

MEASURES: Mapping[str, Measure] = MappingProxyType({measure.name: measure for measure in _ALL})

# Those that say most to people, for pages that have not room for all.
SHOWN = (
    "laplacian_variance",
    "sobel_variance",
    "fft_high_frequency",
    "mean_luma",
    "sharpness",
    "spectral_peak_median",
)


def measure_frame(pixels: Pixels, measures: Collection[str] | None = None) -> dict[str, float]:
    """Take measures of one frame; all values are finite.

    Args:
        pixels: shape (height, width, 3), uint8, RGB; at least one pixel.
        measures: names of those wanted; None for all. Only what they need is computed.

    Returns:
        Measure name to value, in the order of `MEASURES`.

    Raises:
        ValueError: the array is empty or is not an RGB uint8 image, or a name is unknown.
    """
    return measure_picture(Picture.of_rgb(pixels), measures)


def measure_gray(gray: Gray, measures: Collection[str] | None = None) -> dict[str, float]:
    """Take measures of one gray frame: as `measure_frame`, from shape (height, width), uint8.

    `measures` None stands for all that do not need colour.

    Raises:
        ValueError: the array is empty or is not a gray uint8 image, or a name is unknown or
            needs colour.
    """
    wanted = (
        [name for name in MEASURES if not MEASURES[name].colour] if measures is None else measures
    )
    coloured = [name for name in wanted if name in MEASURES and MEASURES[name].colour]
    if coloured:
        raise ValueError(
            f"Measuring a gray frame: {', '.join(coloured)} need colour. Use measure_frame."
        )
    return measure_picture(Picture.of_gray(gray), wanted)


def measure_picture(picture: Picture, measures: Collection[str] | None = None) -> dict[str, float]:
    """Take measures of a picture: as `measure_frame`; what it holds already is used again."""
    unknown = [name for name in measures or () if name not in MEASURES]
    if unknown:
        raise ValueError(
            f"Measuring a frame: there is no measure {', '.join(unknown)}. "
            f"There are {', '.join(MEASURES)}."
        )
    wanted = MEASURES.keys() if measures is None else set(measures)
    return {name: measure.function(picture) for name, measure in MEASURES.items() if name in wanted}
