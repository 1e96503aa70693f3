"""The steps that let a selection service do the selecting, as the public guide names them."""

import dagster as dg
import pydantic

from pipeline_project.errors import RemoteFailed
from pipeline_project.ops.batch import Batch
from pipeline_project.ops.failures import as_failures
from pipeline_project.ops.results import headline, result_metadata
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.instance import RunInstance
from pipeline_project.resources.progress import ProgressMaker
from pipeline_project.resources.selection_service import SelectionClient
from pipeline_project.worker.request import WorkerResult, request_key


@dg.op(
    ins={"batch": dg.In(Batch, description="The media; only its run is needed here.")},
    out=dg.Out(Batch, description="The same batch, with a worker ready for it."),
    tags={"dagster/compute_kind": "lightly"},
)
def run_lightly_onprem(
    context: dg.OpExecutionContext,
    batch: Batch,
    curation: CurationResource,
    instance: dg.ResourceParam[RunInstance],
    selection_service: dg.ResourceParam[SelectionClient],
) -> Batch:
    """Have a worker of the selection service ready on the instance.

    Runs while media are uploaded, and waits until the Lightly Worker is idle. The embedded
    service needs no worker ahead of time.
    """
    with as_failures():
        config = curation.config()
        deadline = instance.deadline(config.limits.max_runtime_s)
        instance.start()
        instance.wait_ready(deadline)
        note = selection_service.ensure_worker(config, deadline, context.run_id)
    context.log.info(note)
    context.add_output_metadata({"note": dg.MetadataValue.text(note)})
    return batch


@dg.op(
    ins={
        "batch": dg.In(Batch, description="Media that the service can read."),
        "ready": dg.In(Batch, description="Comes when a worker is ready."),
    },
    out=dg.Out(WorkerResult, description="What the service selected."),
    tags={"dagster/compute_kind": "lightly"},
)
def schedule_lightly_run(
    context: dg.OpExecutionContext,
    batch: Batch,
    ready: Batch,
    curation: CurationResource,
    instance: dg.ResourceParam[RunInstance],
    selection_service: dg.ResourceParam[SelectionClient],
    progress: dg.ResourceParam[ProgressMaker],
) -> WorkerResult:
    """Schedule the selection, follow it to a real end, and fetch what was picked.

    A cancelled or interrupted run cancels the selection.
    """
    with as_failures():
        deadline = instance.deadline(curation.config().limits.max_runtime_s)
        # Again, so that a run which begins with this step, after a failure, holds a lease too.
        instance.start()
        instance.wait_ready(deadline)
        outcome = selection_service.run(
            request_key=request_key(batch.run_id),
            label=context.run_id,
            deadline=deadline,
            progress=progress(context.log),
            keep=instance.keep,
        )
        try:
            result = WorkerResult.model_validate(outcome.facts)
        except pydantic.ValidationError as error:
            raise RemoteFailed(
                f"reading the outcome of selection {outcome.selection_id}: {error}"
            ) from error
    context.log.debug(headline(result))
    for warning in result.warnings:
        context.log.warning(warning)
    context.add_output_metadata(result_metadata(result))
    return result
