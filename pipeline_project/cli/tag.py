"""`pipeline tag` and `pipeline branch`: names for revisions."""

from typing import Annotated

import typer

from pipeline_project.cli.console import print_json, say, write_line
from pipeline_project.cli.version_options import REV_HELP, AsJson, Config, Home, opened


def tag(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The new tag.")] = None,
    rev: Annotated[str | None, typer.Argument(metavar="[REV]", help=REV_HELP)] = None,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Give a commit a name for good; without NAME, list the tags.

    A tag can never be moved, and garbage collection leaves alone what it sees.

    Examples:
      pipeline tag v1
      pipeline tag before-summer main~3
    """
    lake, _ = opened(config, home)
    if name is None:
        for each, commit_id in sorted(lake.tags().items()):
            _tell(each, commit_id, as_json)
        return
    commit = lake.tag(name, rev)
    say(f"Tag {name} names commit {commit.commit_id}.")
    if as_json:
        _tell(name, commit.commit_id, as_json)


def branch(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The new branch.")] = None,
    rev: Annotated[str | None, typer.Argument(metavar="[REV]", help=REV_HELP)] = None,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Start a branch from a commit; without NAME, list the branches.

    The branch sees everything that REV sees. What is written to one branch is not seen by others.

    Examples:
      pipeline branch try-dinov2
      pipeline branch rework v1
    """
    lake, _ = opened(config, home)
    if name is None:
        for each in lake.branches():
            _tell(each.name, each.head.commit_id if each.head else None, as_json, each.base)
        return
    started = lake.start_branch(name, rev)
    say(f"Branch {name} starts at commit {started.base}.")
    if as_json:
        _tell(name, started.base, as_json, started.base)


def _tell(name: str, commit_id: str | None, as_json: bool, base: str | None = None) -> None:
    if as_json:
        print_json({"name": name, "commit_id": commit_id, **({"base": base} if base else {})})
    else:
        write_line(f"{name}  {commit_id or 'no commit yet'}")
