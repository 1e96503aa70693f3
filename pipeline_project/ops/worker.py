"""The step that runs our own worker beside the data."""

import dagster as dg

from pipeline_project.ops.batch import Batch
from pipeline_project.ops.failures import as_failures
from pipeline_project.ops.results import headline, result_metadata
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.instance import RunInstance
from pipeline_project.resources.progress import ProgressMaker
from pipeline_project.resources.store import RunStore
from pipeline_project.resources.worker import WorkerClient
from pipeline_project.worker.request import WorkerResult, request_key


@dg.op(
    ins={"batch": dg.In(Batch, description="Media that the worker can read.")},
    out=dg.Out(WorkerResult, description="What the worker wrote down as its result."),
    tags={"dagster/compute_kind": "python"},
)
def run_worker(
    context: dg.OpExecutionContext,
    batch: Batch,
    curation: CurationResource,
    store: dg.ResourceParam[RunStore],
    instance: dg.ResourceParam[RunInstance],
    worker: dg.ResourceParam[WorkerClient],
    progress: dg.ResourceParam[ProgressMaker],
) -> dg.Output[WorkerResult]:
    """Run the worker: probe, sample frames, score, embed, deduplicate, select, write.

    Waits until the instance takes commands, sends the command, follows it live and renews the
    lease. A cancelled or interrupted run ends the command and all that it started.
    """
    with as_failures():
        deadline = instance.deadline(curation.config().limits.max_runtime_s)
        # Again, so that a run which begins with this step, after a failure, holds a lease too.
        instance.start()
        instance.wait_ready(deadline)
        worker.run(
            context,
            request_key=request_key(batch.run_id),
            deadline=deadline,
            progress=progress(context.log),
            keep=instance.keep,
        )
        result = store.read_result(batch.run_id)
    context.log.debug(headline(result))
    for warning in result.warnings:
        context.log.warning(warning)
    # Not the bare result: where a run makes assets, a step with Pipes must say what it means.
    return dg.Output(result, metadata=result_metadata(result))
