"""`pipeline collections`: steps over collections of files, of which only what changed is run."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline_project.cli.console import (
    TerminalProgress,
    print_json,
    printable,
    say,
    write_line,
)
from pipeline_project.cli.help import help_of
from pipeline_project.errors import ConfigError, PipelineError

if TYPE_CHECKING:
    from pipeline_project.core.collections.definition import Pipeline
    from pipeline_project.worker.collections.report import PipelineReport, StepReport
    from pipeline_project.worker.collections.walk import Place, Tell, Wish

collections_app = typer.Typer(
    help="Steps over collections of files: glob, cross, union, join, group; only changes are run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The pipeline's YAML, or its folder.")]
Steps = Annotated[
    list[str] | None,
    typer.Option("--step", help="Only this step, the others stay; may be given several times."),
]
Retry = Annotated[
    bool, typer.Option("--retry-failed", help="Try failed datums again, though nothing changed.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line on stdout.")]
Home = Annotated[Path | None, typer.Option(help="State of this installation.")]
Config = Annotated[
    Path | None, typer.Option(help="Settings file (default: pipeline.yaml, if there).")
]
EXAMPLE = "defs.yaml"
_SHOWN_FAILURES = 20


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made, where it is not there.")],
) -> None:
    """Write an example: three measures of images, joined by name, judged by naive Bayes.

    Examples:
      pipeline collections init quality
    """
    from pipeline_project.examples.image_quality.files import write_example

    write_example(folder)
    say(f"{folder / EXAMPLE} explains itself; images/ beside it holds what it reads.")
    write_line(f"{folder / EXAMPLE}")


def plan(
    file: File,
    step: Steps = None,
    retry_failed: Retry = False,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Say how many datums of each step are new, changed, skipped or removed; runs nothing.

    Steps after one that has work are counted as if all its outputs will be different; those that
    come out as before are then skipped.

    Examples:
      pipeline collections plan quality/defs.yaml
    """
    from pipeline_project.worker.collections.run import plan_pipeline

    wish = _wish(file, step, retry_failed)
    _show_report(plan_pipeline(_place(config, home), wish), as_json=as_json, planned=True)


