"""The last step: writes the folder and the page that people look at."""

import base64

import dagster as dg

from pipeline_project.adapters.addresses import shown
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.ops.failures import as_failures
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.publisher import Published, Publisher
from pipeline_project.resources.store import RunStore
from pipeline_project.worker.request import WorkerResult

MAX_SHEET_BYTES = 180_000  # the run's page loads it with every view


@dg.op(
    ins={"result": dg.In(WorkerResult, description="A finished selection.")},
    out=dg.Out(str, description="Path of the selection's folder."),
    tags={"dagster/compute_kind": "html"},
)
def publish_selection(
    context: dg.OpExecutionContext,
    result: WorkerResult,
    curation: CurationResource,
    store: dg.ResourceParam[RunStore],
    lake: dg.ResourceParam[Lake],
    publisher: dg.ResourceParam[Publisher],
) -> str:
    """Write the picked frames, `selection.csv`, `selection.json` and `report.html`.

    They go to a new folder named after the selection; an older one is never overwritten. Where
    the output is a bucket's prefix, they are copied there, too.
    """
    with as_failures():
        config = curation.config()
        published = publisher.publish(
            lake=lake.on_branch(config.branch), store=store.objects, result=result, config=config
        )
        address = publisher.copy(published, config)
    folder = published.folder.absolute()
    how = "was written before; it stands unchanged" if published.already_there else "is written"
    context.log.info(f"The selection's folder {how}: {shown(str(folder))}")
    metadata: dict[str, dg.MetadataValue] = {
        "folder": dg.MetadataValue.path(shown(str(folder))),
        "report": dg.MetadataValue.url(published.report.absolute().as_uri()),
        "picked": dg.MetadataValue.int(published.picked),
        "files": dg.MetadataValue.int(len(published.files)),
        "already there": dg.MetadataValue.bool(published.already_there),
    }
    if address is not None:
        context.log.info(f"Copied to {shown(address)}")
        metadata["bucket"] = dg.MetadataValue.text(shown(address))
    sheet = contact_sheet(published)
    if sheet:
        metadata["first picks"] = dg.MetadataValue.md(sheet)
    context.add_output_metadata(metadata)
    return str(folder)


def contact_sheet(published: Published, max_bytes: int = MAX_SHEET_BYTES) -> str:
    """Inline the first previews as Markdown images, as many as fit into `max_bytes`."""
    images: list[str] = []
    used = 0
    for number, jpeg in enumerate(published.previews, start=1):
        text = f"![pick {number}](data:image/jpeg;base64,{base64.b64encode(jpeg).decode()})"
        used += len(text) + 1
        if used > max_bytes:
            break
        images.append(text)
    return "\n".join(images)
