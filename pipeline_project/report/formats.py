"""How numbers, times and names are written on the page."""

import math
import unicodedata
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

# Shown where a frame has no thumbnail: one transparent pixel, so that no image looks broken.
BLANK_IMAGE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

_WORDS = {
    "moire": "moiré",
    "fft": "FFT",
    "laplacian": "Laplacian",
    "sobel": "Sobel",
    "phash": "perceptual hash",
    "url": "source",
}


@dataclass(frozen=True)
class Credit:
    """One part of a line that names who made a picture; link is empty where there is none."""

    text: str
    link: str


def clock(seconds: float | None) -> str:
    """Write a position in a video as h:mm:ss.s; empty for None and NaN."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    tenths = round(abs(seconds) * 10)
    sign = "-" if seconds < 0 and tenths else ""
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02d}:{tenths // 10:02d}.{tenths % 10}"


def span(seconds: float) -> str:
    """Write a length of time with the two units that matter: 3.2 s, 4 min 12 s, 2 h 5 min."""
    if not math.isfinite(seconds) or seconds < 0:
        return "unknown"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def number(value: float) -> str:
    """Write a number with three significant digits, whole ones with thousands separators."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("-∞" if value < 0 else "∞")
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Write a share of 0 to 1 as a percentage; only a true 1 is 100 %."""
    if not math.isfinite(share):
        return "unknown"
    whole = round(share * 100)
    return f"{min(whole, 99) if share < 1 else whole} %"


def moment(iso: str) -> str:
    """Write an ISO 8601 moment for people; text that is none comes back as it is."""
    try:
        at = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    zone = f" {at.tzname()}" if at.tzinfo else ""
    return f"{at.day} {at:%B %Y, %H:%M}{zone}"


def words(name: str) -> str:
    """Write an identifier as words: `p_moire` is "probability of moiré"."""
    if name.startswith("p_"):
        return f"probability of {words(name[2:])}"
    return " ".join(_WORDS.get(part, part) for part in name.split("_"))


def sentence_case(text: str) -> str:
    """Raise the first letter and leave the rest as it is."""
    return text[:1].upper() + text[1:]


def shown(name: str) -> str:
    """Make every character of a file name visible.

    Control characters become their pictures (a newline is ␊), and marks that reverse the
    direction of text are named, so that `fdp.exe` cannot pose as `exe.pdf`.
    """
    return "".join(_visible(character) for character in name)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and code != 0x200D:
        return f"[U+{code:04X}]"
    return character


def picture(jpeg: bytes) -> str:
    """Embed a JPEG as a data URI; no bytes give a transparent pixel."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode('ascii')}" if jpeg else BLANK_IMAGE


def frame_path(file_name: str) -> str:
    """Link to a picked frame beside the page, relative and percent-encoded."""
    return "frames/" + quote(file_name, safe="", errors="surrogatepass")


def web_link(text: str) -> str:
    """Return the text when it is a web address, else nothing; `javascript:` never passes."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return ""
    return text.strip() if parts.scheme in {"http", "https"} and parts.netloc else ""


def credits(attribution: Mapping[str, str]) -> list[Credit]:
    """Name who made a picture: `author` is linked to `author_url`, an address alone by its key."""
    parts = []
    for key, value in attribution.items():
        if not value or (key.endswith("_url") and attribution.get(key.removesuffix("_url"))):
            continue
        link = web_link(value)
        text = words(key.removesuffix("_url")) if link else shown(value)
        parts.append(Credit(text, link or web_link(attribution.get(f"{key}_url", ""))))
    return parts
