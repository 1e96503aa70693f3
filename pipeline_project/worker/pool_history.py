"""A dataset's past, for people: its selections, what counts of it now, and what was taken back."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.errors import ConfigError
from pipeline_project.worker.datapool import EarlierSelection, earlier_selections
from pipeline_project.worker.pool_edits import (
    EditKind,
    PoolEdit,
    forgotten,
    live_edits,
    read_edits,
    record_edits,
)
from pipeline_project.worker.review import read_review

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PastPick:
    """A pick that new ones stay away from."""

    frame_id: str
    selection_id: str
    file: str


@dataclass(frozen=True, slots=True)
class PoolHistory:
    """One dataset's past.

    Attributes:
        dataset: its name.
        selections: all that were made, oldest first.
        picks: that count now, each frame once.
        files: hash -> name of the files that count as looked at.
        edits: all, oldest first.
        names: hash -> name of all files that were ever looked at.
        rejected: picks that people rejected, and that do not count therefore.
    """

    dataset: str
    selections: list[EarlierSelection]
    picks: list[PastPick]
    files: dict[str, str]
    edits: list[PoolEdit]
    names: dict[str, str]
    rejected: int

    def picked_of(self, selection_id: str) -> int:
        """Picks of one selection that count now."""
        return sum(each.selection_id == selection_id for each in self.picks)


def datasets(lake: Lake) -> list[str]:
    """Names of all datasets that have a past."""
    rows = lake.read(TABLES["selection_sets"], columns=["dataset"])
    return sorted(set(rows["dataset"].to_pylist()))


def read_history(lake: Lake, dataset: str) -> PoolHistory:
    """Read a dataset's past.

    Raises:
        ConfigError: there is no such dataset; the message lists those that there are.
    """
    selections = earlier_selections(lake, dataset)
    if not selections:
        known = ", ".join(datasets(lake)) or "none"
        raise ConfigError(
            f"Looking for the past of dataset {dataset!r}: nothing was selected for it yet. "
            f"Datasets with a past: {known}."
        )
    edits = read_edits(lake, dataset)
    live = live_edits(edits)
    made_at = {each.selection_id: each.created_at for each in selections}
    of_them = ("selection_id", set(made_at))
    columns = ["selection_id", "media_sha256"]
    looked = (
        lake.read(TABLES["candidates"], columns=[*columns, "sample_key"], where=of_them)
        .group_by([*columns, "sample_key"])
        .aggregate([])
    )
    rows = lake.read(
        TABLES["selections"], columns=["selection_id", "frame_id"], where=of_them
    ).to_pylist()
    names = _names(lake, set(looked["media_sha256"].to_pylist()))
    no_more = read_review(lake, dataset).rejected
    picks: dict[str, PastPick] = {}
    for row in rows:
        frame, selection_id = row["frame_id"], row["selection_id"]
        if frame not in no_more and not forgotten(live, frame, made_at[selection_id]):
            file = names.get(frame.partition(":")[0], [""])[0]
            picks.setdefault(frame, PastPick(frame, selection_id, file))
    files = {
        row["media_sha256"]: names.get(row["media_sha256"], [row["media_sha256"]])[0]
        for row in looked.to_pylist()
        if row["sample_key"]
        and not forgotten(live, row["media_sha256"], made_at[row["selection_id"]])
    }
    return PoolHistory(
        dataset=dataset,
        selections=selections,
        picks=list(picks.values()),
        files=files,
        edits=edits,
        names={sha256: first for sha256, (first, *_) in names.items()},
        rejected=len(no_more & {row["frame_id"] for row in rows}),
    )


def forget(
    lake: Lake,
    dataset: str,
    *,
    frames: Sequence[str] = (),
    sources: Sequence[str] = (),
    everything: bool = False,
) -> tuple[int, int]:
    """Take back part of a dataset's past; returns how many picks and files no longer count.

    Args:
        lake: holds it.
        dataset: whose.
        frames: frame ids of picks.
        sources: files, by name, address or hash: their picks, and that they were looked at.
        everything: all of it.

    Raises:
        ConfigError: there is no such dataset, pick or file.
    """
    before = read_history(lake, dataset)
    edits: list[tuple[EditKind, str]] = [("all", "")] if everything else []
    known = {each.frame_id for each in before.picks}
    for frame in frames:
        if frame not in known:
            raise ConfigError(
                f"Removing frame {frame!r} from the past of dataset {dataset!r}: it is no pick "
                "that counts. `pipeline datapool show --picks` lists them."
            )
        edits.append(("frame", frame))
    for source in sources:
        edits += [("source", sha256) for sha256 in _find(lake, before, source)]
    record_edits(lake, dataset, edits)
    after = read_history(lake, dataset)
    return len(before.picks) - len(after.picks), len(before.files) - len(after.files)


def rebuild(lake: Lake, dataset: str) -> tuple[int, int]:
    """Read a dataset's past from its selections alone again; returns what that adds.

    Returns:
        Picks and files that count again.
    """
    before = read_history(lake, dataset)
    if not live_edits(before.edits):
        return 0, 0
    record_edits(lake, dataset, [("rebuild", "")])
    after = read_history(lake, dataset)
    return len(after.picks) - len(before.picks), len(after.files) - len(before.files)


def _find(lake: Lake, history: PoolHistory, source: str) -> list[str]:
    """Hashes of the files that a name, address or hash means."""
    names = _names(lake, set(history.files))
    found = [sha256 for sha256 in history.files if source in (sha256, *names.get(sha256, ()))]
    if not found:
        some = ", ".join(sorted(history.files.values())[:_SHOWN]) or "none"
        raise ConfigError(
            f"Removing source {source!r} from the past of dataset {history.dataset!r}: no such "
            f"file counts as looked at. Among those that do: {some}."
        )
    return found


def _names(lake: Lake, hashes: set[str]) -> dict[str, list[str]]:
    """Names and addresses under which contents were met, the first name first."""
    rows = lake.read(
        TABLES["media_sources"],
        columns=["sha256", "name", "uri", "seen_at"],
        where=("sha256", hashes),
    ).to_pylist()
    found: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row["seen_at"]):
        found.setdefault(row["sha256"], []).extend((row["name"], row["uri"]))
    return found
