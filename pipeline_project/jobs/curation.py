"""The main job and its twin: one graph, two defaults of who selects.

::

    download_random_video_from_pexels | collect_media -> start_instance -> upload_video_to_s3
    upload_video_to_s3 -> run_worker                                   (service: worker)
    start_instance -> run_lightly_onprem -> schedule_lightly_run       (service: lightly)
    run_worker | schedule_lightly_run -> shutdown_instance -> record_lineage, publish_selection

Which source and which service is configuration; an op that is not wanted yields nothing, and
what hangs on it is skipped. Resources come from `build.py`, except the configuration.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from pipeline_project.core.config import CurationConfig
from pipeline_project.ops.aws.ec2 import shutdown_instance, start_instance
from pipeline_project.ops.aws.s3 import upload_video_to_s3
from pipeline_project.ops.collect import collect_media
from pipeline_project.ops.lightly_run import run_lightly_onprem, schedule_lightly_run
from pipeline_project.ops.lineage import record_lineage
from pipeline_project.ops.pexels import download_random_video_from_pexels
from pipeline_project.ops.publish import publish_selection
from pipeline_project.ops.worker import run_worker
from pipeline_project.resources.curation import curation_resource


def select(*source: Any) -> Any:
    """Place every step up to a finished selection; `source` is what the first ones wait for."""
    started = start_instance([download_random_video_from_pexels(*source), collect_media(*source)])
    uploaded = upload_video_to_s3(started.batch)
    by_worker = run_worker(uploaded.worker)
    by_lightly = schedule_lightly_run(uploaded.lightly, run_lightly_onprem(started.lightly))
    return shutdown_instance([by_worker, by_lightly])


@dg.graph
def curation() -> None:
    """From a source of media to a small, clean, diverse, versioned set of frames."""
    selected = select()
    record_lineage(selected)  # also where publishing fails: the tables are as they are
    publish_selection(selected)


def make_jobs(
    resources: Mapping[str, object], defaults: CurationConfig | None = None
) -> list[dg.JobDefinition]:
    """Make `curation_job` and `aws_example_job`.

    Args:
        resources: one object per key of `pipeline_project.resources`, without `curation`.
        defaults: what the launchpad starts from; `aws_example_job` starts from the same, with
            the Lightly service.
    """
    worker = defaults or CurationConfig.model_validate({})
    lightly = worker.model_copy(update={"service": "lightly"})
    return [
        _job(
            "curation_job",
            "Pick a small, clean, diverse set of frames from videos and images; our own worker "
            "selects.",
            worker,
            resources,
        ),
        _job(
            "aws_example_job",
            "The public Lightly-on-AWS guide, step by step: the same graph as `curation_job`, "
            "with the Lightly service selecting.",
            lightly,
            resources,
        ),
    ]


def _job(
    name: str, description: str, defaults: CurationConfig, resources: Mapping[str, object]
) -> dg.JobDefinition:
    return curation.to_job(
        name=name,
        description=description,
        # Bound here and not in `Definitions`: the two jobs differ in the configuration, and a job
        # that binds one resource must bind all.
        resource_defs={**resources, "curation": curation_resource(defaults)},
        # The ops wait for other programs; a process for each would cost seconds and win nothing.
        executor_def=dg.in_process_executor,
        tags={"pipeline_project/service": defaults.service},
    )
