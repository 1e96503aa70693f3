"""The steps that start the instance and let it go; on this machine only leases are kept.

Running commands on it is the business of `ops/worker.py` and `ops/lightly_run.py`.
"""

from collections.abc import Iterator

import dagster as dg

from pipeline_project.ops.batch import Batch
from pipeline_project.ops.failures import as_failures
from pipeline_project.resources.instance import RunInstance
from pipeline_project.resources.store import RunStore
from pipeline_project.worker.request import WorkerResult


@dg.op(
    ins={"batches": dg.In(list[Batch], description="From whichever source was chosen.")},
    out={
        "batch": dg.Out(Batch, description="The media to work on."),
        "lightly": dg.Out(Batch, is_required=False, description="Only for the Lightly service."),
    },
    tags={"dagster/compute_kind": "instance"},
)
def start_instance(
    context: dg.OpExecutionContext,
    batches: list[Batch],
    instance: dg.ResourceParam[RunInstance],
) -> Iterator[dg.Output[Batch]]:
    """Take a lease on the instance, ask it to start, and go on without waiting for it.

    It boots while media are uploaded. From here on the run's end lets go of it, however the run
    ends. On this machine there is nothing to start; the lease is written all the same.
    """
    (batch,) = batches
    with as_failures():
        status = instance.start()
    # On this machine nothing started, so nobody need hear of it.
    say = context.log.debug if status.kind == "local" else context.log.info
    say(f"Instance {status.instance_id} is {status.state}; the lease is written.")
    metadata = {
        "instance": dg.MetadataValue.text(status.instance_id),
        "kind": dg.MetadataValue.text(status.kind),
        "state": dg.MetadataValue.text(status.state),
        "leases": dg.MetadataValue.json(
            {lease.run_id: lease.expires_at.isoformat() for lease in status.leases}
        ),
    }
    yield dg.Output(batch, "batch", metadata=metadata)
    if batch.service == "lightly":
        yield dg.Output(batch, "lightly")


@dg.op(
    ins={"results": dg.In(list[WorkerResult], description="From whichever service selected.")},
    out=dg.Out(WorkerResult, description="The same result, with the instance let go."),
    tags={"dagster/compute_kind": "instance"},
)
def shutdown_instance(
    context: dg.OpExecutionContext,
    results: list[WorkerResult],
    instance: dg.ResourceParam[RunInstance],
    store: dg.ResourceParam[RunStore],
) -> WorkerResult:
    """Release the lease; the last run to leave stops an instance that was started for it.

    A run that never gets here, because it failed or was cancelled, lets go at its end.
    """
    (result,) = results
    with as_failures():
        try:
            cost = instance.cost()
            if cost is not None:  # the picks come here next
                cost = cost.with_transfer(store.size_below(result.output_prefix))
        finally:  # whatever the price, it is let go
            outcome = instance.release()
    say = context.log.debug if instance.is_local else context.log.info
    say(outcome.message)
    metadata: dict[str, dg.MetadataValue] = {
        "outcome": dg.MetadataValue.text(outcome.message),
        "stopped": dg.MetadataValue.bool(outcome.stopped),
    }
    if cost is not None:
        metadata["cost since the start"] = dg.MetadataValue.text(str(cost))
        metadata["cost by part"] = dg.MetadataValue.json(dict(cost.parts))
        if cost.usd is not None:
            metadata["cost in US dollars"] = dg.MetadataValue.float(cost.usd)
            result = result.model_copy(update={"counts": {**result.counts, "cost_usd": cost.usd}})
    context.add_output_metadata(metadata)
    return result
