"""Reads a pipeline's YAML file."""

from pathlib import Path

from pipeline_project.core.collections.definition import Pipeline, read_pipeline
from pipeline_project.errors import ConfigError

FILE = "defs.yaml"  # as Dagster calls it


def yaml_file(place: Path) -> Path:
    """The YAML file that is meant: itself, or `defs.yaml` in a folder."""
    return place / FILE if place.is_dir() else place


def read_file(place: Path) -> Pipeline:
    """Read a pipeline.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong; says file and line.
    """
    path = yaml_file(place)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"Reading the pipeline {path}: {reason}. Name its YAML file; "
            "`pipeline collections init` writes an example."
        ) from error
    return read_pipeline(text, str(path))
