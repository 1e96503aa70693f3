"""Tells of everything that is wrong with a file at once."""

from collections.abc import Sequence
from pathlib import Path

from pipeline_project.errors import ConfigError

_SHOWN = 20


def refuse(path: Path, problems: Sequence[str]) -> None:
    """Refuse a file that anything is wrong with; nothing of it may have been stored yet.

    Raises:
        ConfigError: names the wrong places, at most twenty, and how many there are.
    """
    if not problems:
        return
    more = len(problems) - _SHOWN
    listed = "".join(f"\n  {problem}" for problem in problems[:_SHOWN])
    listed += f"\n  and {more} more" if more > 0 else ""
    raise ConfigError(
        f"Importing {path}: {len(problems)} places are wrong, so nothing was imported. Correct "
        f"them and import the file again:{listed}"
        if len(problems) > 1
        else f"Importing {path}: nothing was imported, because of {problems[0]}."
    )
