"""What the commands on versions share: their options, and the lake that these mean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline_project.adapters.lake.lance import LanceLake
    from pipeline_project.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line on stdout.")]
Home = Annotated[Path | None, typer.Option(help="State of this installation.")]
Config = Annotated[
    Path | None, typer.Option(help="Settings file (default: pipeline.yaml, if there).")
]
REV_HELP = "Branch, tag, commit id or its beginning, or one of them with ~N for its N-th ancestor."


def opened(config: Path | None, home: Path | None) -> "tuple[LanceLake, Settings]":
    """The lake that the settings mean, and the settings."""
    from pipeline_project.build import open_lake
    from pipeline_project.cli.feedback_settings import feedback_settings

    settings = feedback_settings(config, None, home)
    return open_lake(settings), settings
