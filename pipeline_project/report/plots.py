"""The page's figures: the embedding map and one histogram per measure.

Colours are not decided here. A model carries tags such as `fill_color=--outcome-picked`, and the
page's script sets that property from the style sheet's custom property, again whenever the reader
changes between light and dark.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.core.types import ID
from bokeh.embed import json_item
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    HoverTool,
    InlineStyleSheet,
    PanTool,
    Range1d,
    ResetTool,
    WheelZoomTool,
)
from bokeh.models.annotations import Span
from bokeh.models.renderers import DataRenderer
from bokeh.plotting import figure

from pipeline_project.report import formats
from pipeline_project.report.data import OUTCOMES, EmbeddingMap, Histogram

MAP_HEIGHT_PX = 560
HISTOGRAM_HEIGHT_PX = 190
_BINS = 36
_FONT_SIZE = "12px"

# Drawn from the back to the front; shape and size differ too, so colour is never the only sign.
_MARKS: dict[str, dict[str, Any]] = {
    "candidate": {"marker": "circle", "size": 7, "line_color": None, "fill_alpha": 0.75},
    "duplicate": {"marker": "square", "size": 6, "fill_alpha": 0.0, "line_width": 1.3},
    "excluded": {"marker": "x", "size": 8, "line_width": 1.6},
    "pool": {"marker": "diamond", "size": 10, "line_color": None, "fill_alpha": 0.8},
    "picked": {"marker": "circle", "size": 15, "fill_alpha": 0.28, "line_width": 2.6},
}

# `@name` and its kind are escaped by Bokeh; thumbnails are base64 and hold nothing to escape.
_MAP_TOOLTIP = """
<div style="width:200px;font:12px/1.4 var(--font);color:var(--ink)">
  <img src="@thumbnail" alt="" style="display:block;width:200px;max-height:200px;
    object-fit:contain;border-radius:4px;background:var(--well)">
  <div style="margin-top:6px;font-weight:600;overflow-wrap:anywhere">@name</div>
  <div style="color:var(--ink-2)">@outcome <span style="float:right">@time</span></div>
</div>
"""
_BAR_TOOLTIP = """
<div style="font:12px/1.4 var(--font);color:var(--ink)">
  <b>@count frames</b> @outcome<br><span style="color:var(--ink-2)">@interval</span>
