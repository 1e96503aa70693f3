"""The step that fetches a random video from Pexels."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import dagster as dg

from pipeline_project.adapters.sources.base import MediaSource
from pipeline_project.core.records import MediaRef
from pipeline_project.ops.batch import Batch
from pipeline_project.ops.failures import as_failures
from pipeline_project.ops.listing import batch_metadata, demand_usable, write_batch
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.instance import RunInstance
from pipeline_project.resources.source import Sources, is_pexels
from pipeline_project.resources.store import RunStore


@dg.op(
    out=dg.Out(Batch, is_required=False, description="The video; nothing for other sources."),
    tags={"dagster/compute_kind": "pexels"},
)
def download_random_video_from_pexels(
    context: dg.OpExecutionContext,
    curation: CurationResource,
    source: dg.ResourceParam[Sources],
    store: dg.ResourceParam[RunStore],
    instance: dg.ResourceParam[RunInstance],
) -> Iterator[dg.Output[Batch]]:
    """Download one random video that matches a Pexels query, with its attribution.

    It is stored under its content hash, so the same video is stored and worked on once. Yields
    nothing unless the source is `pexels:query`; needs PEXELS_API_KEY.
    """
    with as_failures():
        config = curation.config()
        if config.source is None or not is_pexels(config.source):
            context.log.debug("The source is no Pexels query, so nothing is downloaded.")
            return
        # Opened first: without a key nothing else need be tried.
        seed = int.from_bytes(hashlib.sha256(context.run_id.encode()).digest()[:4], "big")
        media = source.open_pexels(config.source, seed)
        instance.deadline(config.limits.max_runtime_s)
        demand_usable(instance, store)
        batch, tally = write_batch(
            store,
            run_id=context.run_id,
            config=config,
            source=media.spec,
            refs=_fetched(media, store),
            ignored=lambda: media.ignored,
            in_place=False,
        )
    credit = {
        name: dg.MetadataValue.text(text) for name, text in tally.first[0].attribution.items()
    }
    context.log.info(f"Downloaded {tally.first[0].name}.")
    yield dg.Output(
        batch,
        metadata={**batch_metadata(batch, tally), **credit, "seed": dg.MetadataValue.int(seed)},
    )


def _fetched(media: MediaSource, store: RunStore) -> Iterator[MediaRef]:
    """Bring each listed video into the store and refer to it there."""
    for ref in media.list():
        with media.fetch(ref.uri) as path:
            uri, etag = store.add_media(path, PurePosixPath(ref.name).suffix)
            yield replace(ref, uri=uri, fingerprint=etag, size_bytes=path.stat().st_size)
