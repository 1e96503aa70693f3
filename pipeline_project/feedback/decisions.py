"""Imports decisions: an edited `selection.csv` or `candidates.csv`."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.selection.decisions import DECISIONS, Decision
from pipeline_project.feedback.known_frames import KnownFrames, datasets_of, known_frames
from pipeline_project.feedback.problems import refuse
from pipeline_project.feedback.table import Line, read_table
from pipeline_project.worker.review import read_review

FRAME, DECISION = "frame_id", "decision"


@dataclass(frozen=True, slots=True)
class ImportedDecisions:
    """What an import came to.

    Attributes:
        rows: rows of the file.
        counts: decision -> how many the file holds.
        changed: decisions that are new or other than before; only these were stored.
        commit_id: of the commit that holds them; empty where nothing changed.
    """

    rows: int
    counts: dict[str, int]
    changed: int
    commit_id: str


def import_decisions(
    lake: Lake, path: Path, dataset: str, *, run_id: str, by: str = ""
) -> ImportedDecisions:
    """Store the decisions of a file; an empty cell decides nothing, and takes nothing back.

    Args:
        lake: where they are kept, each import as a commit of its own.
        path: the edited file.
        dataset: whose picks they are about.
        run_id: names this import.
        by: who decided; may be empty.

    Raises:
        ConfigError: the file or a row of it is wrong; then nothing is stored.
    """
    lines = read_table(path, (FRAME, DECISION))
    known = known_frames(lake, dataset)
    decided = _decided(lake, path, lines, known)
    before = read_review(lake, dataset).decisions
    now = datetime.now(UTC)
    changed = [
        {
            "dataset": dataset,
            "frame_id": frame,
            "decision": word,
            "decided_by": by,
            "decided_at": now,
            "file_name": path.name,
        }
        for frame, word in decided.items()
        if before.get(frame) != word
    ]
    commit_id = ""
    if changed:
        writer = lake.begin(run_id=run_id)
        writer.append(TABLES["decisions"], changed)
        commit_id = writer.commit(
            f"review: {len(changed)} decisions on dataset {dataset}"
        ).commit_id
    return ImportedDecisions(len(lines), Counter(decided.values()), len(changed), commit_id)


def _decided(lake: Lake, path: Path, lines: list[Line], known: KnownFrames) -> dict[str, Decision]:
    decided: dict[str, Decision] = {}
    at: dict[str, int] = {}
    unknown: dict[str, list[int]] = {}
    problems: list[tuple[int, str]] = []
    for line in lines:
        frame, word = line.cells[FRAME].strip(), line.cells[DECISION].strip().lower()
        if not word:
            continue
        choice = next((each for each in DECISIONS if each == word), None)
        if choice is None:
            allowed = ", ".join(DECISIONS)
            problems.append((line.number, f"decision {word!r} is none of {allowed}, or empty"))
        elif not frame:
            problems.append((line.number, "there is a decision, but no frame_id"))
        elif frame not in known.ids:
            unknown.setdefault(frame, []).append(line.number)
        elif decided.get(frame, choice) != choice:
            other = f"{decided[frame]} in line {at[frame]}"
            problems.append((line.number, f"frame {frame} is {choice} here and {other}"))
        else:
            decided[frame] = choice
            at.setdefault(frame, line.number)
    elsewhere = datasets_of(lake, unknown)
    for frame, numbers in unknown.items():
        why = (
            f"frame {frame} belongs to dataset {elsewhere[frame]!r}, not {known.dataset!r} "
            f"(--dataset {elsewhere[frame]})"
            if frame in elsewhere
            else f"no selection of dataset {known.dataset!r} has looked at a frame {frame!r}"
        )
        problems += [(number, why) for number in numbers]
    refuse(path, [f"line {number}: {what}" for number, what in sorted(problems)])
    return decided
