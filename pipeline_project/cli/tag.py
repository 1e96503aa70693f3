"""`pipeline tag` and `pipeline branch`: names for revisions."""

from collections.abc import Callable
from typing import Annotated

import typer

from pipeline_project.cli.console import print_json, say, write_line
from pipeline_project.cli.version_options import REV_HELP, AsJson, Config, Home, opened
from pipeline_project.errors import ConfigError


def tag(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The new tag.")] = None,
    rev: Annotated[str | None, typer.Argument(metavar="[REV]", help=REV_HELP)] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Take this tag away.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Give a commit a name for good; without NAME, list the tags.

    A tag can never be moved, and garbage collection leaves alone what it sees. --delete says how
    many commits no branch and no tag sees any more: `pipeline gc` takes them.

    Examples:
      pipeline tag v1
      pipeline tag before-summer main~3
      pipeline tag --delete v1
    """
    lake, _ = opened(config, home)
    if delete:
        _delete("tag", name, rev, lake.delete_tag, as_json)
        return
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
    delete: Annotated[
        bool, typer.Option("--delete", help="Take this branch away; main always stays.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Start a branch from a commit; without NAME, list the branches.

    The branch sees everything that REV sees. What is written to one branch is not seen by others.
    --delete says how many commits no branch and no tag sees any more: `pipeline gc` takes them,
    --older-than after. The name of a deleted branch cannot be used again.

    Examples:
      pipeline branch try-dinov2
      pipeline branch rework v1
      pipeline branch --delete rework
    """
    lake, _ = opened(config, home)
    if delete:
        _delete("branch", name, rev, lake.delete_branch, as_json)
        return
    if name is None:
        for each in lake.branches():
            _tell(each.name, each.head.commit_id if each.head else None, as_json, each.base)
        return
    started = lake.start_branch(name, rev)
    say(f"Branch {name} starts at commit {started.base}.")
    if as_json:
        _tell(name, started.base, as_json, started.base)


def _delete(
    kind: str, name: str | None, rev: str | None, take: Callable[[str], int], as_json: bool
) -> None:
    if name is None or rev is not None:
        raise ConfigError(f"Deleting a {kind}: name it, and nothing else.")
    unseen = take(name)
    told = (
        f"{unseen} commits are seen by no branch and no tag any more; `pipeline gc` takes them."
        if unseen
        else "Every commit that it saw is still seen by a branch or tag."
    )
    say(f"{kind.capitalize()} {name} is deleted. {told}")
    if as_json:
        print_json({"name": name, "deleted": True, "commits_unseen": unseen})


def _tell(name: str, commit_id: str | None, as_json: bool, base: str | None = None) -> None:
    if as_json:
        print_json({"name": name, "commit_id": commit_id, **({"base": base} if base else {})})
    else:
        write_line(f"{name}  {commit_id or 'no commit yet'}")
