"""JSON files as Lightly reads them: what all of them are checked for, and how frames are named.

References:
    https://docs.lightly.ai/docs/work-with-metadata and https://docs.lightly.ai/docs/prediction-format
"""

import json
from pathlib import PurePosixPath
from typing import NoReturn

from pipeline_project.errors import ConfigError


def load_json(data: bytes, origin: str) -> object:
    """Read one JSON value.

    Raises:
        ConfigError: it is not JSON, or holds NaN or infinity.
    """
    try:
        return json.loads(data, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"Reading {origin}: not valid JSON, {error}. Write it again.") from error


def load_object(data: bytes, origin: str, *keys: str) -> dict[str, object]:
    """Read one JSON object that has these keys.

    Raises:
        ConfigError: it is not JSON, no object, or lacks a key.
    """
    value = load_json(data, origin)
    if not isinstance(value, dict):
        raise ConfigError(f"Reading {origin}: expected an object {{...}}; saw {shown(value)}.")
    missing = [key for key in keys if key not in value]
    if missing:
        raise ConfigError(
            f"Reading {origin}: {', '.join(map(repr, missing))} is missing "
            f"(seen: {', '.join(map(repr, value)) or 'nothing'})."
        )
    return value


def shown(value: object) -> str:
    """A JSON value, cut short, for messages."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def file_json(name: str) -> str:
    """Where what is known of a whole file stands: `videos/a.mp4` -> `videos/a.json`."""
    return str(PurePosixPath(name).with_suffix(".json"))


def frame_json(name: str, number: int, frames: int) -> str:
    """Where what is known of one frame stands: `videos/a.mp4` -> `videos/a-099-mp4.json`.

    Args:
        name: path of the video below the source.
        number: of the frame, from 0.
        frames: that the video has; numbers are padded to as many digits.
    """
    path = PurePosixPath(name)
    digits = len(str(frames))
    return str(path.with_name(f"{path.stem}-{number:0{digits}d}-{path.suffix[1:]}.json"))


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
