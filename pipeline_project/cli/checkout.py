"""`pipeline checkout FILE@REV`: one file as it was at a revision."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline_project.cli.console import print_json, say, shown, write_line
from pipeline_project.cli.version_options import AsJson, Config, Home, opened
from pipeline_project.errors import ConfigError


def checkout(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE@REV",
            help="A pick's file name, SELECTION/FILE for what stands beside the picks, a source's "
            "name, address or hash, or a frame id; without @REV as it is now.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to (default: its own name in the current folder)."),
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Write one file as it was at a revision; nothing that exists is written over.

    The last line says where it was written. Picks and reports come from the store. Sources that
    are read in place are never copied: one that was changed since cannot come back.

    Examples:
      pipeline checkout 0001_holiday.jpg@v1
      pipeline checkout holiday/clip.mp4@main~3 --out clip.mp4
    """
    from pipeline_project.adapters.machine import addresses_of
    from pipeline_project.cli.feedback_settings import open_store
    from pipeline_project.versions.checkout import Checkout
    from pipeline_project.versions.history import commit_at
    from pipeline_project.worker.fetching import opened_fetch

    name, _, rev = what.rpartition("@") if "@" in what else (what, "", "")
    if not name:
        raise ConfigError(f"Checking out {what}: write FILE@REV, 0001_holiday.jpg@v1 say.")
    lake, settings = opened(config, home)
    store = open_store(settings)
    found = Checkout(
        lake,
        store,
        lambda refs: opened_fetch(refs, store.root, settings.source_access),
        commit_at(lake, rev or None),
    ).write(name, out, addresses_of(name, settings.home_path))
    say(f"The {found.kind} {name} is in:")
    if as_json:
        print_json({"path": str(found.path), "kind": found.kind, "origin": found.origin})
    else:
        write_line(shown(found.path))
