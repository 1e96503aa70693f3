"""The settings of the commands that bring something back, or out, of one dataset."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline_project.adapters.object_store.base import ObjectStore
    from pipeline_project.settings import Settings


def feedback_settings(config: Path | None, dataset: str | None, home: Path | None) -> "Settings":
    """Read the settings; the flags are stronger."""
    from pipeline_project.settings import load_settings

    flags: dict[str, Any] = {"dataset": dataset, "home": home}
    return load_settings(config, {key: value for key, value in flags.items() if value is not None})


def open_store(settings: "Settings") -> "ObjectStore":
    """The store that holds picked frames; with `on: aws` the one in the bucket."""
    from pipeline_project.build import aws_session
    from pipeline_project.worker.homes import open_home

    if settings.on == "aws":
        return open_home(settings.aws.root, aws_session(settings)).store
    return open_home(settings.home_path.as_uri()).store


def new_run_id(command: str) -> str:
    """Name one call of a command that writes to the lake."""
    return f"{command}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(3).hex()}"
