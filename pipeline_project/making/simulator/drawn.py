"""Pictures that are drawn, not photographed: patterns that look like a defect and are none.

Regular textures that the sensor resolves (brick, fence, weave, tiles, blinds), text, foliage,
sharp things before a soft background, lights in the night. All are drawn at twice the size asked
for and halved, so that they are as sharp as a good photograph.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from pipeline_project.core.records import Pixels
from pipeline_project.making.simulator.aliasing import smooth_field

Canvas = npt.NDArray[np.uint8]
SIDES_PX = (2200, 1600)
WORDS = (
    "the of light lens scene frame sharp camera picture street river window garden table under "
    "between colour shadow morning number people water paper letters 1927 42 3.5 Page Chapter"
).split()


def draw(kind: str, seed: int) -> Pixels:
    """Return the drawn picture of this kind and seed, 1100 x 800 pixels, RGB.

    Raises:
        KeyError: there is no such kind.
    """
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind)])
    canvas = KINDS[kind](rng)
    small = cv2.resize(canvas, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def _ground(rng: np.random.Generator, low: int = 40, high: int = 220) -> Canvas:
    """A plain ground with soft light and grain of the size of some pixels."""
    width, height = SIDES_PX
    shade = smooth_field((height, width), 3, rng)
    grain = smooth_field((height, width), int(rng.integers(200, 700)), rng)
    base = np.array(_colour(rng, low, high), np.float32)
    light = 1 + 0.3 * shade + rng.uniform(0.02, 0.3) * grain
    return np.asarray(np.clip(base * light[..., None], 0, 255), np.uint8)


def _tilted(canvas: Canvas, rng: np.random.Generator, most: float = 0.12) -> Canvas:
    """See the canvas from a little aside, so that no period is the same everywhere."""
    width, height = SIDES_PX
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.uniform(-most, most, (4, 2)).astype(np.float32) * [width, height]
    view = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return np.asarray(
        cv2.warpPerspective(
            canvas, view, SIDES_PX, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101
        ),
        np.uint8,
    )


def _text(rng: np.random.Generator) -> Canvas:
    canvas = _ground(rng, 190, 256)
    size = rng.uniform(0.8, 2.4)
    ink = _colour(rng, 0, 70)
    for row in range(int(30 * size) + 20, SIDES_PX[1], int(44 * size)):
        line = " ".join(rng.choice(WORDS, 60))
        font = cv2.FONT_HERSHEY_COMPLEX if size > 1.4 else cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(canvas, line, (40, row), font, size, ink, max(1, int(2 * size)), cv2.LINE_AA)
    return _tilted(canvas, rng, 0.05)


def _brick(rng: np.random.Generator) -> Canvas:
    canvas = _ground(rng, 120, 200)
    tall = int(rng.integers(36, 130))
    long, joint = int(tall * rng.uniform(2, 3.2)), max(4, tall // 9)
    base = np.array(_colour(rng, 60, 200))
    for number, top in enumerate(range(0, SIDES_PX[1], tall)):
        for left in range(-(number % 2) * long // 2, SIDES_PX[0], long):
            shade = np.clip(base * rng.uniform(0.7, 1.2), 0, 255).tolist()
            end = (left + long - joint, top + tall - joint)
            cv2.rectangle(canvas, (left, top), end, shade, -1)
    rough = smooth_field(canvas.shape[:2], 500, rng)[..., None]
    return _tilted(np.asarray(np.clip(canvas * (1 + 0.35 * rough), 0, 255), np.uint8), rng)


def _fence(rng: np.random.Generator) -> Canvas:
    canvas = _dead_leaves(rng) if rng.random() < 0.6 else _ground(rng)
    canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.5, 14)), np.uint8)
    step = int(rng.integers(24, 150))
    thick, paint = max(3, int(step * rng.uniform(0.06, 0.3))), _colour(rng)
    width, height = SIDES_PX
    if rng.random() < 0.5:
        for left in range(0, width, step):
            cv2.line(canvas, (left, 0), (left, height), paint, thick, cv2.LINE_AA)
    else:  # chain link
        for left in range(-height, width + height, step):
            cv2.line(canvas, (left, 0), (left + height, height), paint, thick, cv2.LINE_AA)
            cv2.line(canvas, (left, 0), (left - height, height), paint, thick, cv2.LINE_AA)
    return _tilted(canvas, rng)


def _weave(rng: np.random.Generator) -> Canvas:
    """Cloth whose threads are 3 to 12 pixels apart in the final picture: resolved."""
    width, height = SIDES_PX
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bend = 60 * smooth_field((height, width), 3, rng)
    step = 2 * rng.uniform(3, 12)
    angle = rng.uniform(0, np.pi)
    along = ((x + bend) * np.cos(angle) + y * np.sin(angle)) / step
    across = (y * np.cos(angle) - (x + bend) * np.sin(angle)) / step
    over = (np.floor(along) + np.floor(across)) % 2
    threads = np.where(over > 0, np.sin(np.pi * (along % 1)), np.sin(np.pi * (across % 1)))
    stripes = 1 + 0.4 * (np.sin(2 * np.pi * along / rng.integers(8, 40)) > rng.uniform(0, 1))
    light = (0.45 + 0.55 * threads * rng.uniform(0.4, 1)) * stripes
    light *= 1 + 0.25 * smooth_field((height, width), 4, rng)
    light *= 1 + 0.25 * smooth_field((height, width), 450, rng)
    cloth = np.array(_colour(rng, 60, 200), np.float32) * light[..., None]
    return np.asarray(np.clip(cloth, 0, 255), np.uint8)


def _tiles(rng: np.random.Generator) -> Canvas:
    """A facade or a tiled wall: equal cells, each a little different."""
    canvas = _ground(rng)
    step_x, step_y = (int(value) for value in rng.integers(28, 160, 2))
    face = np.array(_colour(rng))
    for top in range(0, SIDES_PX[1], step_y):
        for left in range(0, SIDES_PX[0], step_x):
            paint = np.clip(face * rng.uniform(0.6, 1.3), 0, 255).tolist()
            end = (left + int(step_x * 0.7), top + int(step_y * 0.75))
            cv2.rectangle(canvas, (left, top), end, paint, -1)
    return _tilted(canvas, rng, 0.2)


def _blinds(rng: np.random.Generator) -> Canvas:
    canvas = _ground(rng, 120, 250)
    step = int(rng.integers(12, 70))
    shade = _colour(rng, 0, 120)
    for top in range(0, SIDES_PX[1], step):
        cv2.line(canvas, (0, top), (SIDES_PX[0], top), shade, max(2, step // 4), cv2.LINE_AA)
    return _tilted(canvas, rng, 0.15)


def _dead_leaves(rng: np.random.Generator, largest: int = 260, count: int = 2600) -> Canvas:
    """Discs and blades that hide each other, small ones far more often: as nature's statistics."""
    canvas = _ground(rng)
    width, height = SIDES_PX
    radii = 1 / np.sqrt(rng.uniform(1 / largest**2, 1 / 5**2, count))
    for radius in np.sort(radii)[::-1] if rng.random() < 0.5 else radii:
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (max(2, int(radius)), max(2, int(radius * rng.uniform(0.15, 1))))
        cv2.ellipse(
            canvas, centre, axes, rng.uniform(0, 360), 0, 360, _colour(rng), -1, cv2.LINE_AA
        )
    grain = smooth_field((height, width), 600, rng)[..., None]
    return np.asarray(np.clip(canvas * (1 + 0.2 * grain), 0, 255), np.uint8)