def run(
    file: File,
    step: Steps = None,
    retry_failed: Retry = False,
    processes: Annotated[
        int, typer.Option(min=0, help="Datums worked on at once; 0 is one per processor.")
    ] = 0,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Bring every collection up to date: only new or changed data, code or settings are run.

    Datums that fail are listed with the reason, and the others go on. Exit code 1 means that no
    datum of some step could be done.

    Examples:
      pipeline collections run quality/defs.yaml
      pipeline collections run quality --step cls --retry-failed
    """
    from pipeline_project.worker.collections.run import run_pipeline

    wish = _wish(file, step, retry_failed)
    with TerminalProgress() as progress:

        def tell(name: str, done: int, total: int) -> None:
            progress.update(name, done, total, "datums", "")

        report = run_pipeline(_place(config, home, processes, tell), wish)
    _show_report(report, as_json=as_json, planned=False)
    dead = [each for each in report.steps if each.failed and each.failed == each.datums]
    if dead:
        raise PipelineError(
            f"No datum of step {dead[0].name} could be done, of {dead[0].failed}: "
            f"{dead[0].failures[0].error if dead[0].failures else 'see above'}"
        )


def show(
    file: File,
    collection: Annotated[
        str | None, typer.Argument(metavar="[COLLECTION]", help="A source or step.")
    ] = None,
    rev: Annotated[
        str | None, typer.Option(help="As of this branch, tag or commit (default: now).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the collection's files there.")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    home: Home = None,
) -> None:
    """Show the steps and what they read, or the files of one collection, at any revision.

    Examples:
      pipeline collections show quality/defs.yaml
      pipeline collections show quality/defs.yaml cls
      pipeline collections show quality/defs.yaml cls --out labels
    """
    from pipeline_project.worker.collections.contents import collection_files, write_files
    from pipeline_project.worker.collections.held import Bytes

    pipeline = _pipeline(file)
    place = _place(config, home)
    names = [*(each.name for each in pipeline.sources), *(each.name for each in pipeline.steps)]
    if collection is None:
        if out is not None:
            raise ConfigError("Writing a collection: name which, one of " + ", ".join(names) + ".")
        for name in names:
            files = collection_files(place.lake, pipeline.name, name, rev)
            _show_collection(pipeline, name, len(files), as_json=as_json)
        return
    if collection not in names:
        raise ConfigError(
            f"Showing {collection}: {file} has no such collection; it has {', '.join(names)}."
        )
    files = collection_files(place.lake, pipeline.name, collection, rev)
    if out is not None:
        write_files(files, out, Bytes(place.access))
        say(f"{len(files)} files of {collection} are in {out}.")
        return
    for held in files:
        if as_json:
            print_json({"path": held.path, "sha256": held.sha256, "size_bytes": held.size_bytes})
        else:
            write_line(printable(f"{held.sha256[:12]}  {held.size_bytes:>10,}  {held.path}"))


collections_app.command(help=help_of(init), short_help="Write an example to start from.")(init)
collections_app.command(help=help_of(plan), short_help="What a run would do.")(plan)
collections_app.command(help=help_of(run), short_help="Run what is new or changed.")(run)
collections_app.command(help=help_of(show), short_help="The steps, or a collection's files.")(show)


def _pipeline(file: Path) -> "Pipeline":
    from pipeline_project.worker.collections.reading import read_file

    return read_file(file)


def _wish(file: Path, steps: list[str] | None, retry_failed: bool) -> "Wish":
    from pipeline_project.worker.collections.reading import yaml_file
    from pipeline_project.worker.collections.walk import Wish

    pipeline = _pipeline(file)
    names = [each.name for each in pipeline.steps]
    unknown = [name for name in steps or () if name not in names]
    if unknown:
        raise ConfigError(
            f"--step {unknown[0]}: {file} has no such step; it has {', '.join(names)}."
        )
    return Wish(pipeline, yaml_file(file).absolute().parent, steps or None, retry_failed)


def _place(
    config: Path | None, home: Path | None, processes: int = 0, tell: "Tell | None" = None
) -> "Place":
    from pipeline_project.settings import load_settings
    from pipeline_project.worker.collections.opening import open_place

    settings = load_settings(config, {"home": home} if home is not None else None)
    session = None
    root = settings.home_path.as_uri()
    if settings.on == "aws":
        from pipeline_project.build import aws_session

        if settings.aws.bucket is None:
            raise ConfigError("Opening the lake on AWS (on: aws): aws.bucket is not set.")
        session, root = aws_session(settings), settings.aws.root
    return open_place(
        root,
        run_id=str(uuid.uuid4()),
        session=session,
        source=settings.curation().source_access,
        branch=settings.branch,
        processes=processes or settings.limits.threads or os.cpu_count() or 1,
        tell=tell,
    )


def _show_report(report: "PipelineReport", *, as_json: bool, planned: bool) -> None:
    show_one: Callable[[StepReport, str], None] = _print_facts if as_json else _print_row
    if not as_json:
        words = ("new", "changed", "reused", "skipped", "failed", "removed", "files")
        write_line(f"{'':<20}" + "".join(f"{word:>10}" for word in words))
    for each in report.sources:
        show_one(each, "source")
    for each in report.steps:
        show_one(each, "step")
    for each in report.steps:
        for failure in each.failures[:_SHOWN_FAILURES]:
            say(f"{each.name}: {failure.datum}: {failure.error}")
        if len(each.failures) > _SHOWN_FAILURES:
            say(f"{each.name}: and {len(each.failures) - _SHOWN_FAILURES} more failed")
        if each.recovered:
            say(f"{each.name}: {each.recovered} that had failed are done now")
        if each.open_ended:
            say(f"{each.name}: what new datums will write is not known; more may follow from it")
    if planned:
        return
    say(
        f"Commit {report.commit_id}."
        if report.commit_id
        else "Nothing changed; every collection is as it was."
    )


def _print_row(report: "StepReport", kind: str) -> None:
    counts = (
        report.new,
        report.changed,
        report.reused,
        report.skipped,
        report.failed,
        report.removed,
        report.files,
    )
    write_line(f"{report.name:<20}" + "".join(f"{count:>10,}" for count in counts))


def _print_facts(report: "StepReport", kind: str) -> None:
    failures = [{"datum": each.datum, "error": each.error} for each in report.failures]
    print_json(
        {
            kind: report.name,
            **report.counts,
            "files": report.files,
            "sha256": report.sha256,
            "duration_s": round(report.duration_s, 3),
            "failures": failures,
        }
    )


def _show_collection(pipeline: "Pipeline", name: str, files: int, *, as_json: bool) -> None:
    step = pipeline.step(name)
    reads = list(step.reads) if step else []
    if as_json:
        print_json({"collection": name, "reads": reads, "files": files})
        return
    said = f" - {step.description}" if step and step.description else ""
    arrow = f"  <- {', '.join(reads)}" if reads else "  (source)"
    write_line(printable(f"{name:<20}{files:>8,} files{arrow}{said}"))
