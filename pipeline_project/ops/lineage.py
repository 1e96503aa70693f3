"""The step that tells Dagster what became of the lake's tables, and checks what was added."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipeline_project.adapters.addresses import shown
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.core.checks_config import ChecksConfig
from pipeline_project.ops.failures import as_failures
from pipeline_project.ops.source_version import last_seen, observation, version_of
from pipeline_project.ops.table_checks import CHECKS, Looked, shown_facts
from pipeline_project.ops.tables import (
    BATCHES,
    SOURCE,
    TABLE_ASSETS,
    LogFacts,
    TableAsset,
    read_log,
)
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.store import RunStore
from pipeline_project.worker.request import WorkerResult

_CLOCKS_APART = timedelta(minutes=15)  # the worker's clock may be another machine's
Metadata = dict[str, dg.MetadataValue]


@dg.op(
    ins={
        "result": dg.In(WorkerResult, description="A finished selection."),
        "published": dg.In(dg.Nothing, description="Where this waits until it is published."),
    },
    out={each.name: dg.Out(dg.Nothing, description=each.description) for each in TABLE_ASSETS},
    tags={"dagster/compute_kind": "lance"},
)
def record_lineage(
    context: dg.OpExecutionContext,
    result: WorkerResult,
    curation: CurationResource,
    store: dg.ResourceParam[RunStore],
    lake: dg.ResourceParam[Lake],
    checks: dg.ResourceParam[ChecksConfig],
) -> Iterator[dg.Output[None]]:
    """Record each table as an asset: its data version, its code, its rows, the commit, the checks.

    A table's data version changes with the commit that writes to it. A run that adds nothing
    records the same versions again, so nothing that comes after counts as stale. A day that
    brought new files is a partition of `ingest_batches`.
    """
    own = (
        context.has_assets_def
    )  # started from the assets' page: Dagster records the outputs itself
    with as_failures():
        began = context.instance.get_run_stats(context.run_id).start_time
        since = datetime.fromtimestamp(began, UTC) if began else datetime.now(UTC)
        facts = read_log(lake.log(), result.run_id, since - _CLOCKS_APART)
        request = store.read_request(result.run_id)
        looked = Looked(lake, result, checks)
        verdicts = [(each, each.look(looked)) for each in CHECKS]
    versions = {**facts.versions, SOURCE: last_seen(context.instance)}
    if request.config.source == curation.usual_source and not own:
        versions[SOURCE] = version_of(request.config.source, request.source_version)
        files = int(result.counts.get("listed", 0))
        context.log_event(observation(request.source, versions[SOURCE], files))
    _record_batch(context, facts, request.source)
    for asset in TABLE_ASSETS:
        about = _metadata(asset, facts, result)
        if own:
            version = dg.DataVersion(versions[asset.name])
            with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
                made = dg.Output(None, asset.name, metadata=about, data_version=version)
            yield made
        else:
            tags = _tags(asset, versions)
            context.log_event(dg.AssetMaterialization(asset.name, metadata=about, tags=tags))
            yield dg.Output(None, asset.name)
    for check, verdict in verdicts:
        if not verdict.passed:
            context.log.info(f"{check.asset}, {check.name}: {verdict.summary}")
        if not own:  # else the checks are steps of their own
            evaluation = dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(check.asset),
                check_name=check.name,
                passed=verdict.passed,
                severity=check.severity,
                description=verdict.summary,
                metadata=shown_facts(verdict),
            )
            context.log_event(evaluation)  # type: ignore[arg-type]  # taken, though not declared


def _tags(asset: TableAsset, versions: dict[str, str]) -> dict[str, str]:
    """What Dagster's own materializations carry: with this it tells what is stale, and why."""
    return {
        "dagster/code_version": asset.code_version,
        "dagster/data_version": versions[asset.name],
        "dagster/data_version_is_user_provided": "true",
        **{f"dagster/input_data_version/{need}": versions[need] for need in asset.needs},
        **{f"dagster/input_event_pointer/{need}": "NULL" for need in asset.needs},
    }


def _metadata(asset: TableAsset, facts: LogFacts, result: WorkerResult) -> Metadata:
    """What is shown on the asset: rows, commit, and the stages that made it."""
    counts = result.counts
    in_run = {
        "media": counts.get("media"),
        "rejects": counts.get("rejected"),
        "frames": counts.get("candidates"),
        "scores": counts.get("candidates"),
        "embeddings": counts.get("candidates"),
        "exclusions": counts.get("excluded"),
        "selections": counts.get("picked"),
    }[asset.name]
    about: Metadata = {
        "rows added": dg.MetadataValue.int(facts.added[asset.name]),
        "commit": dg.MetadataValue.text(facts.head),
        "run": dg.MetadataValue.dagster_run(result.run_id),
    }
    if in_run is not None:
        about["dagster/row_count"] = dg.MetadataValue.int(int(in_run))
    stages = [each for each in result.stages if each.name in asset.stages]
    for stage in stages:
        about[f"{stage.name}: done, known, failed"] = dg.MetadataValue.text(
            f"{stage.done:,}, {stage.skipped:,}, {stage.failed:,}"
        )
    if asset.name == "selections":
        about["selection id"] = dg.MetadataValue.text(result.selection_id)
        about["reused"] = dg.MetadataValue.bool(result.reused)
    return about


def _record_batch(context: dg.OpExecutionContext, facts: LogFacts, source: str) -> None:
    """Record the day as an ingest batch, where the run brought files with new contents."""
    if not facts.media:
        return
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    context.instance.add_dynamic_partitions(BATCHES, [day])
    context.log_event(
        dg.AssetMaterialization(
            BATCHES,
            partition=day,
            metadata={
                "new files": dg.MetadataValue.int(facts.media),
                "source": dg.MetadataValue.text(shown(source)),
                "commits": dg.MetadataValue.text(" ".join(facts.commits)),
            },
            tags={"dagster/data_version": facts.commits[0]},
        )
    )
