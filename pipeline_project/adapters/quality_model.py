"""Quality classifiers by name or from a file that `pipeline train` wrote."""

import json
from functools import lru_cache
from pathlib import Path

from pipeline_project.core.quality.classifier import (
    BUILT_IN,
    Classifier,
    classifier,
    from_parameters,
)
from pipeline_project.errors import ConfigError

# A model takes some tens of kilobytes; what is larger is something else.
MOST_BYTES = 10_000_000


def load_classifier(name_or_path: str) -> Classifier:
    """Return the built-in classifier of this name, or the one in this file.

    Args:
        name_or_path: `default`, `talk`, or the path of a model.

    Raises:
        ConfigError: no such name or file, or the file is no model of this version.
    """
    if name_or_path in BUILT_IN:
        return classifier(name_or_path)
    path = Path(name_or_path).expanduser()
    try:
        size, changed_ns = path.stat().st_size, path.stat().st_mtime_ns
    except (OSError, ValueError) as cause:
        raise ConfigError(
            f"Loading quality classifier {name_or_path!r}: there is neither a classifier nor a "
            f"file of that name. Use {' or '.join(map(repr, BUILT_IN))}, or the path of a model "
            "that `pipeline train` wrote."
        ) from cause
    return _load(path, size, changed_ns)


@lru_cache(maxsize=8)
def _load(path: Path, size: int, changed_ns: int) -> Classifier:
    """Read a model; `size` and `changed_ns` only tell files apart."""
    if size > MOST_BYTES:
        raise ConfigError(
            f"Loading quality classifier {path}: it has {size} bytes, too many for a model. "
            "Name the JSON file that `pipeline train` wrote."
        )
    try:
        stored = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as cause:
        raise ConfigError(
            f"Loading quality classifier {path}: {type(cause).__name__}: {cause}. "
            "Name the JSON file that `pipeline train` wrote."
        ) from cause
    if not isinstance(stored, dict):
        raise ConfigError(
            f"Loading quality classifier {path}: it is JSON, but no model. "
            "Name the JSON file that `pipeline train` wrote."
        )
    try:
        return from_parameters(stored)
    except ConfigError as cause:
        raise ConfigError(f"Loading quality classifier {path}: {cause}") from cause
