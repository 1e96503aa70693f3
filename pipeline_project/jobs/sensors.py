"""The watchers that let go of an instance which a run could not let go of itself.

A run that fails, is cancelled or interrupted releases its lease at its own end. These see to what
is left: a run that was killed, or whose machine went away and came back. They need Dagster's
daemon (`dagster dev`). When that is dead too, the dead-man's switch on the instance remains.
"""

from collections.abc import Callable
from typing import Protocol

import dagster as dg

from pipeline_project.adapters.instances.base import Instances, ReleaseOutcome

REAP_EVERY_S = 60


class Reapable(Protocol):
    """An instance that can be stopped when nobody wants it any more."""

    def reap(self, reaper: str) -> ReleaseOutcome:
        """Stop the instance if it is one that we started and nobody wants; else leave it."""


def release_sensors(open_instance: Callable[[], Instances]) -> list[dg.SensorDefinition]:
    """Make the sensors that release the lease of a run that failed or was cancelled.

    They watch every run of these definitions, those that begin at the assets included; for one
    that held no lease nothing is done.

    Args:
        open_instance: called at each such run's end, so that today's credentials are used.
    """

    def let_go(context: dg.RunStatusSensorContext) -> dg.SkipReason:
        outcome = open_instance().release(context.dagster_run.run_id)
        context.log.info(outcome.message)
        return dg.SkipReason(outcome.message)

    @dg.run_failure_sensor(
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lets go of the instance for a run that failed or was killed.",
    )
    def release_after_failure(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        return let_go(context)

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.CANCELED,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lets go of the instance for a run that was cancelled.",
    )
    def release_after_cancel(context: dg.RunStatusSensorContext) -> dg.SkipReason:
        return let_go(context)

    return [release_after_failure, release_after_cancel]


def reaper_sensor(open_instance: Callable[[], Reapable]) -> dg.SensorDefinition:
    """Make the sensor that stops an instance whose runs have all died without a word.

    Args:
        open_instance: called at each tick.
    """

    @dg.sensor(
        minimum_interval_seconds=REAP_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Stops the instance when a run started it and no run holds a lease any more.",
    )
    def reap_forgotten_instance(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        outcome = open_instance().reap("the reaper sensor")
        if outcome.stopped:
            context.log.warning(outcome.message)
        return dg.SkipReason(outcome.message)

    return reap_forgotten_instance
