"""A dataset's past, for people: its selections, what counts of it now, and what was taken back."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
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
from pipeline_project.worker.reviewing import ACCEPTED, KEPT, RESCUED

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PastPick:
    """A pick that new ones stay away from."""

    frame_id: str
    selection_id: str
    file: str


@dataclass(frozen=True, slots=True)
class PastSelection:
    """What has become of one selection's picks.

    Attributes:
        made: the selection.
        picked: picks it was made with; each is one of the three that follow.
        counting: new picks stay away from these.
        rejected: by a review.
        removed: from the past.
        kept: of all, those it took over from the selection that it was made in place of.
        accepted: of all, those picked because a review wanted them.
        rescued: likewise, frames that had been left out.
        added: of all, those that took a place which a review had made free.
        anew: id of the selection that was made in its place after a review; "" for none.
    """

    made: EarlierSelection
    picked: int
    counting: int
    rejected: int
    removed: int
    kept: int
    accepted: int
    rescued: int
    added: int
    anew: str


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
    selections: list[PastSelection]
    picks: list[PastPick]
    files: dict[str, str]
    edits: list[PoolEdit]
    names: dict[str, str]
    rejected: int


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
        TABLES["selections"], columns=["selection_id", "frame_id", "reason"], where=of_them
    ).to_pylist()
    names = _names(lake, set(looked["media_sha256"].to_pylist()))
    no_more = read_review(lake, dataset).rejected
    picks: dict[str, PastPick] = {}
    for row in rows:
        frame, selection_id = row["frame_id"], row["selection_id"]
        if frame not in no_more and not forgotten(live, frame, made_at[selection_id]):
            file = names.get(frame.partition(":")[0], [""])[0]
            before = picks.get(frame)
            if before is None or made_at[before.selection_id] < made_at[selection_id]:
                picks[frame] = PastPick(frame, selection_id, file)
    files = {
        row["media_sha256"]: names.get(row["media_sha256"], [row["media_sha256"]])[0]
        for row in looked.to_pylist()
        if row["sample_key"]
        and not forgotten(live, row["media_sha256"], made_at[row["selection_id"]])
    }
    return PoolHistory(
        dataset=dataset,
        selections=_selections(selections, rows, no_more, live),
        picks=list(picks.values()),
        files=files,
        edits=edits,
        names={sha256: first for sha256, (first, *_) in names.items()},
        rejected=len(no_more & {row["frame_id"] for row in rows}),
    )


def _selections(
    selections: Sequence[EarlierSelection],
    rows: Sequence[Mapping[str, str]],
    rejected: Collection[str],
    live: Sequence[PoolEdit],
) -> list[PastSelection]:
    """What has become of each selection's picks; oldest first."""
    reasons: dict[str, dict[str, str]] = {each.selection_id: {} for each in selections}
    for row in rows:
        reasons[row["selection_id"]][row["frame_id"]] = row["reason"]
    anew: dict[str, str] = {}
    for number, each in enumerate(selections):
        kept = {frame for frame, why in reasons[each.selection_id].items() if why == KEPT}
        before = [
            e.selection_id for e in selections[:number] if kept <= set(reasons[e.selection_id])
        ]
        if kept and before:
            anew[before[-1]] = each.selection_id
    found = []
    for each in selections:
        of_it = reasons[each.selection_id]
        why = Counter(of_it.values())
        out = {frame for frame in of_it if frame in rejected}
        gone = {frame for frame in of_it if forgotten(live, frame, each.created_at)} - out
        made_anew = each.selection_id in anew.values()
        asked = why[KEPT] + why[ACCEPTED] + why[RESCUED]
        found.append(
            PastSelection(
                made=each,
                picked=len(of_it),
                counting=len(of_it) - len(out) - len(gone),
                rejected=len(out),
                removed=len(gone),
                kept=why[KEPT],
                accepted=why[ACCEPTED],
                rescued=why[RESCUED],
                added=len(of_it) - asked if made_anew else 0,
                anew=anew.get(each.selection_id, ""),
            )
        )
    return found


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
