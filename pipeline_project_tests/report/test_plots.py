"""The figures: every value is drawn once, and odd values break nothing."""

import dataclasses

import numpy as np
import pytest

from pipeline_project.report import plots
from pipeline_project.report.data import Histogram
from pipeline_project_tests.report.example import embedding_map


def bars(plot):
    return [renderer for renderer in plot.renderers if "count" in renderer.data_source.data]


def test_a_histogram_counts_every_value_once():
    random = np.random.default_rng(1)
    values = {"picked": random.normal(size=31), "candidate": random.normal(size=500)}
    plot = plots.histogram_figure(Histogram("sobel_variance", "", "sharper", values))
    assert [int(sum(bar.data_source.data["count"])) for bar in bars(plot)] == [31, 500]


def test_stacked_bars_start_where_those_below_end():
    values = {"picked": np.array([1.0, 1.0]), "excluded": np.array([1.0, 2.0])}
    first, second = bars(plots.histogram_figure(Histogram("m", "", "", values)))
    assert list(first.data_source.data["top"]) == [2]
    assert list(second.data_source.data["bottom"]) == [2, 0]


@pytest.mark.parametrize("log_scale", [False, True])
def test_equal_values_make_one_bar(log_scale):
    plot = plots.histogram_figure(Histogram("m", "", "", {"picked": np.full(5, 3.0)}, log_scale))
    (bar,) = bars(plot)
    assert list(bar.data_source.data["count"]) == [5]


def test_values_that_cannot_be_drawn_are_counted():
    values = {"candidate": np.array([np.nan, np.inf, 0.0, -1.0, 5.0])}
    assert plots.left_over(Histogram("m", "", "", values)) == 2
    assert plots.left_over(Histogram("m", "", "", values, log_scale=True)) == 4


def test_a_histogram_without_values_is_not_drawn():
    empty = Histogram("m", "", "", {"candidate": np.array([np.nan])})
    assert not plots.drawable(empty)
    assert plots.plot_items(None, [empty]) == []


def test_the_map_holds_every_frame_with_picks_in_front():
    plot = plots.map_figure(embedding_map(300, 20))
    drawn = [r for r in plot.renderers if r.name != "pictures"]
    sizes = {r.name: len(r.data_source.data["x"]) for r in drawn}
    assert sum(sizes.values()) == 300
    assert list(sizes)[-1] == "picked"
    assert sizes["picked"] == 20


def test_an_unknown_outcome_is_refused():
    drawn = embedding_map(20, 2)
    odd = dataclasses.replace(drawn, outcome=["lost", *drawn.outcome[1:]])
    with pytest.raises(ValueError, match="lost"):
        plots.map_figure(odd)
