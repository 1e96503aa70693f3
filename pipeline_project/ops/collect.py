"""The step that lists a source which the worker can read in place."""

from collections.abc import Iterator

import dagster as dg

from pipeline_project.ops.batch import Batch
from pipeline_project.ops.failures import as_failures
from pipeline_project.ops.listing import batch_metadata, demand_usable, write_batch
from pipeline_project.ops.source_version import tell_seen
from pipeline_project.ops.tables import SOURCE
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.instance import RunInstance
from pipeline_project.resources.selection_service import SelectionClient
from pipeline_project.resources.source import Sources, is_pexels
from pipeline_project.resources.store import RunStore


@dg.op(
    ins={SOURCE: dg.In(dg.Nothing)},
    out=dg.Out(Batch, is_required=False, description="What was listed; nothing for `pexels:`."),
    tags={"dagster/compute_kind": "files"},
)
def collect_media(
    context: dg.OpExecutionContext,
    curation: CurationResource,
    source: dg.ResourceParam[Sources],
    store: dg.ResourceParam[RunStore],
    instance: dg.ResourceParam[RunInstance],
    selection_service: dg.ResourceParam[SelectionClient],
) -> Iterator[dg.Output[Batch]]:
    """List a folder, file or bucket without reading one byte of its media.

    Checks first that the store, the home folder and the instance are usable, so that nothing
    starts that cannot end. Yields nothing when the source is a Pexels query:
    `download_random_video_from_pexels` does the work then.
    """
    with as_failures():
        config = curation.config()
        if is_pexels(config.source):
            context.log.debug("The source is a Pexels query, so nothing is collected here.")
            return
        instance.deadline(config.limits.max_runtime_s)
        demand_usable(instance, store)
        selection_service.demand_usable(config)
        media = source.open(config.source, config.include, config.source_access)
        batch, tally = write_batch(
            store,
            run_id=context.run_id,
            config=config,
            source=media.spec,
            refs=selection_service.fitting(config, media.list()),
            ignored=lambda: media.ignored,
            in_place=True,
        )
        tell_seen(context, curation, batch, tally.version)
    context.log.info(f"Collected {batch.media} files, {batch.size_bytes:,} bytes.")
    yield dg.Output(batch, metadata=batch_metadata(batch, tally))
