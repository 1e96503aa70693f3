"""The step that fetches random videos from Pexels."""

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import dagster as dg

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.adapters.sources.base import MediaSource
from pipeline_project.adapters.sources.pexels_choice import parse_spec, video_name
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import MediaUnreadable
from pipeline_project.ops.batch import Batch
from pipeline_project.ops.failures import as_failures
from pipeline_project.ops.listing import batch_metadata, demand_usable, write_batch
from pipeline_project.ops.source_version import tell_seen
from pipeline_project.ops.tables import SOURCE
from pipeline_project.resources.curation import CurationResource
from pipeline_project.resources.instance import RunInstance
from pipeline_project.resources.selection_service import SelectionClient
from pipeline_project.resources.source import PexelsAsk, Sources, is_pexels
from pipeline_project.resources.store import RunStore


@dg.op(
    ins={SOURCE: dg.In(dg.Nothing)},
    out=dg.Out(Batch, is_required=False, description="The videos; nothing for other sources."),
    tags={"dagster/compute_kind": "pexels"},
)
def download_random_video_from_pexels(
    context: dg.OpExecutionContext,
    curation: CurationResource,
    source: dg.ResourceParam[Sources],
    store: dg.ResourceParam[RunStore],
    instance: dg.ResourceParam[RunInstance],
    selection_service: dg.ResourceParam[SelectionClient],
    lake: dg.ResourceParam[Lake],
) -> Iterator[dg.Output[Batch]]:
    """Download random videos that match a Pexels query, with their attribution.

    Never one that an earlier run brought: the lake knows them. They are stored under their
    content hash. Yields nothing unless the source begins with `pexels:`; needs PEXELS_API_KEY.
    """
    with as_failures():
        config = curation.config()
        if config.source is None or not is_pexels(config.source):
            context.log.debug("The source is no Pexels query, so nothing is downloaded.")
            return
        deadline = instance.deadline(config.limits.max_runtime_s)
        seed = _seed(context.run_id, config)
        # Opened first: without a key nothing else need be tried.
        media = source.open_pexels(
            PexelsAsk(
                config.source, config.pexels, seed, lambda names: known(lake, names), deadline
            )
        )
        demand_usable(instance, store)
        selection_service.demand_usable(config)
        again = _stored_before(config.source, lake, store)
        batch, tally = write_batch(
            store,
            run_id=context.run_id,
            config=config,
            source=media.spec,
            refs=[again] if again else _fetched(media, store, context.log),
            ignored=lambda: media.ignored,
            in_place=False,
        )
        tell_seen(context, curation, batch, tally.version)
    for ref in tally.first:
        context.log.info(f"{ref.name}: {ref.attribution.get('credit', '')}")
    yield dg.Output(
        batch,
        metadata={
            **batch_metadata(batch, tally),
            "credits": _credits(tally.first),
            "seed": dg.MetadataValue.int(seed),
        },
    )


def known(lake: Lake, names: Collection[str]) -> set[str]:
    """Which of these videos earlier runs brought."""
    return {row["name"] for row in _rows(lake, names)}


def _seed(run_id: str, config: CurationConfig) -> int:
    if config.pexels.seed is not None:
        return config.pexels.seed
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:4], "big")


def _fetched(media: MediaSource, store: RunStore, log: dg.DagsterLogManager) -> Iterator[MediaRef]:
    """Bring each listed video into the store and refer to it there.

    A video that is gone between the listing and the download costs that video alone.
    """
    lost: list[MediaUnreadable] = []
    brought = 0
    for ref in media.list():
        log.info(f"Downloading {ref.name} ({ref.size_bytes:,} bytes as listed).")
        try:
            with media.fetch(ref.uri) as path:
                uri, etag = store.add_media(path, PurePosixPath(ref.name).suffix)
                size_bytes = path.stat().st_size
        except MediaUnreadable as error:
            log.warning(str(error))
            lost.append(error)
            continue
        brought += 1
        yield replace(ref, uri=uri, fingerprint=etag, size_bytes=size_bytes)
    if lost and not brought:
        raise lost[0]


def _stored_before(spec: str, lake: Lake, store: RunStore) -> MediaRef | None:
    """A video asked for by its id that is in the store already; nothing is requested then."""
    query = parse_spec(spec)
    if query.kind != "id":
        return None
    root = store.objects.root.rstrip("/") + "/"
    for row in _rows(lake, [video_name(query.video_id)]):
        if row["uri"].startswith(root) and store.objects.exists(row["uri"].removeprefix(root)):
            return MediaRef(
                uri=row["uri"],
                name=row["name"],
                source=spec,
                size_bytes=row["size_bytes"],
                fingerprint=row["fingerprint"],
                attribution=json.loads(row["attribution"]),
            )
    return None


def _rows(lake: Lake, names: Collection[str]) -> list[dict[str, Any]]:
    """What the lake knows of videos of Pexels by these names; a user's own file may have one."""
    rows = lake.read(TABLES["media_sources"], where=("name", set(names))).to_pylist()
    return [row for row in rows if json.loads(row["attribution"]).get("provider") == "Pexels"]


def _credits(refs: list[MediaRef]) -> dg.MetadataValue:
    """Name the authors as Pexels asks: a link to each video's page, and to Pexels."""
    lines = [
        f"- [{each.attribution['credit']}]({each.attribution['credit_url']})"
        for each in refs
        if each.attribution.get("credit")
    ]
    return dg.MetadataValue.md(
        "\n".join([*lines, "", "Videos provided by [Pexels](https://www.pexels.com)"])
    )
