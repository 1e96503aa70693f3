"""A sheet to draw on: text, boxes, bars and pictures, by OpenCV alone."""

import cv2
import numpy as np
import numpy.typing as npt

Sheet = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

PAPER: Colour = (252, 251, 249)
INK: Colour = (33, 37, 45)
FAINT: Colour = (118, 124, 135)
LINE: Colour = (222, 221, 217)
REGULAR, BOLD = 400, 650


class Drawing:
    """An RGB sheet of one size. Places are in pixels from its top left corner."""

    def __init__(self, width: int, height: int) -> None:
        """Start with blank paper."""
        self.sheet: Sheet = np.full((height, width, 3), PAPER, np.uint8)
        # One for each sheet: threads draw at once, and a font holds what it drew before.
        self._font = cv2.FontFace("sans")

    def text(
        self,
        words: str,
        x: int,
        y: int,
        size: int,
        colour: Colour = INK,
        *,
        weight: int = REGULAR,
        right: bool = False,
    ) -> int:
        """Write one line with its baseline at y, from x or up to it; give where it ends."""
        if right:
            x -= self.width(words, size, weight)
        (end, _), _ = cv2.putText(
            self.sheet, words, (x, y), colour, self._font, size, weight, wrap=(0, 1 << 20)
        )
        return int(end)

    def width(self, words: str, size: int, weight: int = REGULAR) -> int:
        """How many pixels a line takes."""
        found = cv2.getTextSize((1 << 20, 1 << 10), words, (0, 100), self._font, size, weight)
        return int(found[0] + found[2])

    def fitted(self, words: str, room: int, size: int, weight: int = REGULAR) -> str:
        """Cut the middle out of a line that is too long."""
        keep = len(words)
        short = words
        while keep > 2 and self.width(short, size, weight) > room:
            keep -= 1
            short = f"{words[: keep // 2]}…{words[len(words) - (keep - keep // 2) :]}"
        return short

    def put(self, pixels: Sheet, x: int, y: int) -> None:
        """Lay a picture down with its top left corner here, and a thin line around it."""
        height, width = pixels.shape[:2]
        self.sheet[y : y + height, x : x + width] = pixels
        self.box(x - 1, y - 1, width + 2, height + 2, LINE)

    def box(
        self, x: int, y: int, width: int, height: int, colour: Colour, thickness: int = 1
    ) -> None:
        """Outline a rectangle; the line lies inside it."""
        for step in range(thickness):
            cv2.rectangle(
                self.sheet,
                (x + step, y + step),
                (x + width - 1 - step, y + height - 1 - step),
                colour,
            )

    def bar(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """Fill a rectangle, with nothing left of it if it has no width."""
        if width > 0:
            cv2.rectangle(self.sheet, (x, y), (x + width - 1, y + height - 1), colour, cv2.FILLED)

    def ring(self, x: float, y: float, radius: int, colour: Colour, thickness: int) -> None:
        """Draw a smooth circle, over a dark one that keeps it legible on any ground."""
        # The last four bits are fractions of a pixel.
        centre, far = (round(16 * x), round(16 * y)), 16 * radius
        for shade, line in (((0, 0, 0), thickness + 2), (colour, thickness)):
            cv2.circle(self.sheet, centre, far, shade, line, cv2.LINE_AA, 4)

    def png(self) -> bytes:
        """Encode the sheet."""
        _, coded = cv2.imencode(".png", cv2.cvtColor(self.sheet, cv2.COLOR_RGB2BGR))
        return coded.tobytes()


def coloured(values: npt.NDArray[np.float32], low: float, high: float) -> Sheet:
    """Show numbers as colours from black over red to yellow; beyond low and high as those."""
    levels = np.clip((values - low) / (high - low), 0, 1) * 255
    bgr = cv2.applyColorMap(levels.astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def fit(pixels: Sheet, width: int, height: int) -> Sheet:
    """Scale a picture to fill a box, proportions kept."""
    return resized(pixels, *size_in(pixels.shape, width, height))


def size_in(shape: tuple[int, ...], width: int, height: int) -> tuple[int, int]:
    """Give the width and height at which a picture of this shape fills a box."""
    scale = min(width / shape[1], height / shape[0])
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def resized(pixels: Sheet, width: int, height: int) -> Sheet:
    """Scale a picture to a size: down by area, up smoothly."""
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)
