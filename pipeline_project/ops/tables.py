"""The lake's tables as Dagster names them: which belong together, and what each comes from.

An asset's code version is that of the stages that make it, so new code makes it stale, and a
change elsewhere does not. Its data version is that of its tables in the lake. Contents that were
removed take their frames out of sight, so `removals` counts as a part of what hangs on frames.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from pipeline_project.adapters.lake.base import Commit
from pipeline_project.worker.stages import VERSIONS

SOURCE = "source"
BATCHES = "ingest_batches"
NEVER_WRITTEN = "empty"


@dataclass(frozen=True, slots=True)
class TableAsset:
    """Tables that one or more stages fill together.

    Attributes:
        name: of the asset.
        tables: patterns of the names of its tables in the lake, the main one first.
        needs: the assets that it is made from.
        stages: that make it.
        description: for people.
    """

    name: str
    tables: tuple[str, ...]
    needs: tuple[str, ...]
    stages: tuple[str, ...]
    description: str

    @property
    def code_version(self) -> str:
        """Changes when one of its stages gives another result for the same input."""
        return ", ".join(f"{stage} {VERSIONS[stage]}" for stage in self.stages)

    def holds(self, table: str) -> bool:
        """Tell whether a table of the lake is one of its own."""
        return any(fnmatchcase(table, pattern) for pattern in self.tables)


TABLE_ASSETS = (
    TableAsset(
        "media",
        ("media", "media_sources"),
        (SOURCE,),
        ("probe",),
        "Every file by its contents, and every place where it was found.",
    ),
    TableAsset(
        "rejects",
        ("rejects",),
        ("media",),
        ("probe", "sample"),
        "Files that could not be used, or only in part, and why.",
    ),
    TableAsset(
        "frames",
        ("frames", "thumbnails", "removals"),
        ("media",),
        ("sample",),
        "The frames that were looked at, with their thumbnails.",
    ),
    TableAsset(
        "scores",
        ("scores", "labels", "removals"),
        ("frames",),
        ("score", "classify"),
        "Every quality measure of every frame, and whether it is sharp, blurred or moiré.",
    ),
    TableAsset(
        "embeddings",
        ("embeddings*", "removals"),
        ("frames",),
        ("embed",),
        "One vector per frame, by which near-duplicates are found and picks are spread.",
    ),
    TableAsset(
        "exclusions",
        ("exclusions",),
        ("scores",),
        ("select",),
        "Frames that were judged unfit, with the measure and its limit.",
    ),
    TableAsset(
        "selections",
        ("selections", "selection_sets", "candidates", "duplicates"),
        ("scores", "embeddings", "exclusions"),
        ("deduplicate", "select", "write"),
        "What was picked, from what, and why.",
    ),
)


@dataclass(slots=True)
class LogFacts:
    """What the commit log says of the assets.

    Attributes:
        head: the newest commit; empty for a lake without one.
        versions: data version by asset: of each of its tables the version that the newest commit
            sees, so it changes with the next commit that writes to one of them; `NEVER_WRITTEN`
            for none.
        added: by asset, rows that the run wrote to its main table.
        media: files with contents never seen before that the run brought.
        commits: ids of the run's commits, newest first.
    """

    head: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    media: int = 0
    commits: list[str] = field(default_factory=list)


def read_log(log: Iterable[Commit], run_id: str, since: datetime) -> LogFacts:
    """Read from the newest commit back to the run's beginning.

    Args:
        log: commits, newest first.
        run_id: whose rows are counted.
        since: before this moment the run had not begun.
    """
    names = [each.name for each in TABLE_ASSETS]
    facts = LogFacts(versions=dict.fromkeys(names, NEVER_WRITTEN), added=dict.fromkeys(names, 0))
    for commit in log:
        if not facts.head:
            facts.head = commit.commit_id
            facts.versions |= {each.name: _version(each, commit) for each in TABLE_ASSETS}
        if datetime.fromisoformat(commit.created_at) < since:
            break
        if commit.run_id == run_id:
            facts.commits.append(commit.commit_id)
            facts.media += commit.counts.get("media", 0)
            for asset in TABLE_ASSETS:
                facts.added[asset.name] += sum(
                    rows
                    for table, rows in commit.counts.items()
                    if fnmatchcase(table, asset.tables[0])
                )
    return facts


def _version(asset: TableAsset, commit: Commit) -> str:
    tables = sorted(commit.table_versions.items())
    own = [f"{table}@{version}" for table, version in tables if asset.holds(table)]
    return " ".join(own) or NEVER_WRITTEN
