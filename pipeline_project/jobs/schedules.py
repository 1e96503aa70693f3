"""Runs that begin by the clock; each is switched on in Dagster's UI, or by `schedule.enabled`."""

import dagster as dg

from pipeline_project.core.config import CurationConfig
from pipeline_project.core.schedule_config import ScheduleConfig

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
        mine = dg.RunsFilter(
            job_name=job.name,
            statuses=_ACTIVE,
            tags={"dagster/schedule_name": "nightly_pexels_collection"},
        )
        under_way = context.instance.get_runs(mine, limit=1)
        if under_way:
            return dg.SkipReason(f"Run {under_way[0].run_id} of an earlier night is not done yet.")
        return dg.RunRequest(run_config={"resources": {"curation": {"config": {"source": spec}}}})

    return nightly
