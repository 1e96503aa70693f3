"""`pipeline log`: the commits of a revision."""

from itertools import islice
from typing import Annotated, Any

import typer

from pipeline_project.cli.console import print_json, printable, say, write_line
from pipeline_project.cli.version_options import REV_HELP, AsJson, Config, Home, opened

FILE = "file"  # what the table `states` has in place of a stage for a file as a whole


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

    Also how many files were new, changed, removed, failed, recovered or skipped in the run.
    Without REV, those of the branch that runs write to.

    Examples:
      pipeline log
      pipeline log v1 -n 5 --json
    """
    from pipeline_project.versions.history import facts
    from pipeline_project.worker.states import states_of_runs

    lake, _ = opened(config, home)
    tags: dict[str, list[str]] = {}
    for name, commit_id in lake.tags().items():
        tags.setdefault(commit_id, []).append(name)
    commits = list(islice(lake.log(rev), number))
    states = states_of_runs(lake, {commit.run_id for commit in commits}, rev) if commits else {}
    told: set[str] = set()
    if not commits:
        say("There is no commit yet: `pipeline curate` makes the first one.")
    for commit in commits:
        row = {**facts(commit), "tags": sorted(tags.get(commit.commit_id, []))}
        row["states"] = states.get(commit.run_id, {})
        if as_json:
            print_json(row)
            continue
        # A run may have made several commits: what it did stands at its newest.
        shown = row if commit.run_id not in told else {**row, "states": {}}
        told.add(commit.run_id)
        write_line(printable(as_line(shown), keep=""))


def as_line(row: dict[str, Any]) -> str:
    """One commit on one line: id, time, branch, tags, message, files by state, rows added."""
    added = ", ".join(f"+{count} {table}" for table, count in row["counts"].items())
    named = f" ({', '.join(row['tags'])})" if row.get("tags") else ""
    when = str(row["created_at"])[:19].replace("T", " ")
    about = f"{row['commit_id']}  {when} UTC  {row['branch']}~{row['sequence']}{named}"
    files = row.get("states", {}).get(FILE, {})
    states = f"  (files: {words_of(files)})" if files else ""
    return f"{about}  {row['message']}{states}{f'  [{added}]' if added else ''}"


def words_of(states: dict[str, int]) -> str:
    """Counts of states, in the order of their table: `2 new, 1 failed, 7 skip`."""
    order = ("new", "changed", "removed", "failed", "recovered", "skip")
    return ", ".join(f"{states[each]} {each}" for each in order if states.get(each))
