"""The example's files, to be copied into a folder of one's own."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from pipeline_project.errors import ConfigError

YAML = "defs.yaml"
IMAGES = "images"


def example_dir() -> Path:
    """The folder that holds the example."""
    return Path(__file__).parent


def write_example(folder: Path) -> None:
    """Copy the YAML and its images into a folder.

    Raises:
        ConfigError: the folder holds such files already, or cannot be written.
    """
    taken = [name for name in (YAML, IMAGES) if (folder / name).exists()]
    if taken:
        raise ConfigError(
            f"Writing the example to {folder}: {taken[0]} is there already. Name another folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with as_file(files(__package__)) as shipped:
            shutil.copytree(shipped / IMAGES, folder / IMAGES)
            shutil.copyfile(shipped / YAML, folder / YAML)
    except OSError as error:
        raise ConfigError(f"Writing the example to {folder}: {error.strerror}.") from error
