"""Runs the job in this process, with its progress on the terminal."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_project.adapters.addresses import is_bucket, place_of, shown
from pipeline_project.cli.console import TerminalProgress
from pipeline_project.errors import ConfigError, PipelineError

if TYPE_CHECKING:
    import dagster as dg
    from dagster_shared.error import SerializableErrorInfo

    from pipeline_project.report.publish import Published
    from pipeline_project.resources.publisher import Publisher
    from pipeline_project.settings import Settings
    from pipeline_project.worker.request import WorkerResult

JOB = "curation_job"
# What the ops and the worker say goes to the terminal and the run's page; nobody prints.
_NO_OUTPUT_CAPTURE = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
    "config": {},
}


def demand_runnable(settings: "Settings") -> None:
    """Look at what was asked for before anything starts.

    Raises:
        ConfigError: a source that is not there, a selection that cannot be made, a folder for
            the result that cannot be written, a machine that this version cannot start.
    """
    from pipeline_project.adapters.embedder import demand_embedder
    from pipeline_project.adapters.sources import open_source
    from pipeline_project.build import build_defs, demand_output_bucket
    from pipeline_project.core.selection.config import parse_selection_config

    parse_selection_config(settings.selection)
    demand_embedder(settings.embedding)
    if settings.source is None or not settings.source.startswith("pexels:"):
        open_source(settings.source, settings.include, settings.curation().source_access)
    if is_bucket(settings.output.dir):
        demand_output_bucket(settings)
    else:
        _demand_folder(place_of(settings.output.dir))
    build_defs(settings)


def _demand_folder(folder: Path) -> None:
    """Demand that a folder is there and writable, or could be made."""
    nearest = folder.expanduser().absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(
            f"Looking at {shown(str(folder))}, the folder for the result: {shown(str(nearest))} is "
            "no folder that can be written. Choose another with --out."
        )


def run_job(settings: "Settings") -> "tuple[WorkerResult, Published]":
    """Run the job in this process and return what it came to.

    Raises:
        ConfigError: wrong use, found before or by an op.
        PipelineError: an op failed; the text is the op's own.
        KeyboardInterrupt: the run was interrupted; its worker is ended and its lease given back.
    """
    from pipeline_project.build import build_defs

    demand_runnable(settings)
    with TerminalProgress() as progress:
        published: dict[str, Published] = {}
        defs = build_defs(
            settings,
            resources={
                "progress": lambda _: progress,
                "publisher": _publisher(settings, published),
            },
            loggers={"terminal": _terminal_logger(progress)},
        )
        job = defs.resolve_job_def(JOB)
        with dagster_instance(settings) as instance:
            run = job.execute_in_process(
                run_config={"loggers": {"terminal": {}}}, instance=instance, raise_on_error=False
            )
    if not run.success:
        raise _failure(run)
    return run.output_for_node("shutdown_instance"), published["it"]


@contextmanager
def dagster_instance(settings: "Settings") -> "Iterator[dg.DagsterInstance]":
    """Open Dagster's own state in the home; the first of several at once makes it for all.

    Raises:
        PipelineError: it is damaged, or cannot be written.
    """
    import dagster as dg
    from dagster._core.instance.ref import InstanceRef
    from sqlalchemy.exc import SQLAlchemyError

    from pipeline_project.build import prepare_dagster_home
    from pipeline_project.settings import use_dagster_home

    home = prepare_dagster_home(settings)
    use_dagster_home(settings)
    try:
        with (home / ".opening").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            overrides = {"compute_logs": _NO_OUTPUT_CAPTURE}
            opened = dg.DagsterInstance.from_ref(
                InstanceRef.from_dir(str(home), overrides=overrides)
            )
            opened.get_runs_count()  # makes the database, where there is none yet
    except (SQLAlchemyError, dg.DagsterError, OSError) as error:
        line = str(error).strip().partition("\n")[0]
        raise PipelineError(
            f"Opening Dagster's state in {shown(str(home))}: {type(error).__name__}: {line}. Move "
            "that folder away and run again: only the history of runs is lost with it."
        ) from error
    with opened as instance:
        yield instance


def _publisher(settings: "Settings", published: "dict[str, Published]") -> "Publisher":
    """The usual publisher, which also leaves what it wrote for the last line to name."""
    from pipeline_project.build import make_publisher
    from pipeline_project.report.publish import publish

    def publish_and_keep(**given: Any) -> "Published":
        published["it"] = publish(**given)
        return published["it"]

    return make_publisher(settings, publish_and_keep)


# Steps that somebody at a terminal waits for; the others speak up only to warn.
_HEARD_STEPS = frozenset(
    {
        "collect_media",
        "download_random_video_from_pexels",
        "upload_video_to_s3",
        "run_lightly_onprem",
        "run_worker",
        "schedule_lightly_run",
        "shutdown_instance",
        "start_instance",
    }
)
_INTERRUPTS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")
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
            if failure.error is not None and failure.error.cls_name in _INTERRUPTS:
                raise KeyboardInterrupt
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
