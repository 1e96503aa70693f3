"""`pipeline curate`: the main job, from a terminal."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline_project.adapters.addresses import shown
from pipeline_project.cli.console import TerminalProgress, print_json, say, write_line
from pipeline_project.errors import ConfigError, PipelineError

if TYPE_CHECKING:
    import dagster as dg
    from dagster_shared.error import SerializableErrorInfo

    from pipeline_project.report.publish import Published
    from pipeline_project.resources.publisher import Publisher
    from pipeline_project.settings import Settings
    from pipeline_project.worker.request import WorkerResult

JOB = "curation_job"


def curate(
    source: Annotated[
        str | None,
        typer.Argument(help="A folder, a file or pexels:QUERY; without it the bundled sample."),
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, and how long it takes.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the result.")] = None,
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
    from pipeline_project.settings import load_settings

    flags = _flags(source, n, proportion, on, include, dataset, datapool, rehash, out, home)
    settings = load_settings(config, flags)
    if dry_run:
        from pipeline_project.cli.dry_run import dry_run as preview

        preview(settings, as_json=as_json)
        return
    result, published = run_job(settings)
    _tell(result, published, as_json)
    if published.picked == 0:
        raise PipelineError(
            f"Nothing was picked of {result.counts['candidates']:.0f} frames: all were left out "
            f"or rejected. {published.report} says why; quality.action: tag keeps them all."
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
    out: Path | None,
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
        flags["output"] = {"dir": str(out)}
    return {key: value for key, value in flags.items() if value is not None}


def run_job(settings: "Settings") -> "tuple[WorkerResult, Published]":
    """Run the job in this process and return what it came to.

    Raises:
        ConfigError: wrong use, found before or by an op.
        PipelineError: an op failed; the text is the op's own.
    """
    from pipeline_project.adapters.sources import open_source
    from pipeline_project.core.selection.config import parse_selection_config

    parse_selection_config(settings.selection)
    if settings.source is None or not settings.source.startswith("pexels:"):
        open_source(settings.source, settings.include)

    import dagster as dg

    from pipeline_project.build import build_defs, prepare_dagster_home
    from pipeline_project.settings import use_dagster_home

    with TerminalProgress() as progress:
        published: dict[str, Published] = {}
        defs = build_defs(
            settings,
            resources={"progress": lambda _: progress, "publisher": _publisher(published)},
            loggers={"terminal": _terminal_logger(progress)},
        )
        prepare_dagster_home(settings)
        use_dagster_home(settings)
        job = defs.resolve_job_def(JOB)
        with dg.DagsterInstance.get() as instance:
            run = job.execute_in_process(
                run_config={"loggers": {"terminal": {}}}, instance=instance, raise_on_error=False
            )
    if not run.success:
        raise _failure(run)
    return run.output_for_node("shutdown_instance"), published["it"]


def _publisher(published: "dict[str, Published]") -> "Publisher":
    """The usual publisher, which also leaves what it wrote for the last line to name."""
    from pipeline_project.report.publish import publish
    from pipeline_project.resources.publisher import Publisher

    def publish_and_keep(**given: Any) -> "Published":
        published["it"] = publish(**given)
        return published["it"]

    return Publisher(publish_and_keep)


# Steps that somebody at a terminal waits for; the others speak up only to warn.
_HEARD_STEPS = frozenset(
    {
        "collect_media",
        "download_random_video_from_pexels",
        "upload_video_to_s3",
        "run_worker",
        "schedule_lightly_run",
    }
)
_DAGSTERS_OWN = ("[pipes]", "Skipping step", "Dependencies for step")


class _TerminalHandler(logging.Handler):
    """Shows what ops and worker have to say, not Dagster's own record of events."""

    def __init__(self, progress: TerminalProgress) -> None:
        super().__init__(logging.INFO)
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        """Show one line."""
        about = getattr(record, "dagster_meta", {})
        message = about.get("orig_message") or ""
        if about.get("dagster_event") is not None or not message:
            return
        if message.startswith(_DAGSTERS_OWN):
            return
        if record.levelno >= logging.WARNING:
            self._progress.say(f"warning: {message}")
        elif about.get("step_key") in _HEARD_STEPS:
            self._progress.say(message)


def _terminal_logger(progress: TerminalProgress) -> "dg.LoggerDefinition":
    import dagster as dg

    def terminal(_: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("pipeline", logging.INFO)
        logger.addHandler(_TerminalHandler(progress))
        return logger

    return dg.LoggerDefinition(terminal, description="Lines for the person at the terminal.")


def _failure(run: "dg.ExecuteInProcessResult") -> PipelineError:
    """The error of the first op that failed, as the class its exit code follows from."""
    for event in run.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            about = failure.user_failure_data
            if about is None:
                return _unforeseen(str(event.step_key), failure.error)
            error_class = about.metadata.get("error_class")
            wrong_use = error_class is not None and error_class.value == "ConfigError"
            return (ConfigError if wrong_use else PipelineError)(str(about.description))
    return PipelineError(f"Run {run.run_id} failed before its first op; see `dagster dev`.")


def _unforeseen(step: str, seen: "SerializableErrorInfo | None") -> PipelineError:
    """An error that the op did not expect: its last line alone; the rest is for `--debug`."""
    if seen is None:
        return PipelineError(f"{step} failed, and no reason was given; see `dagster dev`.")
    origin = seen
    while origin.cause is not None:
        origin = origin.cause
    line = origin.message.strip().partition("\n")[0]
    error = PipelineError(
        f"{step} failed: {line}. This was not foreseen; `pipeline --debug curate` with the same "
        "arguments shows where it came from."
    )
    error.__cause__ = PipelineError(seen.to_string())
    return error


def _tell(result: "WorkerResult", published: "Published", as_json: bool) -> None:
    """Say what came out; the last line names the folder."""
    counts = {key: int(value) for key, value in result.counts.items()}
    again = " again: nothing has changed" if result.reused else ""
    say(
        f"{counts['picked']} of {counts['candidates']} frames picked from {counts['media']} files"
        f"{again} ({counts['excluded']} excluded, {counts['duplicates']} duplicates, "
        f"{counts['rejected']} files rejected, {counts['damaged']} damaged)."
    )
    if counts["media"] and not counts["decoded_files"]:
        say("Nothing was uploaded, decoded, scored or embedded: every file was known.")
    if as_json:
        print_json(
            {
                "selection_id": result.selection_id,
                "run_id": result.run_id,
                "commit_id": result.commit_id,
                "reused": result.reused,
                "folder": str(published.folder),
                "report": str(published.report),
                "counts": result.counts,
                "warnings": result.warnings,
                "duration_s": result.duration_s,
            }
        )
        return
    say(f"Report: {published.report.as_uri()}")
    write_line(shown(str(published.folder)))