def _foliage(rng: np.random.Generator) -> Canvas:
    canvas = _ground(rng, 10, 80)
    width, height = SIDES_PX
    for _ in range(6000):
        start = rng.integers((width, height))
        reach = rng.normal(0, rng.uniform(15, 90), 2)
        end = (int(start[0] + reach[0]), int(start[1] + reach[1]))
        green = (int(rng.integers(20, 160)), int(rng.integers(60, 256)), int(rng.integers(10, 90)))
        begin = (int(start[0]), int(start[1]))
        cv2.line(canvas, begin, end, green, int(rng.integers(2, 9)), cv2.LINE_AA)
    return canvas


def _bokeh(rng: np.random.Generator) -> Canvas:
    """A sharp thing of a tenth to a half of the picture before a soft background."""
    far = cv2.GaussianBlur(_dead_leaves(rng, 300, 900), (0, 0), rng.uniform(15, 60))
    near = KINDS[str(rng.choice(["brick", "dead leaves", "foliage", "text", "tiles"]))](rng)
    width, height = SIDES_PX
    mask = np.zeros((height, width), np.uint8)
    reach = np.sqrt(rng.uniform(0.1, 0.5) / np.pi)
    axes = (int(width * reach * rng.uniform(0.7, 1.4)), int(height * reach))
    centre = (int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.7)))
    cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    share = mask[..., None].astype(np.float32) / 255
    return np.asarray(near * share + far * (1 - share), np.uint8)


def _night(rng: np.random.Generator) -> Canvas:
    width, height = SIDES_PX
    canvas = np.asarray(_ground(rng, 5, 40), np.uint8)
    skyline = int(height * rng.uniform(0.4, 0.8))
    left = 0
    while left < width:
        wide = int(rng.integers(80, 320))
        top = skyline - int(rng.integers(0, 500))
        cv2.rectangle(canvas, (left, top), (left + wide, height), _colour(rng, 0, 35), -1)
        for row in range(top + 20, height, 44):
            for column in range(left + 16, left + wide - 20, 38):
                if rng.random() < 0.3:
                    lamp = (255, int(rng.integers(160, 250)), int(rng.integers(60, 200)))
                    cv2.rectangle(canvas, (column, row), (column + 16, row + 22), lamp, -1)
        left += wide + int(rng.integers(0, 60))
    return canvas


def _sky(rng: np.random.Generator) -> Canvas:
    """Mostly plain sky, a sharp ridge and some trees or wires at its foot."""
    width, height = SIDES_PX
    fall = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    top, bottom = np.array(_colour(rng, 60, 220)), np.array(_colour(rng, 120, 255))
    canvas = np.repeat(top * (1 - fall) + bottom * fall, width, axis=1)
    canvas *= 1 + 0.15 * smooth_field((height, width), 5, rng)[..., None]
    canvas = np.asarray(np.clip(canvas, 0, 255), np.uint8)
    land = _dead_leaves(rng, 60, 5000) if rng.random() < 0.6 else _foliage(rng)
    ridge = height * rng.uniform(0.55, 0.85) + 90 * smooth_field((4, width), 12, rng)[0]
    rows = np.arange(height)[:, None]
    return np.asarray(np.where((rows > ridge)[..., None], land, canvas), np.uint8)


KINDS: dict[str, Callable[[np.random.Generator], Canvas]] = {
    "text": _text,
    "brick": _brick,
    "fence": _fence,
    "weave": _weave,
    "tiles": _tiles,
    "blinds": _blinds,
    "dead leaves": _dead_leaves,
    "foliage": _foliage,
    "bokeh": _bokeh,
    "night": _night,
    "sky": _sky,
}
