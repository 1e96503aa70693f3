"""What steps do with a datum: measures, merge, classify, a function, a command."""

import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline_project.adapters.engine.process_group import end_followers
from pipeline_project.core.quality.classifier import Classifier
from pipeline_project.errors import ConfigError, MediaCorrupt, MediaUnknown, PermanentError
from pipeline_project.worker.collections.given import Files, Given

MERGE_VERSION = "1"  # raise it when `merge` makes something else of the same inputs
MEASURE_VERSION = "1"  # likewise; the measures have a version of their own
_LAST_WORDS = 2_000


def measure(given: Given, names: Sequence[str]) -> dict[str, float]:
    """Take quality measures of one image.

    Raises:
        MediaError: it cannot be read as an image.
    """
    from pipeline_project.adapters.media.images import OpenImage
    from pipeline_project.adapters.media.reader import LocalMediaReader
    from pipeline_project.core.quality.picture import Picture
    from pipeline_project.core.quality.registry import MEASURES, measure_picture

    file = given.file
    with file.as_file() as path, LocalMediaReader().open(path) as media:
        if not isinstance(media, OpenImage):
            raise MediaUnknown(
                f"Measuring {file.input}:{file.path}: it is a video, and this step takes images. "
                "Use a glob that leaves it out, or a step before that takes frames of it."
            )
        # The gray of `pipeline score`, so that both give the same numbers.
        gray = media.gray()
        coloured = any(MEASURES[name].colour for name in names)
        picture = Picture(gray, media.frame_at(0).pixels if coloured else None)
    return measure_picture(picture, names)


def merge(given: Given) -> dict[str, Any]:
    """Make one object of all JSON objects of a datum.

    Raises:
        MediaCorrupt: a file is no JSON object, or two say different things under one name.
    """
    merged: dict[str, Any] = {}
    for file in given:
        held = file.json()
        if not isinstance(held, dict):
            raise MediaCorrupt(
                f"Merging {file.input}:{file.path}: it holds a {type(held).__name__}, and only "
                "JSON objects can be merged."
            )
        for name, value in held.items():
            if merged.setdefault(name, value) != value:
                raise MediaCorrupt(
                    f"Merging {file.input}:{file.path}: {name!r} is {value!r} here and "
                    f"{merged[name]!r} in a file before it. Let the steps use different names."
                )
    return merged


def classify(given: Given, classifier: Classifier) -> dict[str, Any]:
    """Label an image by its measures, which one JSON object or several hold.

    Raises:
        MediaCorrupt: a measure is missing that the classifier looks at.
    """
    measures = merge(given)
    try:
        found = classifier.classify(measures)
    except (KeyError, TypeError) as error:
        needed = ", ".join(feature.measure for feature in classifier.features)
        raise MediaCorrupt(
            f"Classifying {', '.join(file.path for file in given)}: {error} is missing or no "
            f"number. Classifier {classifier.name} needs {needed}."
        ) from error
    return {
        "label": found.label,
        "p_sharp": found.p_sharp,
        "p_blur": found.p_blur,
        "p_moire": found.p_moire,
    }


def call(given: Given, function: str, params: Mapping[str, Any], folder: str) -> Any:
    """Call a function of the user's, whose module lies in `folder` or is installed."""
    module, _, name = function.partition(":")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return getattr(importlib.import_module(module), name)(given, **params)


def command(given: Given, words: Sequence[str], folder: str, timeout_s: float) -> Files:
    """Run a program on a folder of inputs; whatever it leaves in another is the output.

    `{in}` holds each input's files below its name, `{out}` is empty. No shell is involved.

    Raises:
        PermanentError: it ended with another code than 0, or not in time; says its last words.
        ConfigError: there is no such program.
    """
    with tempfile.TemporaryDirectory(prefix="collection-") as name:
        into, out = Path(name) / "in", Path(name) / "out"
        into.mkdir()
        out.mkdir()
        for file in given:
            file.copy_below(into / file.input)
        filled = [word.replace("{in}", str(into)).replace("{out}", str(out)) for word in words]
        try:
            done = subprocess.run(
                filled,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PermanentError(f"{words[0]} did not end within {timeout_s:g} s.") from error
        except OSError as error:
            raise ConfigError(f"Starting {words[0]}: {error.strerror}. Is it installed?") from error
        finally:
            end_followers()  # what the program itself has started, and left
        if done.returncode != 0:
            last = done.stdout[-_LAST_WORDS:].decode("utf-8", "replace").strip()
            raise PermanentError(f"{words[0]} ended with code {done.returncode}: {last}")
        return Files(
            {
                f"/{path.relative_to(out).as_posix()}": path.read_bytes()
                for path in sorted(out.rglob("*"))
                if path.is_file()
            }
        )


def as_outputs(made: Any, path: str) -> dict[str, bytes]:
    """Turn what a transform gave back into files by path.

    Raises:
        PermanentError: it is nothing that JSON can hold, or a path leads out of the collection.
    """
    if isinstance(made, Files):
        return {_checked(each): bytes(data) for each, data in made.by_path.items()}
    if isinstance(made, bytes | bytearray):
        return {_checked(path): bytes(made)}
    try:
        text = json.dumps(made, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PermanentError(
            f"The step gave back a {type(made).__name__}, which JSON cannot hold: {error}. "
            "Return JSON values, bytes or Files."
        ) from error
    return {_checked(path): text.encode("utf-8") + b"\n"}


def _checked(path: str) -> str:
    parts = path.strip("/").split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise PermanentError(f"Output path {path!r} is not allowed: use plain names joined by /.")
    return "/" + "/".join(parts)
