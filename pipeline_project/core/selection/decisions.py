"""What people decided about single frames, and what that means for a selection."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

from pipeline_project.core.hashing import canonical_json, hash_of_names

Decision = Literal["accept", "reject", "rescue"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)

REJECTED = "rejected"
LABELLED = "labelled"


@dataclass(frozen=True)
class Review:
    """The newest decision on each frame of a dataset, and the labels that came back.

    Attributes:
        decisions: frame id -> what a person said of it. `accept` and `rescue` both mean that the
            frame is picked wherever it can be, whatever measures say; `reject` that it never is.
        classes: frame id -> class -> how often it was annotated. A frame that a person looked at
            and found empty has no classes, and counts as labelled.
    """

    decisions: Mapping[str, Decision] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @cached_property
    def rejected(self) -> frozenset[str]:
        """Frames that are never picked."""
        return frozenset(frame for frame, word in self.decisions.items() if word == "reject")

    @cached_property
    def wanted(self) -> frozenset[str]:
        """Frames that are picked wherever they can be; none that is labelled already."""
        chosen = {frame for frame, word in self.decisions.items() if word != "reject"}
        return frozenset(chosen - set(self.classes))

    @cached_property
    def labelled(self) -> frozenset[str]:
        """Frames that have labels: never picked again, and new picks stay away from them."""
        return frozenset(self.classes)

    @cached_property
    def version(self) -> str:
        """Changes with every decision and label; empty while there are none."""
        if not self.decisions and not self.classes:
            return ""
        said = [f"{frame} {word}" for frame, word in self.decisions.items()]
        found = [f"{frame} {canonical_json(dict(of))}" for frame, of in self.classes.items()]
        return hash_of_names([*said, *found])


def kept_picks(earlier: Sequence[str], review: Review) -> list[str]:
    """Which picks of a selection stay when it is made anew under a review, in their order.

    Undecided ones stay: others may be at work on them already.
    """
    gone = review.rejected | review.labelled
    return [frame for frame in earlier if frame not in gone]


def ranks(kept: Mapping[int, int], new: Collection[int]) -> dict[int, int]:
    """Give each pick its rank: kept ones their own, new ones those that became free.

    Args:
        kept: row -> rank that it had.
        new: rows that were picked now, best first.

    Returns:
        row -> rank; 1 is the first.
    """
    taken = set(kept.values())
    free = (rank for rank in range(1, len(kept) + len(taken) + len(new) + 1) if rank not in taken)
    return {**kept, **{row: next(free) for row in new}}
