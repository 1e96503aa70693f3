"""The folder of an export: what is in it already, and how something is added."""

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline_project.adapters.object_store.base import ObjectStore
from pipeline_project.errors import ConfigError, PermanentError
from pipeline_project.exports.frames import ExportFrame


def make_folder(out: Path) -> Path:
    """Make the folder of an export, where it is not there yet; gives its absolute path.

    Raises:
        ConfigError: it cannot be made.
    """
    folder = out.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"Exporting to {folder}: {error.strerror}. Give --out a folder that can be written."
        ) from error
    return folder


def add_pictures(folder: Path, frames: Iterable[ExportFrame], store: ObjectStore) -> int:
    """Put pictures into `images/`; those that are there stay. Gives how many are new.

    Raises:
        PermanentError: the folder cannot be written.
    """
    images = folder / "images"
    new = 0
    try:
        images.mkdir(exist_ok=True)
        for frame in frames:
            if not (images / frame.name).exists():
                store.download(frame.key, images / frame.name)
                new += 1
    except OSError as error:
        raise _unwritable(folder, error) from error
    return new


def read_json(path: Path, expected: type, empty: Any) -> Any:
    """Read what an earlier export wrote; `empty` where there is none.

    Raises:
        ConfigError: the file is another's.
    """
    if not path.exists():
        return empty
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"Adding to {path}: it cannot be read as JSON ({error}). Move it away, or give --out "
            "another folder."
        ) from error
    if not isinstance(content, expected):
        raise ConfigError(
            f"Adding to {path}: it holds something else than an export. Move it away, or give "
            "--out another folder."
        )
    return content


def write_json(path: Path, content: object) -> None:
    """Write a file of JSON; it appears whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that an earlier export wrote; none where there is no file."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def write_text(path: Path, text: str) -> None:
    """Write a text file; it appears whole or not at all.

    Raises:
        PermanentError: the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    finally:
        part.unlink(missing_ok=True)


def _unwritable(folder: Path, error: OSError) -> PermanentError:
    return PermanentError(
        f"Exporting to {folder}: {error.strerror}. What was exported before is unharmed; free "
        "space or give --out another folder, and export again."
    )
