"""`pipeline log`: the commits of a revision."""

from itertools import islice
from typing import Annotated, Any

import typer

from pipeline_project.cli.console import print_json, printable, say, write_line
from pipeline_project.cli.version_options import REV_HELP, AsJson, Config, Home, opened


def log(
    rev: Annotated[str | None, typer.Argument(metavar="[REV]", help=REV_HELP)] = None,
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, help="How many commits, newest first.")
    ] = 20,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """List commits, newest first: what each run added, with which code.

    Without REV, those of the branch that runs write to.

    Examples:
      pipeline log
      pipeline log v1 -n 5 --json
    """
    from pipeline_project.versions.history import facts

    lake, _ = opened(config, home)
    tags: dict[str, list[str]] = {}
    for name, commit_id in lake.tags().items():
        tags.setdefault(commit_id, []).append(name)
    commits = list(islice(lake.log(rev), number))
    if not commits:
        say("There is no commit yet: `pipeline curate` makes the first one.")
    for commit in commits:
        row = {**facts(commit), "tags": sorted(tags.get(commit.commit_id, []))}
        if as_json:
            print_json(row)
        else:
            write_line(printable(as_line(row), keep=""))


def as_line(row: dict[str, Any]) -> str:
    """One commit on one line: id, time, branch, tags, rows added, message."""
    added = ", ".join(f"+{count} {table}" for table, count in row["counts"].items())
    named = f" ({', '.join(row['tags'])})" if row.get("tags") else ""
    when = str(row["created_at"])[:19].replace("T", " ")
    about = f"{row['commit_id']}  {when} UTC  {row['branch']}~{row['sequence']}{named}"
    return f"{about}  {row['message']}{f'  [{added}]' if added else ''}"
