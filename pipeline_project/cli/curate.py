"""`pipeline curate`: the main job, from a terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline_project.adapters.addresses import shown
from pipeline_project.cli.console import print_json, say, write_line
from pipeline_project.errors import ConfigError, PipelineError

if TYPE_CHECKING:
    from pipeline_project.report.publish import Published
    from pipeline_project.worker.request import WorkerResult


def curate(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A folder, a file, s3://bucket/prefix or pexels:QUERY; without it the sample."
        ),
    ] = None,
    n: Annotated[int | None, typer.Option("--n", help="Pick this many new frames.")] = None,
    proportion: Annotated[
        float | None, typer.Option(help="Pick this share of the good frames (default 0.1).")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (default: pipeline.yaml, if there).")
    ] = None,
    on: Annotated[str | None, typer.Option(help="local or aws.")] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="Only paths that match this glob; may be repeated.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Name under which picks are pooled (default: default).")
    ] = None,
    datapool: Annotated[
        bool | None,
        typer.Option("--datapool/--no-datapool", help="Stay away from earlier picks, or not."),
    ] = None,
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Read every file again, whatever its date and size.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed before.")
    ] = False,
    keep_old: Annotated[
        bool,
        typer.Option("--keep-old", help="Keep what older code made; new code for new files only."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, and how long it takes.")
    ] = False,
    out: Annotated[
        str | None, typer.Option(help="Folder for the result, or s3://bucket/prefix.")
    ] = None,
    home: Annotated[Path | None, typer.Option(help="State of this installation.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout; the rest on stderr.")
    ] = False,
) -> None:
    """Pick a small, clean, diverse set of frames from videos and images.

    Nothing is uploaded and nothing of the source is changed. The result goes to a new folder
    below `curated/`: the frames, selection.csv, selection.json and report.html. What is known
    from earlier runs is not computed again.

    Examples:
      pipeline curate

      pipeline curate ~/footage --n 200

      pipeline curate ~/footage --include '*.mp4' --proportion 0.05 --out picks

      pipeline curate ~/footage --dry-run
    """
    from pipeline_project.cli.run_job import demand_runnable, run_job
    from pipeline_project.settings import load_settings

    flags = _flags(source, n, proportion, on, include, dataset, datapool, rehash, out, home)
    given = {"retry_failed": retry_failed, "keep_old": keep_old}
    flags |= {name: True for name, asked in given.items() if asked}
    settings = load_settings(config, flags)
    if dry_run:
        from pipeline_project.cli.dry_run import dry_run as preview

        demand_runnable(settings)
        preview(settings, as_json=as_json)
        return
    result, published = run_job(settings)
    _tell(result, published, as_json)
    if published.picked == 0:
        raise PipelineError(why_nothing(result, published))


def why_nothing(result: "WorkerResult", published: "Published") -> str:
    """Say of a run without a pick what left all frames out, and what to do about it."""
    counts = result.counts
    page = shown(str(published.report))
    if counts["candidates"] == 0:
        return f"Nothing was picked: no file gave a frame. {page} says why."
    if counts["pool"] and counts["duplicates"] and not counts["survivors"]:
        return (
            f"Nothing was picked: what is good among the {counts['candidates']:.0f} frames looks "
            f"like earlier picks of this dataset. {page} shows them; --no-datapool selects afresh."
        )
    beyond = counts.get("excluded_threshold", 0)
    if beyond:
        return (
            f"Nothing was picked of {counts['candidates']:.0f} frames: {beyond:.0f} do not pass a "
            f"THRESHOLD of the selection. {page} has their values; set `threshold` accordingly."
        )
    return (
        f"Nothing was picked of {counts['candidates']:.0f} frames: all were left out. {page} says "
        "why; `quality: {action: tag}` in pipeline.yaml keeps them."
    )


def _flags(
    source: str | None,
    n: int | None,
    proportion: float | None,
    on: str | None,
    include: list[str] | None,
    dataset: str | None,
    datapool: bool | None,
    rehash: bool,
    out: str | None,
    home: Path | None,
) -> dict[str, Any]:
    """What was given on the command line, as the settings nest it."""
    if n is not None and proportion is not None:
        raise ConfigError("Give --n or --proportion, not both.")
    if n is not None and n < 1:
        raise ConfigError(f"--n {n}: at least 1 frame must be picked.")
    if proportion is not None and not 0 < proportion <= 1:
        raise ConfigError(f"--proportion {proportion}: must be above 0 and at most 1.")
    flags: dict[str, Any] = {
        "source": source,
        "on": on,
        "include": include or None,
        "dataset": dataset,
        "rehash": rehash or None,
        "home": home,
    }
    if n is not None:
        flags["selection"] = {"n_samples": n}
    if proportion is not None:
        flags["selection"] = {"proportion_samples": proportion}
    if datapool is not None:
        flags["datapool"] = {"enabled": datapool}
    if out is not None:
        flags["output"] = {"dir": out}
    return {key: value for key, value in flags.items() if value is not None}


def _changes(states: dict[str, int]) -> str:
    """What became of the files since the last run; nothing where none was known."""
    happened = [f"{count} {state}" for state, count in states.items() if count and state != "skip"]
    skipped = states.get("skip", 0)
    if not skipped and len(happened) < 2:
        return ""
    return f"Files: {', '.join([*happened, f'{skipped} known and skipped'])}."


def _tell(result: "WorkerResult", published: "Published", as_json: bool) -> None:
    """Say what came out; the last line names the folder."""
    counts = {key: int(value) for key, value in result.counts.items()}
    again = " again: nothing has changed" if result.reused else ""
    say(
        f"{counts['picked']} of {counts['candidates']} frames picked from {counts['media']} files"
        f"{again} ({counts['excluded']} excluded, {counts['duplicates']} duplicates, "
        f"{counts['rejected']} files rejected, {counts['damaged']} damaged)."
    )
    if said := _changes(result.states.get("file", {})):
        say(said)
    if counts["rejected"] or counts["damaged"]:
        say("Each rejected or damaged file stands in the report and in selection.json, and why.")
    if counts["media"] and not counts["decoded_files"]:
        say("Nothing was decoded, scored or embedded: what every file holds was known.")
    if as_json:
        print_json(
            {
                "selection_id": result.selection_id,
                "run_id": result.run_id,
                "commit_id": result.commit_id,
                "reused": result.reused,
                "folder": str(published.folder),
                "report": str(published.report),
                "counts": counts,
                "states": result.states,
                "warnings": result.warnings,
                "duration_s": result.duration_s,
            }
        )
        return
    if published.report.is_file():
        say(f"Report: {published.report.as_uri()}")
    else:
        say("The report is no longer in that folder; move the folder away to have all of it again.")
    write_line(shown(str(published.folder)))
