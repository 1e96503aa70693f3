"""The options of the commands that work on one dataset's past."""

from pathlib import Path
from typing import Annotated

import typer

Dataset = Annotated[
    str | None, typer.Option(help="Name of the dataset (default: that of the settings).")
]
Config = Annotated[
    Path | None, typer.Option(help="Settings file (default: pipeline.yaml, if there).")
]
Home = Annotated[Path | None, typer.Option(help="State of this installation.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object per line on stdout; the rest on stderr.")
]
