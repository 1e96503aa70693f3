"""What the source held when it was last listed, as Dagster knows it."""

import dagster as dg

from pipeline_project.adapters.addresses import shown
from pipeline_project.ops.batch import Batch
from pipeline_project.ops.tables import SOURCE
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.source import is_pexels

UNSEEN = "INITIAL"  # Dagster's own word for an outside asset that nobody looked at


def version_of(source: str | None, listing_version: str) -> str:
    """Give the source's data version.

    A query of Pexels is never seen whole, so its words are its version: it alone makes nothing
    stale.
    """
    return source if source is not None and is_pexels(source) else listing_version


def observation(source: str, version: str, files: int) -> dg.AssetObservation:
    """Say what was seen of the source."""
    return dg.AssetObservation(
        SOURCE,
        metadata={
            "source": dg.MetadataValue.text(shown(source)),
            "files": dg.MetadataValue.int(files),
        },
        tags={"dagster/data_version": version},
    )


def tell_seen(
    context: dg.OpExecutionContext, curation: CurationResource, batch: Batch, listing_version: str
) -> None:
    """Record what was listed, in a run that Dagster started to make the tables.

    Dagster notes there by itself which version of the source the tables were made of, so it must
    know that version first. Other runs record it together with the tables, at their end: a
    version that is known long before its tables would make them look stale meanwhile.
    """
    source = curation.config().source
    if context.has_assets_def and source == curation.usual_source:
        version = version_of(source, listing_version)
        context.log_event(observation(batch.source, version, batch.media))


def last_seen(instance: dg.DagsterInstance) -> str:
    """The version that the source had when somebody last looked."""
    records = instance.fetch_observations(dg.AssetKey(SOURCE), limit=1).records
    seen = records[0].asset_observation if records else None
    return (seen.tags or {}).get("dagster/data_version", UNSEEN) if seen else UNSEEN
