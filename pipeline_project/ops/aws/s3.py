"""The step that brings media to where the worker can read them."""

from collections.abc import Iterator

import dagster as dg

from pipeline_project.ops.batch import Batch


@dg.op(
    ins={"batch": dg.In(Batch, description="The collected media.")},
    out={
        "worker": dg.Out(Batch, is_required=False, description="Only for our own worker."),
        "lightly": dg.Out(Batch, is_required=False, description="Only for the Lightly service."),
    },
    tags={"dagster/compute_kind": "s3"},
)
def upload_video_to_s3(context: dg.OpExecutionContext, batch: Batch) -> Iterator[dg.Output[Batch]]:
    """Upload what the worker cannot read where it is, each file once, under its content hash.

    The embedded worker reads folders in place, and a Pexels download was stored as it came in;
    so nothing is left to upload then.
    """
    uploaded = 0 if batch.in_place else batch.media
    if batch.in_place:
        note = f"The worker reads all {batch.media} files in place; nothing is uploaded."
    else:
        note = f"{batch.media} downloaded files are in the store under their content hashes."
    context.log.info(note)
    metadata = {
        "note": dg.MetadataValue.text(note),
        "read in place": dg.MetadataValue.int(batch.media - uploaded),
        "in the store": dg.MetadataValue.int(uploaded),
    }
    yield dg.Output(batch, batch.service, metadata=metadata)
