"""Checks a run before it costs anything, and writes its listing and its request."""

import hashlib
from collections.abc import Callable, Iterable, Iterator

import dagster as dg

from pipeline_project.adapters.addresses import shown
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef
from pipeline_project.errors import ConfigError
from pipeline_project.ops.batch import Batch
from pipeline_project.resources.instance import RunInstance
from pipeline_project.resources.store import RunStore
from pipeline_project.worker.request import WorkerRequest

SHOWN_FILES = 20


def demand_usable(instance: RunInstance, store: RunStore) -> None:
    """Look at everything that a run needs before anything starts.

    Raises:
        ConfigError: something is missing; lists all that is.
    """
    problems: list[str] = []
    for problem in [*store.check(), *instance.check()]:
        # A wrong key is found in every place that is looked at: it is told once.
        if not any((each.partition(": ")[2] or each) in problem for each in problems):
            problems.append(problem)
    if problems:
        raise ConfigError(
            "checking that the run can start and end; nothing was started:\n- "
            + "\n- ".join(problems)
        )


class Tally:
    """Counts what passes through, hashes it, and keeps the first few for show."""

    def __init__(self) -> None:
        self.media = 0
        self.size_bytes = 0
        self.first: list[MediaRef] = []
        self._hash = hashlib.sha256()

    @property
    def version(self) -> str:
        """Hash of addresses, sizes and fingerprints: changes when a file comes, changes, goes."""
        return self._hash.hexdigest()

    def count(self, refs: Iterable[MediaRef]) -> Iterator[MediaRef]:
        """Pass the references on unchanged."""
        for ref in refs:
            self.media += 1
            self.size_bytes += ref.size_bytes
            line = f"{ref.uri}\0{ref.size_bytes}\0{ref.fingerprint}\n"
            self._hash.update(line.encode("utf-8", "surrogateescape"))
            if len(self.first) < SHOWN_FILES:
                self.first.append(ref)
            yield ref


def write_batch(
    store: RunStore,
    *,
    run_id: str,
    config: CurationConfig,
    source: str,
    refs: Iterable[MediaRef],
    ignored: Callable[[], int],
    in_place: bool,
) -> tuple[Batch, Tally]:
    """Write a run's listing, and then the request that stands for it.

    Args:
        store: where both go.
        run_id: names both.
        config: what is asked of the worker.
        source: as shown to people.
        refs: the media, consumed once.
        ignored: tells what the listing left out; asked after the listing.
        in_place: whether the worker reads the media where they are.

    Raises:
        ConfigError: there is nothing to work on.
    """
    tally = Tally()
    store.write_listing(run_id, tally.count(refs))
    left_out = ignored()
    if tally.media == 0:
        patterns = f" that match {config.include}" if config.include else ""
        raise ConfigError(
            f"listing {source}: no images or videos{patterns} found; other files ignored: "
            f"{left_out}. Check the path and the `include` patterns."
        )
    batch = Batch(
        run_id=run_id,
        source=source,
        service=config.service,
        media=tally.media,
        size_bytes=tally.size_bytes,
        ignored=left_out,
        in_place=in_place,
    )
    store.write_request(
        WorkerRequest(
            run_id=run_id,
            config=config,
            source=source,
            ignored=left_out,
            source_version=tally.version,
        )
    )
    return batch, tally


def batch_metadata(batch: Batch, tally: Tally) -> dict[str, dg.MetadataValue]:
    """Describe a batch on the run's page."""
    columns = [
        dg.TableColumn("name", "string"),
        dg.TableColumn("bytes", "int"),
        dg.TableColumn("uri", "string"),
    ]
    records = [
        dg.TableRecord({"name": shown(ref.name), "bytes": ref.size_bytes, "uri": shown(ref.uri)})
        for ref in tally.first
    ]
    return {
        "source": dg.MetadataValue.text(shown(batch.source)),
        "media": dg.MetadataValue.int(batch.media),
        "bytes": dg.MetadataValue.int(batch.size_bytes),
        "ignored": dg.MetadataValue.int(batch.ignored),
        "service": dg.MetadataValue.text(batch.service),
        f"first {SHOWN_FILES} files": dg.MetadataValue.table(
            records=records, schema=dg.TableSchema(columns=columns)
        ),
    }