</div>
"""
# Bokeh draws tooltips and the toolbar in a shadow root, which only its own style sheets reach.
_SURFACE = """
:host {
  --background-color: var(--surface); --color: var(--ink); --divider-color: var(--line);
  --icon-color: var(--ink-2); --tooltip-color: var(--surface); --tooltip-text: var(--ink);
  --tooltip-border: var(--line);
}
.bk-Tooltip { border-radius: 8px; padding: 8px; opacity: 1; box-shadow: var(--shadow); }
"""


def plot_items(
    embedding_map: EmbeddingMap | None, histograms: list[Histogram]
) -> list[Mapping[str, Any]]:
    """Return every figure of the page as a Bokeh item for the element it is to fill.

    Elements are named `plot-map` and `plot-histogram-0`, `plot-histogram-1`, ...
    """
    items: list[Mapping[str, Any]] = []
    if embedding_map is not None and len(embedding_map.x):
        items.append(json_item(map_figure(embedding_map), ID("plot-map")))
    for index, histogram in enumerate(histograms):
        if drawable(histogram):
            items.append(json_item(histogram_figure(histogram), ID(f"plot-histogram-{index}")))
    return items


def map_figure(embedding_map: EmbeddingMap) -> figure:
    """Draw frames on the plane, picks in front; hovering shows the frame, its name and time.

    Raises:
        ValueError: for an outcome that is not one of `OUTCOMES`.
    """
    unknown = sorted(set(embedding_map.outcome) - set(OUTCOMES))
    if unknown:
        raise ValueError(f"drew the embedding map, saw outcomes {unknown}; known are {[*OUTCOMES]}")
    plot = _figure(MAP_HEIGHT_PX, match_aspect=True)
    renderers: list[DataRenderer] = []
    outcomes = np.asarray(embedding_map.outcome, dtype=object)
    for outcome, mark in _MARKS.items():
        index = np.flatnonzero(outcomes == outcome)
        if not len(index):
            continue
        source = ColumnDataSource(
            {
                "x": np.asarray(embedding_map.x, dtype=np.float32)[index],
                "y": np.asarray(embedding_map.y, dtype=np.float32)[index],
                "name": [formats.shown(embedding_map.name[i]) for i in index],
                "time": [formats.clock(float(embedding_map.timestamp_s[i])) for i in index],
                "thumbnail": [formats.picture(embedding_map.thumbnail_jpeg[i]) for i in index],
                "outcome": [OUTCOMES[outcome]] * len(index),
            }
        )
        renderer = plot.scatter("x", "y", source=source, name=outcome, **mark)
        colour = f"--outcome-{outcome}"
        filled, lined = mark.get("fill_alpha", 1.0) > 0, mark.get("line_color", "") is not None
        _follow(
            renderer.glyph,
            **({"fill_color": colour, "hatch_color": colour} if filled else {}),
            **({"line_color": colour} if lined else {}),
        )
        renderers.append(renderer)
    plot.axis.visible = False
    hover = HoverTool(renderers=renderers[::-1], tooltips=_MAP_TOOLTIP, limit=1)
    # Neither dragging nor scrolling is on at first: on a phone the page must scroll past the map.
    # The page's script turns panning on for readers with a mouse.
    plot.add_tools(hover, PanTool(), WheelZoomTool(), BoxZoomTool(match_aspect=True), ResetTool())
    plot.toolbar.active_drag = None
    plot.toolbar.active_scroll = None
    plot.toolbar_location = "right"
    return plot


def histogram_figure(histogram: Histogram) -> figure:
    """Draw one measure's values, outcomes stacked, each pick also as a mark below the bars."""
    values = {name: _plottable(histogram, name) for name in OUTCOMES if name in histogram.values}
    edges = _bin_edges(np.concatenate(list(values.values())), histogram.log_scale)
    plot = _figure(HISTOGRAM_HEIGHT_PX, x_axis_type="log" if histogram.log_scale else "linear")
    bottom = np.zeros(len(edges) - 1)
    intervals = [
        f"{formats.number(float(low))} to {formats.number(float(high))} {histogram.unit}".strip()
        for low, high in zip(edges[:-1], edges[1:], strict=True)
    ]
    bars: list[DataRenderer] = []
    for outcome, numbers in values.items():
        counts, _ = np.histogram(numbers, edges)
        used = np.flatnonzero(counts)
        source = ColumnDataSource(
            {
                "left": edges[:-1][used],
                "right": edges[1:][used],
                "bottom": bottom[used],
                "top": (bottom + counts)[used],
                "count": counts[used],
                "outcome": [OUTCOMES[outcome].lower()] * len(used),
                "interval": [intervals[i] for i in used],
            }
        )
        bar = plot.quad("left", "right", "top", "bottom", source=source, line_width=0.5)
        _follow(bar.glyph, fill_color=f"--outcome-{outcome}", line_color="--surface")
        bars.append(bar)
        bottom = bottom + counts
    highest = max(float(bottom.max()), 1.0)
    # Picks are few among many: a mark each below the bars keeps them visible.
    picked = values.get("picked", np.empty(0))
    marks = plot.scatter(picked, np.full(len(picked), -0.07 * highest), marker="triangle", size=7)
    _follow(marks.glyph, fill_color="--outcome-picked", line_color="--surface")
    plot.y_range = Range1d(start=-0.14 * highest, end=1.06 * highest)
    if histogram.threshold is not None and math.isfinite(histogram.threshold):
        line = Span(location=histogram.threshold, dimension="height", line_dash="dashed")
        _follow(line, line_color="--ink-2")
        plot.add_layout(line)
    plot.add_tools(HoverTool(renderers=bars, tooltips=_BAR_TOOLTIP, limit=1))
    plot.xgrid.visible = False
    plot.toolbar_location = None
    return plot


def drawable(histogram: Histogram) -> bool:
    """Tell whether a histogram has a value to draw."""
    return any(len(_plottable(histogram, name)) for name in OUTCOMES if name in histogram.values)


def left_over(histogram: Histogram) -> int:
    """Count the values that cannot be drawn: not finite, or 0 and less on a log scale."""
    known = [name for name in OUTCOMES if name in histogram.values]
    return sum(len(histogram.values[name]) - len(_plottable(histogram, name)) for name in known)


def _plottable(histogram: Histogram, outcome: str) -> npt.NDArray[np.float64]:
    values = np.asarray(histogram.values[outcome], dtype=np.float64).ravel()
    keep = np.isfinite(values)
    if histogram.log_scale:
        keep &= values > 0
    return values[keep]


def _bin_edges(values: npt.NDArray[np.float64], log_scale: bool) -> npt.NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    if log_scale:
        if low == high:
            low, high = low / 2, high * 2
        edges = np.geomspace(low, high, _BINS + 1)
    else:
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges = np.linspace(low, high, _BINS + 1)
    # Rounding must not put the extreme values outside the outermost bins.
    edges[0], edges[-1] = low, high
    return edges


def _figure(height_px: int, **options: Any) -> figure:
    plot = figure(
        height=height_px,
        sizing_mode="stretch_width",
        tools="",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        output_backend="canvas",
        stylesheets=[InlineStyleSheet(css=_SURFACE)],
        **options,
    )
    plot.toolbar.logo = None
    plot.min_border = 4
    plot.axis.axis_line_color = None
    plot.axis.minor_tick_line_color = None
    plot.axis.major_tick_line_color = None
    plot.axis.major_label_text_font_size = _FONT_SIZE
    for axis in plot.axis:
        _follow(axis, major_label_text_color="--ink-2")
    for grid in plot.grid:
        _follow(grid, grid_line_color="--line")
    return plot


def _follow(model: Any, **properties: str) -> None:
    """Tag a model so that the page's script colours it from the style sheet."""
    colours: Mapping[str, str] = properties
    model.tags = [*model.tags, *(f"{name}={variable}" for name, variable in colours.items())]
