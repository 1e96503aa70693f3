"""Make the default classifier: `python -m pipeline_project.making.quality_classifier`.

Makes the labelled pictures (`quality_examples.py`; an hour of two cores the first time, then
they are kept), measures them, prints how well scenes never seen are labelled, and writes
`core/quality/default.json`. Run it again whenever a measure changes.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline_project.core.quality import registry
from pipeline_project.core.quality.evaluation import Evaluation, evaluate, recall_at_precision
from pipeline_project.core.quality.training import Labelled, cross_validate, fit
from pipeline_project.core.records import LABELS
from pipeline_project.making.quality_examples import Picture, make
from pipeline_project.making.quality_measures import measure_files
from pipeline_project.making.simulator.examples import FAINT

WORK = Path("~/.cache/pipeline_project/quality").expanduser()
# At which recall is told besides that of the most probable label.
PRECISION = 0.95


def labelled(
    folder: Path, pictures: Sequence[Picture], keep: Path
) -> tuple[list[Labelled], list[dict[str, float]]]:
    """Measure pictures and pair the measures with what is true; faint moiré is not fitted to."""
    measures = measure_files([folder / each.path for each in pictures], keep)
    pairs = zip(pictures, measures, strict=True)
    return [
        Labelled(found, each.label, each.scene, each.strength != FAINT) for each, found in pairs
    ], measures


def counted(pictures: Sequence[Picture]) -> npt.NDArray[np.bool_]:
    """Which pictures count: all but those whose moiré is under the floor of visibility."""
    return np.array([each.strength != FAINT for each in pictures], bool)


def table(pictures: Sequence[Picture], probabilities: npt.NDArray[np.float64]) -> str:
    """Write accuracy as a whole and by kind and strength of what was done, by source and way.

    The whole leaves out moiré that is under the floor of visibility; the groups show it.
    """
    count = counted(pictures)
    labels = [each.label for each, counts in zip(pictures, count, strict=True) if counts]
    lines = [overview(evaluate(labels, probabilities[count])), ""]
    lines += [*at_a_precision(labels, probabilities[count]), ""]
    right = np.array(
        [
            LABELS[given] == each.label
            for given, each in zip(probabilities.argmax(axis=1), pictures, strict=True)
        ]
    )
    for title, group in GROUPS.items():
        lines.append(f"{title:<44}{'images':>8}{'recall':>8}")
        keys = np.array([group(each) for each in pictures])
        for key in sorted(set(keys.tolist()) - {""}):
            mine = right[keys == key]
            lines.append(f"  {key:<42}{len(mine):>8}{mine.mean():>8.3f}")
    return "\n".join(lines)


def _but_faint(picture: Picture, group: str) -> str:
    return "" if picture.strength == FAINT else f"{picture.label}: {group}"


GROUPS: dict[str, Callable[[Picture], str]] = {
    "by kind and strength": lambda each: f"{each.label}: {each.kind} {each.strength}".strip(),
    "by strength": lambda each: f"{each.label}: {each.strength}",
    "by strength, photographs": lambda each: (
        f"{each.label}: {each.strength}" if each.source_kind == "photograph" else ""
    ),
    "by what the source is": lambda each: _but_faint(each, each.source_kind),
    "by way": lambda each: _but_faint(each, each.way),
}


def overview(figures: Evaluation) -> str:
    """Write the figures of each label and the whole."""
    lines = [
        f"{figures.count} images, accuracy {figures.accuracy:.4f}, "
        f"calibration error {figures.calibration_error:.4f}"
    ]
    for label, each in figures.labels.items():
        lines.append(
            f"  {label:<6} {each.count:>6}  precision {each.precision:.4f}  "
            f"recall {each.recall:.4f}  AUC {each.auc:.4f}"
        )
    return "\n".join(lines)


def at_a_precision(labels: Sequence[str], probabilities: npt.NDArray[np.float64]) -> list[str]:
    """Write how much is found where the threshold is set for a precision of `PRECISION`."""
    true = np.array(labels)
    return [
        f"  {label:<6} recall {recall_at_precision(true == label, chances, PRECISION):.4f} "
        f"at a precision of {PRECISION}"
        for label, chances in zip(LABELS, probabilities.T, strict=True)
    ]


def main() -> None:
    """Make, measure, judge, fit, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--packages", type=Path, required=True, help="unpacked Debian packages")
    options.add_argument("--work", type=Path, default=WORK, help="where examples are kept")
    options.add_argument("--fit-only", action="store_true", help="no cross-validation")
    given = options.parse_args()
    folder, pictures = make(given.work, given.packages)
    found, _ = labelled(folder, pictures, given.work)
    if not given.fit_only:
        print(table(pictures, cross_validate(found)))
    target = Path(registry.__file__).parent / "default.json"
    target.write_text(json.dumps(fit(found, "default")) + "\n", "utf-8")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
