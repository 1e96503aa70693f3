"""One picture per explained image: where its detail lies, what decided, which measures spoke."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline_project.cli.drawing import (
    BOLD,
    FAINT,
    INK,
    LINE,
    Colour,
    Drawing,
    Sheet,
    coloured,
    fit,
    resized,
    size_in,
)
from pipeline_project.core.quality.evidence import ISOLATED, Evidence, evidence, laplacian_map
from pipeline_project.core.quality.explain import Explanation
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.registry import MEASURES
from pipeline_project.core.quality.spectra import TILE_PX
from pipeline_project.core.records import LABELS, Pixels

WORDS = {"sharp": "sharp", "blur": "blurred", "moire": "moiré"}
_COLOURS: Mapping[str, Colour] = {
    "sharp": (28, 122, 76),
    "blur": (186, 110, 10),
    "moire": (154, 38, 150),
}
_MARK: Colour = (64, 224, 255)
_WIDTH, _HEIGHT, _MARGIN = 1640, 1080, 40
_WIDE, _SQUARE = 560, 384
_UPPER, _LOWER = 186, 636
_TILE_X = _MARGIN + _WIDE + 36
_BARS_X = _TILE_X + _SQUARE + 44
_LEAST_FRAME = 18
# Fixed ends, so that two pictures can be held side by side.
_MOST_DETAIL = 150.0
_MOST_POWER = 14.0
_SHOWN, _STEP = 12, 63
# Native pixels to one cell of the map of detail: each alone would only show grain.
_CELL_PX = 4


@dataclass(frozen=True, slots=True)
class Explained:
    """An image and what was found of it.

    Attributes:
        name: as it is to be shown.
        picture: as it was measured, with its colours.
        probabilities: of each label.
        explanation: of the most probable one.
    """

    name: str
    picture: Picture
    probabilities: Mapping[str, float]
    explanation: Explanation

    @property
    def pixels(self) -> Pixels:
        """Shape (height, width, 3), uint8, RGB; gray where the picture has no colours."""
        if self.picture.rgb is not None:
            return self.picture.rgb
        return np.repeat(self.picture.gray[:, :, np.newaxis], 3, axis=2)


def draw(found: Explained) -> bytes:
    """Draw the sheet of one image, as PNG."""
    drawing = Drawing(_WIDTH, _HEIGHT)
    seen = evidence(found.picture, found.explanation.label)
    _heading(drawing, found)
    _image(drawing, found, seen)
    _detail(drawing, found, seen)
    _tile(drawing, found, seen)
    _spectrum(drawing, seen)
    _contributions(drawing, found.explanation)
    return drawing.png()


def _heading(drawing: Drawing, found: Explained) -> None:
    label = found.explanation.label
    end = drawing.text(WORDS[label], _MARGIN, 84, 52, _COLOURS[label], weight=BOLD)
    drawing.text(f"{found.probabilities[label]:.3f}", end + 18, 84, 52, _COLOURS[label])
    height, width = found.pixels.shape[:2]
    facts = f"{width} × {height} px, {width * height / 1e6:.2g} MP"
    name = drawing.fitted(found.name, _BARS_X - _MARGIN - 60 - drawing.width(facts, 17), 17)
    drawing.text(f"{name}   {facts}", _MARGIN, 120, 17, FAINT)
    room = _WIDTH - _MARGIN - _BARS_X
    for row, name in enumerate(LABELS):
        y = 40 + 30 * row
        drawing.text(WORDS[name], _BARS_X, y + 15, 17)
        share = found.probabilities[name]
        drawing.bar(_BARS_X + 92, y, room - 160, 18, LINE)
        drawing.bar(_BARS_X + 92, y, round((room - 160) * share), 18, _COLOURS[name])
        drawing.text(f"{share:.3f}", _WIDTH - _MARGIN, y + 15, 17, right=True)


def _image(drawing: Drawing, found: Explained, seen: Evidence) -> None:
    _caption(drawing, _MARGIN, _UPPER, "The image", f"framed: the tile with {seen.because}")
    shown = fit(found.pixels, _WIDE, _SQUARE)
    drawing.put(shown, _MARGIN, _UPPER)
    _frame(drawing, shown, found.picture.gray.shape, seen, _UPPER)


def _detail(drawing: Drawing, found: Explained, seen: Evidence) -> None:
    shape = found.picture.gray.shape
    wide, tall = size_in(shape, _WIDE, _SQUARE)
    across, down = max(1, min(wide, shape[1] // _CELL_PX)), max(1, min(tall, shape[0] // _CELL_PX))
    detail = laplacian_map(found.picture.gray, across, down)
    levels = coloured(np.log1p(detail), 0.0, float(np.log1p(_MOST_DETAIL)))
    shown = resized(levels, wide, tall)
    mean = float(detail.mean())
    _caption(drawing, _MARGIN, _LOWER, "Laplacian", f"mean magnitude {mean:.2g} grey levels")
    drawing.put(shown, _MARGIN, _LOWER)
    _frame(drawing, shown, shape, seen, _LOWER)
    places = [(level, float(np.log1p(level) / np.log1p(_MOST_DETAIL))) for level in (0, 3, 20, 150)]
    _scale(drawing, _MARGIN, places, "grey levels")


def _tile(drawing: Drawing, found: Explained, seen: Evidence) -> None:
    tile = found.pixels[seen.place]
    rows, columns = tile.shape[:2]
    times = _SQUARE // max(rows, columns)
    shown = np.repeat(np.repeat(tile, times, axis=0), times, axis=1)
    about = f"{columns} × {rows} native pixels, {times} times enlarged"
    _caption(drawing, _TILE_X, _UPPER, "The tile", about)
    drawing.put(shown, _TILE_X, _UPPER)


def _spectrum(drawing: Drawing, seen: Evidence) -> None:
    times = _SQUARE // TILE_PX
    levels = coloured(seen.spectrum, 0.0, _MOST_POWER)
    shown = np.repeat(np.repeat(levels, times, axis=0), times, axis=1)
    drawing.put(shown, _TILE_X, _LOWER)
    for rank, peak in reversed(list(enumerate(seen.peaks))):
        for sign in (1, -1):
            x = (0.5 + sign * peak.across_cycles_per_px) * TILE_PX + 0.5
            y = (0.5 + sign * peak.down_cycles_per_px) * TILE_PX + 0.5
            chief = rank == 0 and peak.height >= ISOLATED
            radius, colour = (15, _MARK) if chief else (11, (235, 235, 235))
            drawing.ring(_TILE_X + times * x, _LOWER + times * y, radius, colour, 2)
    if seen.peaks:
        first = seen.peaks[0]
        about = f"highest peak {first.height:.1f} ln, "
        about += f"every {first.period_px:.1f} px" if first.height >= ISOLATED else "not isolated"
    else:
        about = "no peaks"
    _caption(drawing, _TILE_X, _LOWER, "Its spectrum", about)
    places = [(level, level / _MOST_POWER) for level in (0, 5, 10, 14)]
    _scale(drawing, _TILE_X, places, "ln power; edges at 0.5 cycles/px")


def _contributions(drawing: Drawing, why: Explanation) -> None:
    right = _WIDTH - _MARGIN
    about = f"log-odds {why.log_odds:+.1f}: {WORDS[why.label]} against {WORDS[why.against]}"
    _caption(drawing, _BARS_X, _UPPER, "Who spoke", about)
    loudest = sorted(why.contributions, key=lambda each: -abs(each.log_odds))[:_SHOWN]
    shown = [each for each in why.contributions if each in loudest]
    middle, reach = _BARS_X + 262, 200
    largest = max([abs(each.log_odds) for each in shown] + [0.1])
    y = _UPPER + 2
    for each in shown:
        measure = MEASURES[each.measure]
        drawing.text(each.measure, _BARS_X, y + 15, 17)
        drawing.text(with_unit(each.measure, each.value), right, y + 15, 17, right=True)
        about = f"{measure.description}; usual {in_words(each.usual)}"
        drawing.text(about, _BARS_X, y + 34, 14, FAINT)
        length = max(1, round(reach * abs(each.log_odds) / largest))
        favours = each.log_odds > 0
        start = middle if favours else middle - length
        colour = _COLOURS[why.label if favours else why.against]
        drawing.bar(start, y + 41, length, 8, colour)
        drawing.bar(middle, y + 38, 1, 14, INK)
        end = middle + length + 8 if favours else middle - length - 8
        drawing.text(f"{each.log_odds:+.1f}", end, y + 50, 14, colour, right=not favours)
        y += _STEP
    rest = why.log_odds - why.start - sum(each.log_odds for each in shown)
    others = len(why.contributions) - len(shown)
    drawing.bar(_BARS_X, y + 6, right - _BARS_X, 1, LINE)
    more = f"; {others} more measures {rest:+.1f}" if others else ""
    drawing.text(f"Before any measure {why.start:+.1f}{more}", _BARS_X, y + 32, 15, FAINT)
    kinds = ", ".join(f"{kind} {odds:+.1f}" for kind, odds in why.together().items())
    drawing.text(f"All together: {kinds}", _BARS_X, y + 56, 15, FAINT)


def _caption(drawing: Drawing, x: int, y: int, title: str, about: str) -> None:
    end = drawing.text(title, x, y - 13, 20, weight=BOLD)
    drawing.text(about, end + 14, y - 13, 15, FAINT)


def _frame(
    drawing: Drawing, shown: Sheet, shape: tuple[int, ...], seen: Evidence, top: int
) -> None:
    """Outline the tile in the image or its map."""
    down, across = shown.shape[0] / shape[0], shown.shape[1] / shape[1]
    rows, columns = seen.place
    height = max(_LEAST_FRAME, round((min(rows.stop, shape[0]) - rows.start) * down))
    width = max(_LEAST_FRAME, round((min(columns.stop, shape[1]) - columns.start) * across))
    x = min(_MARGIN + round(columns.start * across), _MARGIN + shown.shape[1] - width)
    y = min(top + round(rows.start * down), top + shown.shape[0] - height)
    drawing.box(x, y, width, height, (0, 0, 0), 4)
    drawing.box(x + 1, y + 1, width - 2, height - 2, _MARK, 2)


def _scale(drawing: Drawing, x: int, places: Sequence[tuple[float, float]], unit: str) -> None:
    """Draw the key to the colours below a picture of the lower row."""
    y, long = _LOWER + _SQUARE + 12, 170
    ramp = np.linspace(0, 1, long, dtype=np.float32)[None].repeat(10, axis=0)
    drawing.put(coloured(ramp, 0.0, 1.0), x, y)
    for level, share in places:
        words = f"{level:g}"
        at = x + round(share * (long - 1)) - drawing.width(words, 13) // 2
        drawing.text(words, max(x, at), y + 26, 13, FAINT)
    drawing.text(unit, x + long + 10, y + 10, 13, FAINT)


def in_words(value: float) -> str:
    """Write a measured value as people read it."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def with_unit(measure: str, value: float) -> str:
    """Write a measured value with its unit."""
    unit = MEASURES[measure].unit
    return f"{in_words(value)} ({unit})" if unit[0].isdigit() else f"{in_words(value)} {unit}"
