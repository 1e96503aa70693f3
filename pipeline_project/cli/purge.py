"""`pipeline purge SOURCE`: a privacy request; takes one source out of every version."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_project.cli.console import print_json, printable, say, write_line
from pipeline_project.cli.version_options import AsJson, Config, Home, opened
from pipeline_project.errors import ConfigError, PipelineError

if TYPE_CHECKING:
    from pipeline_project.adapters.lake.lance import LanceLake
    from pipeline_project.settings import Settings
    from pipeline_project.versions.purging import Plan, Purged


def purge(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[SOURCE]", help="Address, path, name or SHA-256 of one file."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: this cannot be undone.")] = False,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", help="A further folder that selections were written to."),
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Take a source out of every version and tag: rows, pictures, vectors, labels, uploads.

    What steps of collections made of it goes too, through every join, cross and group. Without
    --yes, tell what would go. The file itself is yours and stays: delete it first, or the next
    run takes it up again. Bytes that another source holds too stay with that source. Run it
    while nothing else writes; one that was interrupted is finished by the next, also without
    SOURCE. Copies that exports and other folders hold are named, not touched.

    Examples:
      pipeline purge holiday/clip.mp4
      pipeline purge holiday/clip.mp4 --yes --out ~/curated
    """
    from pipeline_project.adapters.machine import addresses_of
    from pipeline_project.cli.feedback_settings import new_run_id
    from pipeline_project.versions.purging import make_plan, pending, write_plan

    lake, settings = opened(config, home)
    begun = pending(lake)
    if source is None and not begun:
        raise ConfigError("Purging: name the SOURCE; no purge was left unfinished.")
    if begun and not yes:
        raise ConfigError(
            f"Purging: {len(begun)} purges were begun and not finished. --yes finishes them."
        )
    for plan in begun:
        say(f"Finishing purge {plan.purge_id}, which was interrupted.")
        _carry_out(lake, settings, plan, out or [], as_json)
    if source is None:
        return
    try:
        plan = make_plan(
            lake,
            source,
            new_run_id("purge"),
            addresses_of(source, settings.home_path),
        )
    except PipelineError:
        if begun:  # it was this very source
            say(f"{source}: nothing of it is left.")
            return
        raise
    if not yes:
        _tell_plan(plan, as_json)
        return
    write_plan(lake, plan)
    _carry_out(lake, settings, plan, out or [], as_json)


def _carry_out(
    lake: "LanceLake", settings: "Settings", plan: "Plan", outs: list[Path], as_json: bool
) -> None:
    from pipeline_project.adapters.object_store.local import LocalObjectStore
    from pipeline_project.cli.feedback_settings import open_store
    from pipeline_project.versions import purged_files
    from pipeline_project.versions.purging import finish, purge_rows

    purged = purge_rows(lake, plan)
    store = open_store(settings)
    purged_files.purge_store(store, plan, purged)
    purged_files.purge_settings(lake.store, plan, purged)
    commands = settings.home_path / "commands"
    if commands.is_dir():
        purged_files.purge_commands(LocalObjectStore(commands), plan, purged)
    folders = [Path(settings.output.dir), settings.home_path / "curated", *outs]
    for folder in dict.fromkeys(each.expanduser().absolute() for each in folders):
        purged_files.purge_folder(folder, plan, purged)
    for root in (store.root, lake.store.root):
        purged_files.purge_temporary(root)
    purged.left = _left(plan, settings)
    if purged.young_files:
        _tell(purged, as_json)
        raise PipelineError(
            f"Purging: {purged.young_files} files of the lake are younger than an hour and belong "
            "to no version: a run may be writing them, or it died. Everything else is done; when "
            "no run works any more, `pipeline purge --yes` in an hour finishes this."
        )
    finish(lake, plan, purged)
    _tell(purged, as_json)


def _left(plan: "Plan", settings: "Settings") -> list[str]:
    """What is not ours to change, for the user to look at."""
    local = [uri for uri in plan.uris if uri.startswith("file:")]
    left = [f"{uri}: the file itself" for uri in (local or plan.uris)]
    left += [
        f"copies of {name} of selection {selection}, wherever it was exported or copied to"
        for selection, files in plan.files.items()
        for name in files
    ]
    if plan.steps:
        left.append(
            "copies of what collections made of it, wherever `pipeline collections show` wrote them"
        )
    if (settings.dagster_home_path).is_dir():
        left.append(f"{settings.dagster_home_path}: Dagster's logs of runs may name the file")
    return left


def _tell_plan(plan: "Plan", as_json: bool) -> None:
    picks = sum(len(files) for files in plan.files.values())
    if as_json:
        print_json({"dry_run": True, **asdict(plan)})
    for uri in plan.uris:
        say(printable(f"source {uri}", keep=""))
    for step, results in plan.steps.items():
        say(printable(f"collections: {results} results of {step}", keep=""))
    say(
        f"{len(plan.hashes)} contents with {len(plan.datum_keys)} results, in {len(plan.files)} "
        f"selections with {picks} picks, would go; {len(plan.shared)} contents stay, because "
        "other sources hold them. Nothing was changed: --yes does it, and it cannot be undone."
    )


def _tell(purged: "Purged", as_json: bool) -> None:
    if as_json:
        print_json(asdict(purged))
    else:
        for table, rows in purged.rows.items():
            write_line(f"{table}: {rows} rows")
        for step, results in purged.steps.items():
            write_line(printable(f"collections: {results} results of {step}", keep=""))
        for path in purged.files:
            write_line(printable(path, keep=""))
    say(
        f"{sum(purged.rows.values())} rows are gone from every version and {purged.objects} files "
        f"were deleted or cut, {purged.bytes_freed:,} bytes; {purged.shared} contents stay with "
        "other sources."
    )
    for each in purged.left:
        say(printable(f"Left for you: {each}", keep=""))
