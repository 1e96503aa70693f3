"""The lake's tables as assets: what comes from what, which code made it, what is stale.

The tables are made by the same steps as `curation_job`, so "Materialize" in Dagster's UI is one
more run of them, and what a run of either job commits is recorded on the same assets. A run fills
all tables or none, so they are always materialized together.
"""

import warnings

import dagster as dg

from pipeline_project.jobs.curation import select
from pipeline_project.jobs.stale import observed_hourly, stale
from pipeline_project.ops.failures import as_failures
from pipeline_project.ops.lineage import record_lineage
from pipeline_project.ops.listing import Tally
from pipeline_project.ops.publish import publish_selection
from pipeline_project.ops.source_version import version_of
from pipeline_project.ops.tables import BATCHES, SOURCE, TABLE_ASSETS
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.selection_service import SelectionClient
from pipeline_project.resources.source import Sources, is_pexels

GROUP = "lake"
TABLES = dg.AssetSelection.assets(*(each.name for each in TABLE_ASSETS))


def source_asset() -> dg.AssetsDefinition:
    """Make the asset of what is outside: observing it lists the source and reads no file."""

    def observe_source(
        curation: CurationResource,
        source: dg.ResourceParam[Sources],
        selection_service: dg.ResourceParam[SelectionClient],
    ) -> dg.ObserveResult:
        with as_failures():
            config = curation.config()
            tally = Tally()
            if not is_pexels(config.source):
                media = source.open(config.source, config.include, config.source_access)
                for _ in tally.count(selection_service.fitting(config, media.list())):
                    pass
        return dg.ObserveResult(
            asset_key=SOURCE,
            data_version=dg.DataVersion(str(version_of(config.source, tally.version))),
            metadata={
                "files": dg.MetadataValue.int(tally.media),
                "bytes": dg.MetadataValue.int(tally.size_bytes),
            },
        )

    spec = dg.AssetSpec(
        SOURCE,
        group_name=GROUP,
        description="The folder, bucket or query that media come from. It is never written to. "
        "Its data version changes when a file comes, changes or goes.",
        kinds={"files"},
        automation_condition=observed_hourly(),
    )
    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
        made: dg.AssetsDefinition = dg.multi_observable_source_asset(
            name="observe_source", specs=[spec]
        )(observe_source)
    return made


@dg.graph(
    ins={SOURCE: dg.GraphIn(description="What is outside; nothing is handed in.")},
    out={each.name: dg.GraphOut(each.description) for each in TABLE_ASSETS},
)
def curate_tables(source):  # type: ignore[no-untyped-def]  # a place in the graph, no value
    """The steps of `curation_job`; the tables count as made once the selection is published."""
    selected = select(source)
    tables = record_lineage(selected, publish_selection(selected))
    return {each.name: getattr(tables, each.name) for each in TABLE_ASSETS}


def table_assets() -> dg.AssetsDefinition:
    """Make the assets of the tables, with the main job's steps behind them."""
    return dg.AssetsDefinition.from_graph(
        curate_tables,
        group_name=GROUP,
        keys_by_input_name={SOURCE: dg.AssetKey(SOURCE)},
        keys_by_output_name={each.name: dg.AssetKey(each.name) for each in TABLE_ASSETS},
        internal_asset_deps={
            each.name: {dg.AssetKey(need) for need in each.needs} for each in TABLE_ASSETS
        },
        descriptions_by_output_name={each.name: each.description for each in TABLE_ASSETS},
        code_versions_by_output_name={each.name: each.code_version for each in TABLE_ASSETS},
        automation_conditions_by_output_name={
            each.name: stale(of_source=SOURCE in each.needs) for each in TABLE_ASSETS
        },
        tags_by_output_name={each.name: {"dagster/kind/lance": ""} for each in TABLE_ASSETS},
    )


def batches_asset() -> dg.AssetSpec:
    """Describe what came in, day by day: one partition per day that brought new files.

    Not per run and never per file or frame: Dagster's pages slow down beyond 100,000 partitions,
    which are 270 years of days. What became of one file is in the lake's own ledger.
    """
    return dg.AssetSpec(
        BATCHES,
        deps=["media"],
        group_name=GROUP,
        partitions_def=dg.DynamicPartitionsDefinition(name=BATCHES),
        description="New files by the day (UTC) on which they came in; one partition per day that "
        "brought any.",
        kinds={"lance"},
    )
