"""Lines on two logarithmic axes, as an SVG, with nothing but text."""

import html
import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, LEGEND = 800, 420, 70, 20, 50, 290
COLOURS = ("#0b6e99", "#0b6e99", "#c4552d", "#c4552d", "#7a7a7a", "#7a7a7a", "#3f8f4f", "#3f8f4f")


def line_plot(lines: Mapping[str, Sequence[tuple[float, float]]], across: str, up: str) -> str:
    """Draw named lines of (x, y), all above 0; every second one of a colour is dashed."""
    points = [point for line in lines.values() for point in line]
    x_low, x_high = _ends([x for x, _ in points])
    y_low, y_high = _ends([y for _, y in points])
    right, floor = WIDTH - LEGEND, HEIGHT - BOTTOM

    def at(x: float, y: float) -> tuple[float, float]:
        share_x = (math.log10(x) - x_low) / (x_high - x_low)
        share_y = (math.log10(y) - y_low) / (y_high - y_low)
        return LEFT + share_x * (right - LEFT), floor - share_y * (floor - TOP)

    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for x in _ticks(x_low, x_high):
        here, _ = at(x, 10**y_low)
        parts.append(_line(here, TOP, here, floor, "#ddd"))
        parts.append(_text(here, floor + 18, f"{x:,.0f}", "middle"))
    for y in _ticks(y_low, y_high):
        _, here = at(10**x_low, y)
        parts.append(_line(LEFT, here, right, here, "#ddd"))
        parts.append(_text(LEFT - 8, here + 4, f"{y:g}", "end"))
    parts.append(_text((LEFT + right) / 2, HEIGHT - 10, across, "middle"))
    parts.append(
        f'<text transform="translate(16 {(TOP + floor) / 2}) rotate(-90)" '
        f'text-anchor="middle">{html.escape(up)}</text>'
    )
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        dash = ' stroke-dasharray="6 4"' if number % 2 else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        )
        y = TOP + 16 + 20 * number
        parts.append(_line(right + 12, y - 4, right + 36, y - 4, colour, dash))
        parts.append(_text(right + 42, y, name, "start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">{"".join(parts)}</svg>\n'
    )


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = math.log10(min(values)), math.log10(max(values))
    return low - 0.05, max(high, low + 0.1) + 0.05


def _ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(low), math.ceil(high) + 1)
    values = [step * 10.0**each for each in decades for step in (1, 2, 5)]
    return [value for value in values if low <= math.log10(value) <= high]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, extra: str = "") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{extra}/>'
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>'
