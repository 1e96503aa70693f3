"""The step that brings media to where the worker can read them."""

from collections.abc import Iterator

import dagster as dg

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.ops.batch import Batch
from pipeline_project.ops.failures import as_failures
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.instance import RunInstance
from pipeline_project.resources.store import RunStore
from pipeline_project.worker.known import uploaded_before


@dg.op(
    ins={"batch": dg.In(Batch, description="The collected media.")},
    out={
        "worker": dg.Out(Batch, is_required=False, description="Only for our own worker."),
        "lightly": dg.Out(Batch, is_required=False, description="Only for the Lightly service."),
    },
    tags={"dagster/compute_kind": "s3"},
)
def upload_video_to_s3(
    context: dg.OpExecutionContext,
    batch: Batch,
    curation: CurationResource,
    store: dg.ResourceParam[RunStore],
    instance: dg.ResourceParam[RunInstance],
    lake: dg.ResourceParam[Lake],
) -> Iterator[dg.Output[Batch]]:
    """Upload what the worker cannot read where it is, each file once, under its content hash.

    The embedded worker reads folders in place, any worker reads buckets in place, and a Pexels
    download was stored as it came in; a folder of this machine is uploaded for a worker on AWS.
    """
    with as_failures():
        in_store, in_place = 0, batch.media
        if batch.in_place:
            deadline = instance.deadline(curation.config().limits.max_runtime_s)
            in_store, in_place = store.upload_unreachable(
                batch.run_id,
                earlier=lambda: uploaded_before(lake),
                keep=instance.keep,
                deadline=deadline,
            )
    if not batch.in_place:
        in_store, in_place = batch.media, 0
        note = f"{batch.media} downloaded files are in the store under their content hashes."
    elif in_store:
        note = f"{in_store} files are in the store now, under their content hashes."
    else:
        note = f"The worker reads all {batch.media} files in place; nothing is uploaded."
    context.log.info(note)
    metadata = {
        "note": dg.MetadataValue.text(note),
        "read in place": dg.MetadataValue.int(in_place),
        "in the store": dg.MetadataValue.int(in_store),
    }
    yield dg.Output(batch, batch.service, metadata=metadata)
