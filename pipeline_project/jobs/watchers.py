"""The sensors that start a run when media come: to a folder, to a bucket, by a bucket's events.

They differ only in how they look. What they see goes into a book (`adapters/events/book.py`); a
run over the whole place is asked for when enough waits, and the files count as taken once it has
ended well. Known files cost such a run next to nothing. One run at a time is asked for.
"""

import json
import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import dagster as dg

from pipeline_project.adapters.events.book import Batch, Book
from pipeline_project.adapters.waiting import Deadline
from pipeline_project.core.batching import due, pause_s
from pipeline_project.core.trigger_config import TriggerConfig
from pipeline_project.errors import PipelineError

BATCH_TAG = "pipeline_project/batch"
TRIGGER_TAG = "pipeline_project/trigger"
LOOK_S = 20.0  # of a tick; Dagster gives it 60
_BAD_ENDS = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """One watcher.

    Attributes:
        name: of the sensor.
        what: it watches, for people.
        source: what a run reads.
        open_book: opens its book, for one tick.
        look: writes what is new into the book until the deadline, and says in a few words what it
            saw; warnings go to the log.
    """

    name: str
    what: str
    source: str
    open_book: Callable[[], Book]
    look: Callable[[Book, Deadline, Log], str]


def watcher(watch: Watch, job: dg.JobDefinition, config: TriggerConfig) -> dg.SensorDefinition:
    """Make the sensor of a watch.

    A tick never raises for what it saw: trouble in looking is logged, shown as the reason why
    nothing was started, and looked at again by the next tick.

    Args:
        watch: what is looked at.
        job: `curation_job`.
        config: when files are enough for a run, and how often a failed one is tried again.
    """

    @dg.sensor(
        name=watch.name,
        job=job,
        minimum_interval_seconds=config.every_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Watches {watch.what} and starts a run on {watch.source} when enough waits.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            with closing(watch.open_book()) as book:
                said = _look(watch, book, context.log.warning)
                answer = _decide(watch, book, context, config, said)
                context.update_cursor(_summary(book))
                return answer
        except PipelineError as error:
            context.log.error(str(error))
            return dg.SkipReason(str(error))

    return sensor


def _look(watch: Watch, book: Book, warn: Log) -> str:
    try:
        return watch.look(book, Deadline(LOOK_S), warn)
    except PipelineError as error:
        # What waits already need not wait for this to be mended.
        warn(str(error))
        return str(error)


def _decide(
    watch: Watch,
    book: Book,
    context: dg.SensorEvaluationContext,
    config: TriggerConfig,
    said: str,
) -> dg.RunRequest | dg.SkipReason:
    batch = book.asked()
    if batch is not None:
        runs = context.instance.get_runs(dg.RunsFilter(tags={BATCH_TAG: batch.key}))
        ends = {run.status for run in runs}
        if not runs:  # the tick that asked did not live to see its run made
            return _request(watch, batch)
        if dg.DagsterRunStatus.SUCCESS in ends:
            book.done(batch)
        elif ends - set(_BAD_ENDS):
            return dg.SkipReason(f"Run {runs[0].run_id} takes {batch.files:,} files. {said}")
        else:
            _failed(book, batch, runs[0], config, context.log.warning)
    waiting = book.waiting()
    reason = due(waiting, config)
    held_s = book.held_back_s()
    if reason is None:
        moving = book.moving()
        still = f", {moving:,} may still be written" if moving else ""
        return dg.SkipReason(f"{waiting.files:,} files wait{still}. {said}")
    if held_s:
        until = "until another one comes" if math.isinf(held_s) else f"for {held_s:.0f} s"
        return dg.SkipReason(f"{waiting.files:,} files wait {until}: their last run failed. {said}")
    batch = book.ask()
    context.log.info(f"A run on {watch.source}: {reason}.")
    return _request(watch, batch)


def _failed(book: Book, batch: Batch, run: dg.DagsterRun, config: TriggerConfig, warn: Log) -> None:
    """A person who cancels a run does not want it again at once; a failure is tried again."""
    last = batch.attempts >= config.attempts or run.status == dg.DagsterRunStatus.CANCELED
    pause = math.inf if last else pause_s(batch.attempts, config)
    book.failed(batch, pause)
    then = "when another file comes" if last else f"in {pause:.0f} s"
    warn(
        f"Run {run.run_id} ended as {run.status.value} (attempt {batch.attempts} of "
        f"{config.attempts}); its {batch.files:,} files are tried again {then}."
    )


def _request(watch: Watch, batch: Batch) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=batch.key,
        run_config={"resources": {"curation": {"config": {"source": watch.source}}}},
        tags={BATCH_TAG: batch.key, TRIGGER_TAG: watch.name},
    )


def _summary(book: Book) -> str:
    """The cursor: small, for people to read; the truth is in the book."""
    waiting, asked = book.waiting(), book.asked()
    return json.dumps(
        {
            "waiting": waiting.files,
            "waiting_bytes": waiting.size_bytes,
            "moving": book.moving(),
            "batch": asked.key if asked else None,
        }
    )
