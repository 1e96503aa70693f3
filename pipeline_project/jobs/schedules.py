"""Runs that begin by the clock; each is switched on in Dagster's UI, or by `schedule.enabled`."""

import dagster as dg

from pipeline_project.core.config import CurationConfig
from pipeline_project.core.schedule_config import ScheduleConfig
from pipeline_project.core.trigger_config import TriggerConfig

# Runs that are under way or about to be.
_ACTIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ANY_VIDEO = "pexels:popular"


def nightly_pexels_collection(
    job: dg.JobDefinition, config: CurationConfig, schedule: ScheduleConfig
) -> dg.ScheduleDefinition:
    """Make the schedule that brings new videos from Pexels and curates them.

    A night is left out while the last one is still under way: two would only wait for each other.

    Args:
        job: `curation_job`.
        config: its `source` is the query, where it is one of Pexels.
        schedule: when.
    """
    source = config.source or ""
    spec = source if source.startswith("pexels:") else ANY_VIDEO

    @dg.schedule(
        name="nightly_pexels_collection",
        job=job,
        cron_schedule=schedule.cron,
        execution_timezone=schedule.timezone,
        default_status=(
            dg.DefaultScheduleStatus.RUNNING
            if schedule.enabled
            else dg.DefaultScheduleStatus.STOPPED
        ),
        description=f"Downloads new videos ({spec}) and curates them with all that was there.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if run_id := _under_way(context, job, "nightly_pexels_collection"):
            return dg.SkipReason(f"Run {run_id} of an earlier night is not done yet.")
        return dg.RunRequest(run_config={"resources": {"curation": {"config": {"source": spec}}}})

    return nightly


def weekly_selection(job: dg.JobDefinition, triggers: TriggerConfig) -> dg.ScheduleDefinition:
    """Make the schedule that selects once a week from the source of the settings.

    What came since the last selection is what the new picks are taken from; where nothing came,
    the run finds so and ends. A week is left out while the last one's run is under way.

    Args:
        job: `curation_job`.
        triggers: when.
    """

    @dg.schedule(
        name="weekly_selection",
        job=job,
        cron_schedule=triggers.weekly_cron,
        execution_timezone=triggers.weekly_timezone,
        default_status=(
            dg.DefaultScheduleStatus.RUNNING
            if triggers.weekly
            else dg.DefaultScheduleStatus.STOPPED
        ),
        description="Selects from what came to the source since the last selection.",
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if run_id := _under_way(context, job, "weekly_selection"):
            return dg.SkipReason(f"Run {run_id} of an earlier week is not done yet.")
        return dg.RunRequest()

    return weekly


def _under_way(
    context: dg.ScheduleEvaluationContext, job: dg.JobDefinition, schedule: str
) -> str | None:
    """A run of this schedule that has not ended."""
    mine = dg.RunsFilter(
        job_name=job.name, statuses=_ACTIVE, tags={"dagster/schedule_name": schedule}
    )
    runs = context.instance.get_runs(mine, limit=1)
    return runs[0].run_id if runs else None
