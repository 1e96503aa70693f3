"""What a `pexels:` source asks for, and which file of a video is taken."""

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from pipeline_project.core.config import PexelsConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import ConfigError, PermanentError

SCHEME = "pexels:"
HOME_PAGE = "https://www.pexels.com"


@dataclass(frozen=True, slots=True)
class PexelsQuery:
    """What to ask for: words, the popular videos, or one video by its id."""

    kind: Literal["search", "popular", "id"]
    words: str = ""
    video_id: int = 0


def parse_spec(spec: str) -> PexelsQuery:
    """Read `pexels:QUERY`, `pexels:popular` (also plain `pexels:`) or `pexels:id:123`.

    Raises:
        ConfigError: it is another source's, or the id is no number.
    """
    if not spec.startswith(SCHEME):
        raise ConfigError(
            f"opening the source {spec!r}: expected `pexels:QUERY`, `pexels:popular` or "
            "`pexels:id:123`."
        )
    words = spec.removeprefix(SCHEME).strip()
    if words in ("", "popular"):
        return PexelsQuery("popular")
    if not words.startswith("id:"):
        return PexelsQuery("search", words=words)
    number = words.removeprefix("id:").strip()
    if not (number.isascii() and number.isdigit() and 0 < int(number) < 2**63):
        raise ConfigError(
            f"opening the source {spec!r}: {number!r} is no id of a video. It is the number at the "
            f"end of the video's address on {HOME_PAGE}, as in `pexels:id:857195`."
        )
    return PexelsQuery("id", video_id=int(number))


def video_name(video_id: int) -> str:
    """Name a video's file; the same video has the same name for ever."""
    return f"pexels-{video_id}.mp4"


def why_not(video: dict[str, Any], config: PexelsConfig) -> str | None:
    """Say why a video is passed over, None where it is not."""
    duration = float(video.get("duration") or 0)
    if not config.min_duration_s <= duration <= config.max_duration_s:
        return (
            f"it is {duration:g} s long, outside {config.min_duration_s:g} to "
            f"{config.max_duration_s:g} s (pexels.min_duration_s, pexels.max_duration_s)"
        )
    if not _files(video, config):
        return (
            f"it has no mp4 of at most {config.max_bytes:,} bytes (pexels.max_bytes) that is not "
            "enlarged"
        )
    return None


def chosen(video: dict[str, Any], config: PexelsConfig, spec: str) -> MediaRef:
    """Refer to the best file of a video that is not passed over.

    The best is the smallest whose shorter side has the wanted height or more, since making a
    picture smaller loses less than making it larger; else the largest.

    Raises:
        PermanentError: the entry cannot be understood.
    """
    try:
        files = _files(video, config)
        enough = [each for each in files if _side_px(each) >= config.height_px]
        file = min(enough, key=_order) if enough else max(files, key=_order)
        page, creator = _web(video["url"]), str(video["user"]["name"])
        return MediaRef(
            uri=str(file["link"]),
            name=video_name(int(video["id"])),
            source=spec,
            size_bytes=int(file.get("size") or 0),
            fingerprint=f"{video['id']}-{file['id']}",
            attribution={
                "author": creator,
                "author_url": _web(video["user"]["url"]),
                "credit": f"Video by {creator} on Pexels",
                "credit_url": page,
                "provider": "Pexels",
                "provider_url": HOME_PAGE,
            },
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PermanentError(
            f"choosing a file of a Pexels video: its entry cannot be understood ({error!r}). "
            "The API may have changed."
        ) from error


def _files(video: dict[str, Any], config: PexelsConfig) -> list[dict[str, Any]]:
    """Files that may be taken: mp4, not too large, not above the original's own size."""
    try:
        own_px = min(int(video["width"]), int(video["height"]))
        return [
            each
            for each in video["video_files"]
            if each["file_type"] == "video/mp4"
            and 0 < _side_px(each) <= own_px
            and int(each.get("size") or 0) <= config.max_bytes
            and urlsplit(each["link"]).scheme in ("http", "https")
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise PermanentError(
            f"choosing a file of a Pexels video: its entry cannot be understood ({error!r}). "
            "The API may have changed."
        ) from error


def _side_px(file: dict[str, Any]) -> int:
    return min(int(file["width"] or 0), int(file["height"] or 0))


def _order(file: dict[str, Any]) -> tuple[int, float]:
    return _side_px(file), float(file.get("fps") or 0)


def _web(address: Any) -> str:
    """Pass a web address on, and nothing else."""
    text = str(address)
    return text if urlsplit(text).scheme in ("http", "https") else ""
