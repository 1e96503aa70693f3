"""The page's figures: the embedding map and one histogram per measure.

Colours are not decided here. A model carries tags such as `fill_color=--outcome-picked`, and the
page's script sets that property from the style sheet's custom property, again whenever the reader
changes between light and dark.
"""

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from bokeh.core.types import ID
from bokeh.embed import json_item
from bokeh.models import (
    ColumnDataSource,
    DataRange1d,
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
# How wide the map is on a wide screen, and the room a pick's thumbnail gets on it.
_MAP_WIDTH_PX = 1180
_PICTURE_PX = (66, 46)
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
# Bokeh draws the toolbar in a shadow root, which only its own style sheets reach.
_TOOLBAR_STYLE = ":host { --icon-color: var(--ink-2); } .bk-divider { display: none; }"


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
    plot = _figure(
        MAP_HEIGHT_PX,
        x_range=DataRange1d(range_padding=0.1),
        y_range=DataRange1d(range_padding=0.15),
    )
    renderers: list[DataRenderer] = []
    outcomes = np.asarray(embedding_map.outcome, dtype=object)
    for outcome, mark in _MARKS.items():
        index = np.flatnonzero(outcomes == outcome)
        if not len(index):
            continue
        source = ColumnDataSource(_columns(embedding_map, index, outcome))
        renderer = plot.scatter("x", "y", source=source, name=outcome, **mark)
        colour = f"--outcome-{outcome}"
        filled, lined = mark.get("fill_alpha", 1.0) > 0, mark.get("line_color", "") is not None
        _follow(
            renderer.glyph,
            **({"fill_color": colour, "hatch_color": colour} if filled else {}),
            **({"line_color": colour} if lined else {}),
        )
        renderers.append(renderer)
    renderers.extend(_draw_pictures(plot, embedding_map))
    plot.axis.visible = False
    plot.grid.visible = False
    hover = HoverTool(
        renderers=renderers[::-1], tooltips=_MAP_TOOLTIP, limit=1, visible=False, show_arrow=False
    )
    # Neither dragging nor scrolling is on at first: on a phone the page must scroll past the map.
    # The page's script turns panning on for readers with a mouse.
    plot.add_tools(hover, PanTool(), WheelZoomTool(), ResetTool())
    plot.toolbar.active_drag = None
    plot.toolbar.active_scroll = None
    plot.toolbar.group = False
    plot.toolbar_location = "right"
    return plot


def _draw_pictures(plot: figure, embedding_map: EmbeddingMap) -> list[DataRenderer]:
    """Lay the thumbnails of picks on the map, as many as fit without covering each other."""
    x, y = np.asarray(embedding_map.x, np.float64), np.asarray(embedding_map.y, np.float64)
    picked = [
        index
        for index, outcome in enumerate(embedding_map.outcome)
        if outcome == "picked" and np.isfinite(x[index]) and np.isfinite(y[index])
    ]
    # Where they would lie on a map as wide as the page; a narrow one hides them.
    across_px = (x - np.nanmin(x)) / max(float(np.ptp(x)), 1e-9) * _MAP_WIDTH_PX
    down_px = (y - np.nanmin(y)) / max(float(np.ptp(y)), 1e-9) * MAP_HEIGHT_PX
    placed: list[int] = []
    sizes: list[tuple[float, float]] = []
    for index in picked:
        size = _fitted(embedding_map.thumbnail_jpeg[index])
        if size and all(
            abs(across_px[index] - across_px[other]) > _PICTURE_PX[0] + 6
            or abs(down_px[index] - down_px[other]) > _PICTURE_PX[1] + 6
            for other in placed
        ):
            placed.append(index)
            sizes.append(size)
    if not placed:
        return []
    source = ColumnDataSource(
        _columns(embedding_map, np.array(placed), "picked")
        | {
            "width": [width for width, _ in sizes],
            "height": [height for _, height in sizes],
            "outer_width": [width + 5 for width, _ in sizes],
            "outer_height": [height + 5 for _, height in sizes],
        }
    )
    frame = plot.rect(
        "x", "y", "outer_width", "outer_height",
        source=source, width_units="screen", height_units="screen", line_width=0, name="pictures",
    )  # fmt: skip
    _follow(frame.glyph, fill_color="--outcome-picked", line_color="--outcome-picked")
    plot.image_url(
        "thumbnail", "x", "y", "width", "height",
        source=source, w_units="screen", h_units="screen", anchor="center", name="pictures",
    )  # fmt: skip
    return [frame]


def _fitted(jpeg: bytes) -> tuple[float, float] | None:
    """Width and height of a thumbnail on the map, in pixels; None when it is no picture."""
    pixels = (
        cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_2)
        if jpeg
        else None
    )
    if pixels is None:
        return None
    height, width = pixels.shape
    scale = min(_PICTURE_PX[0] / width, _PICTURE_PX[1] / height)
    return width * scale, height * scale


def _columns(
    embedding_map: EmbeddingMap, index: npt.NDArray[np.intp], outcome: str
) -> dict[str, Any]:
    return {
        "x": np.asarray(embedding_map.x, dtype=np.float32)[index],
        "y": np.asarray(embedding_map.y, dtype=np.float32)[index],
        "name": [formats.shown(embedding_map.name[i]) for i in index],
        "time": [formats.clock(float(embedding_map.timestamp_s[i])) for i in index],
        "thumbnail": [formats.picture(embedding_map.thumbnail_jpeg[i]) for i in index],
        "outcome": [OUTCOMES[outcome]] * len(index),
    }


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
    plot.add_tools(HoverTool(renderers=bars, tooltips=_BAR_TOOLTIP, limit=1, show_arrow=False))
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
        **options,
    )
    plot.toolbar.logo = None
    plot.toolbar.stylesheets = [InlineStyleSheet(css=_TOOLBAR_STYLE)]
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
