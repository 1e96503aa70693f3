"""`pipeline gc`: takes what nothing needs any more."""

import re
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from pipeline_project.cli.console import print_json, printable, say, write_line
from pipeline_project.cli.version_options import AsJson, Config, Home, opened
from pipeline_project.errors import ConfigError

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def gc(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be taken; change nothing.")
    ] = False,
    older_than: Annotated[
        str,
        typer.Option(
            help="Age from which uncommitted work counts as dead, and replaced files go: 90m, 24h."
        ),
    ] = "24h",
    runs_older_than: Annotated[
        str, typer.Option(help="Age from which folders of runs and commands go: 30d.")
    ] = "30d",
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Take rows of runs that died, doubled rows, replaced files, orphans and old run folders.

    Orphans are uploads, pictures, settings and outputs of collections' steps that no commit needs;
    also what only a deleted branch or tag saw goes. What any tag or branch sees stays, and so does
    what a writer or reader younger than --older-than may need. A run that takes longer than that
    between two commits is shut out: it ends with an error, and run again it goes on from its last
    commit.

    Examples:
      pipeline gc --dry-run
      pipeline gc --older-than 2h
    """
    from pipeline_project.adapters.object_store.local import LocalObjectStore
    from pipeline_project.cli.feedback_settings import new_run_id, open_store
    from pipeline_project.versions.collecting import Collection

    ages = age(older_than, "--older-than"), age(runs_older_than, "--runs-older-than")
    lake, settings = opened(config, home)
    folder = settings.home_path / "commands"
    found = Collection(
        lake,
        open_store(settings),
        LocalObjectStore(folder) if folder.is_dir() else None,
        new_run_id("gc"),
        *ages,
        dry_run=dry_run,
    ).run()
    if as_json:
        print_json({"dry_run": dry_run, **asdict(found)})
        return
    for table, rows in found.dead_rows.items():
        write_line(f"{table}: {rows} rows of runs that died, or of deleted branches")
    for table, rows in found.doubled_rows.items():
        write_line(f"{table}: {rows} rows that two runs wrote alike")
    for table, (before, after) in found.pieces.items():
        write_line(f"{table}: {before} pieces became {after}")
    for each in found.folders:
        write_line(printable(f"{each}: old", keep=""))
    for each in found.objects:
        write_line(printable(f"{each}: no commit names it", keep=""))
    what = "would be freed" if dry_run else "freed"
    say(
        f"{found.bytes_freed:,} bytes {what}: {found.old_versions} replaced table versions, "
        f"{found.stray_files} stray files, {len(found.folders)} old folders, "
        f"{len(found.objects)} orphans, {found.commits} commits of deleted branches."
    )


def age(written: str, option: str) -> timedelta:
    """Read an age, `90m`, `24h` or `30d`.

    Raises:
        ConfigError: it is none.
    """
    match = _AGE.fullmatch(written.strip())
    if match is None:
        raise ConfigError(f"Reading {option} {written!r}: write a number and s, m, h or d: 24h.")
    try:
        return timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError as error:
        raise ConfigError(f"Reading {option} {written!r}: this is too long.") from error
