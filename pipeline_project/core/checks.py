"""What the checks of the tables decide, from counts alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Fact = int | float | str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's outcome.

    Attributes:
        passed: True is good.
        summary: what was seen, in one sentence.
        facts: the numbers behind it.
    """

    passed: bool
    summary: str
    facts: dict[str, Fact] = field(default_factory=dict)


def reject_share(rejected: int, listed: int, limit: float) -> Verdict:
    """Judge how many of the listed files were rejected; low is good."""
    share = rejected / listed if listed else 0.0
    return Verdict(
        share <= limit,
        f"{rejected:,} of {listed:,} listed files were rejected ({share:.1%}; limit {limit:.1%}).",
        {"share": share, "rejected": rejected, "listed": listed, "limit": limit},
    )


def moire_drift(
    now: tuple[int, int], before: tuple[int, int], limit: float, min_frames: int
) -> Verdict:
    """Judge how far the share of moiré has moved; near is good, in either direction.

    Args:
        now: frames of this run labelled moiré, and all its frames.
        before: the same of the commits before it.
        limit: largest difference of the two shares that passes.
        min_frames: with fewer frames on either side it passes, since chance would decide.
    """
    here, there = (part / whole if whole else 0.0 for part, whole in (now, before))
    facts: dict[str, Fact] = {
        "share": here,
        "share before": there,
        "frames": now[1],
        "frames before": before[1],
        "limit": limit,
    }
    if min(now[1], before[1]) < min_frames:
        seen = f"{now[1]:,} frames now and {before[1]:,} before are too few to compare."
        return Verdict(True, seen, facts)
    drift = abs(here - there)
    seen = f"{here:.1%} of the frames show moiré, {there:.1%} before (limit {limit:.1%} apart)."
    return Verdict(drift <= limit, seen, {**facts, "drift": drift})


def no_nulls(nulls: Mapping[str, int], rows: int, of: int) -> Verdict:
    """Judge whether every frame has every measure.

    Args:
        nulls: rows without a value, by measure.
        rows: how many were looked at.
        of: how many there are.
    """
    bad = {name: count for name, count in nulls.items() if count}
    missing = ", ".join(f"{name}: {count:,}" for name, count in sorted(bad.items()))
    looked = f"{rows:,} of {of:,} new rows were looked at"
    return Verdict(
        not bad,
        f"{looked}; without a value: {missing}." if bad else f"{looked}; all have all values.",
        {"rows": rows, "rows in all": of, **{f"null {name}": count for name, count in bad.items()}},
    )


def rows_agree(recorded: Mapping[str, int], found: Mapping[str, int]) -> Verdict:
    """Judge whether each table holds just the rows that were recorded as written.

    Args:
        recorded: rows by table, as the ledger or the run's result says.
        found: rows by table, as they are read.
    """
    wrong = {name for name, rows in recorded.items() if found[name] != rows}
    each = ", ".join(f"{name} {found[name]:,} of {recorded[name]:,}" for name in sorted(recorded))
    return Verdict(
        not wrong,
        f"Rows found of rows recorded: {each or 'none were added'}.",
        {
            **{f"{name} recorded": rows for name, rows in recorded.items()},
            **{f"{name} found": found[name] for name in recorded},
        },
    )
