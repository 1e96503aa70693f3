"""What decisions and labels do to a selection.

A run of the same files and settings as an earlier selection, after new decisions, makes that
selection anew: its other picks stay, with their ranks, and only the places of rejected and of
labelled frames are filled. Everywhere else decisions simply hold: rejected and labelled frames
are not picked, accepted and rescued ones are.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table
from pipeline_project.core.hashing import canonical_json
from pipeline_project.core.selection.decisions import (
    LABELLED,
    REJECTED,
    Review,
    kept_picks,
    ranks,
)
from pipeline_project.core.selection.pool import Predictions
from pipeline_project.worker.candidates import Candidates, Exclusion
from pipeline_project.worker.datapool import (
    Datapool,
    EarlierSelection,
    same_selection,
    vectors_by_frame,
)
from pipeline_project.worker.inputs import PoolInputs
from pipeline_project.worker.pool_edits import PoolEdit
from pipeline_project.worker.selecting import Demands, Selected

KEPT = "kept from the selection before the review"
ACCEPTED = "accepted by review"
RESCUED = "rescued by review"
REVIEW = "review"  # in place of a measure, and the key of the settings that decide


@dataclass(frozen=True, slots=True)
class Revision:
    """How a review changes one selection.

    Attributes:
        review: all decisions and labels of the dataset.
        version: of those that concern the files of this run.
        unchanged: the selection that this would make again as it is; None where it would not.
        redone: ids of the selections that this one takes the place of.
        kept: frame id -> rank: picks that stay.
        size: picks that the newest of those selections had.
    """

    review: Review = field(default_factory=Review)
    version: str = ""
    unchanged: EarlierSelection | None = None
    redone: frozenset[str] = frozenset()
    kept: Mapping[str, int] = field(default_factory=dict)
    size: int = 0

    @property
    def deciding(self) -> dict[str, object]:
        """For the settings that decide; nothing while nobody has decided anything."""
        return {REVIEW: self.version} if self.version else {}


def revision_of(
    lake: Lake,
    earlier: list[EarlierSelection],
    contents: str,
    deciding: Mapping[str, object],
    review: Review,
    media: frozenset[str],
    edits: Sequence[PoolEdit],
) -> Revision:
    """Find what a review means for a run.

    Args:
        lake: holds the earlier picks.
        earlier: selections of the dataset, oldest first.
        contents: hash of what this run selects from.
        deciding: settings that decide, without the review.
        review: of the dataset.
        media: hashes of this run's files.
        edits: of the dataset's past.
    """
    version = _about(review, media).version
    if not version:
        return Revision(review)
    plain = canonical_json(dict(deciding))
    alike = [replace(each, config=_without_review(each.config)) for each in earlier]
    newest = same_selection(alike, contents, plain, edits)
    if newest is None:
        return Revision(review, version)
    redone = frozenset(
        each.selection_id
        for each in alike
        if (each.candidates_sha256, each.config) == (contents, plain)
    )
    rows = lake.read(
        TABLES["selections"],
        columns=["frame_id", "rank"],
        where=("selection_id", {newest.selection_id}),
    ).to_pylist()
    picks = {row["frame_id"]: row["rank"] for row in sorted(rows, key=lambda row: row["rank"])}
    kept = {frame: picks[frame] for frame in kept_picks(list(picks), review)}
    missing = {frame for frame in review.wanted - set(picks) if frame.partition(":")[0] in media}
    if missing and len(kept) == len(picks):
        missing -= _picked_by(lake, {each.selection_id for each in earlier} - redone)
    same = not missing and len(kept) == len(picks)
    found = next(each for each in earlier if each.selection_id == newest.selection_id)
    return Revision(review, version, found if same else None, redone, kept, len(picks))


def excluded(candidates: Candidates, review: Review) -> list[Exclusion]:
    """The candidates that people have decided against, or have labelled already."""
    return [
        Exclusion(row, REJECTED if frame in review.rejected else LABELLED, REVIEW, 1.0, 1.0)
        for row, frame in enumerate(candidates.frame_id)
        if frame in review.rejected or frame in review.labelled
    ]


def demands_of(
    candidates: Candidates, revision: Revision, pool: Datapool, lake: Lake, embeddings: Table
) -> tuple[Demands, list[str]]:
    """What the pick must keep to, and why something of it cannot be had, for people."""
    row_of = {frame: row for row, frame in enumerate(candidates.frame_id)}
    before = set(pool.frame_ids)
    kept = [row_of[frame] for frame in revision.kept if frame in row_of]
    wanted = sorted(
        row_of[frame]
        for frame in revision.review.wanted
        if frame in row_of and frame not in before and frame not in revision.kept
    )
    blank = [row for row in wanted if not candidates.vectors[row].any()]
    warnings = [
        f"{candidates.frame_id[row]} was accepted or rescued, but nothing can be seen in it: it "
        "has no embedding to compare, and is left out."
        for row in blank
    ]
    vectors = vectors_by_frame(lake, set(revision.review.rejected), embeddings)
    dim = candidates.vectors.shape[1]
    demands = Demands(
        forced=[*kept, *(row for row in wanted if row not in blank)],
        at_least=revision.size,
        rejected=list(vectors),
        rejected_vectors=np.asarray(list(vectors.values()), np.float32).reshape(-1, dim),
    )
    return demands, warnings


def settle(
    selected: Selected, candidates: Candidates, revision: Revision, exclusions: list[Exclusion]
) -> list[Exclusion]:
    """Give the picks their ranks and reasons; returns the exclusions that still hold.

    Kept picks have the rank that they had, and so their file keeps its name.
    """
    decisions = revision.review.decisions
    kept = {}
    new = []
    for each in selected.picks:
        frame = candidates.frame_id[each.index]
        if frame in revision.kept:
            kept[each.index] = revision.kept[frame]
        else:
            new.append(each.index)
    place = ranks(kept, new) if kept else {each.index: each.rank for each in selected.picks}
    picks = []
    for each in selected.picks:
        frame = candidates.frame_id[each.index]
        said = decisions.get(frame)
        reason = each.reason
        if said in ("accept", "rescue"):
            reason = ACCEPTED if said == "accept" else RESCUED
        elif each.index in kept:
            reason = KEPT
        picks.append(replace(each, rank=place[each.index], reason=reason))
    selected.picks = sorted(picks, key=lambda each: each.rank)
    picked = {each.index for each in picks}
    return [each for each in exclusions if each.row not in picked]


def after_review(selected: Selected) -> str:
    """Tell people what their review did to a selection that was made anew."""
    why = Counter(each.reason for each in selected.picks)
    told = {"accepted": why[ACCEPTED], "rescued": why[RESCUED]}
    told["in free places"] = len(selected.picks) - sum(told.values()) - why[KEPT]
    changes = "".join(f", {count} {words}" for words, count in told.items() if count)
    return f"Made anew after the review: {why[KEPT]} picks stay as they were{changes}."


def with_labels(
    inputs: PoolInputs, candidates: Candidates, pool: Datapool, review: Review
) -> PoolInputs:
    """Let BALANCE count what earlier picks really show: their labels in place of predictions."""
    if not review.labelled & set(pool.frame_ids):
        return inputs
    changed = {}
    for task, each in inputs.predictions.items():
        counts = np.array(each.counts, np.float64)
        for number, frame in enumerate(pool.frame_ids):
            if frame in review.labelled:
                found = review.classes[frame]
                counts[len(candidates) + number] = [found.get(name, 0) for name in each.classes]
        changed[task] = Predictions(each.classes, counts=counts)
    return replace(inputs, predictions=changed)


def _about(review: Review, media: frozenset[str]) -> Review:
    """The part of a review that concerns the frames of some files."""
    return Review(
        {f: said for f, said in review.decisions.items() if f.partition(":")[0] in media},
        {f: found for f, found in review.classes.items() if f.partition(":")[0] in media},
    )


def _without_review(config: str) -> str:
    content = json.loads(config)
    content.pop(REVIEW, None)
    return canonical_json(content)


def _picked_by(lake: Lake, ids: set[str]) -> set[str]:
    rows = lake.read(TABLES["selections"], columns=["frame_id"], where=("selection_id", ids))
    return set(rows["frame_id"].to_pylist())
