"""How well sharp, blurred and moiré-ridden pictures are told apart, on scenes never seen.

Run it with `python benchmarks/quality_accuracy.py --packages DIR`; DIR holds unpacked Debian
packages, see `pipeline_project/making/corpus.py`. The same pictures, made by the simulator, are
judged by

- ours: the default classifier, fitted anew for every fold of scenes;
- the talk's: Gaussian naive Bayes over three raw measures, fitted on the same folds;
- cleanvision: its blur flag, with its own threshold, where `--peers PYTHON` names a Python that
  has it. It knows no moiré, so it is asked for blur alone.
"""

import argparse
import json
import subprocess
from collections import defaultdict
from pathlib import Path

import numpy as np
from machine import machine

from pipeline_project.core.quality.evaluation import area_under_curve, evaluate
from pipeline_project.core.quality.training import FOLDS, SEED, Labelled, cross_validate
from pipeline_project.core.records import LABELS
from pipeline_project.making.quality_classifier import (
    WORK,
    at_a_precision,
    counted,
    labelled,
    overview,
    table,
)
from pipeline_project.making.quality_examples import Picture, make
from pipeline_project.making.simulator.examples import FAINT

TALK = ("laplacian_variance", "sobel_variance", "fft_high_frequency")
CLEANVISION = """
import json, sys
from cleanvision import Imagelab
paths = json.load(sys.stdin)
lab = Imagelab(filepaths=paths)
lab.find_issues({"blurry": {}}, verbose=False)
rows = lab.issues.loc[paths]
found = [rows["is_blurry_issue"].tolist(), rows["blurry_score"].tolist()]
print("RESULT" + json.dumps(found))
"""


def talk(found: list[Labelled]) -> np.ndarray:
    """Probabilities of naive Bayes over the three raw measures, out of fold."""
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.naive_bayes import GaussianNB

    values = np.array([[each.measures[name] for name in TALK] for each in found])
    fitted = np.array([each.fitted for each in found])
    labels = np.array([LABELS.index(each.label) for each in found])
    scenes = np.array([each.scene for each in found])
    given = np.zeros((len(found), len(LABELS)))
    splits = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for train, test in splits.split(values, labels, scenes):
        train = train[fitted[train]]
        model = GaussianNB(priors=[1 / 3] * 3).fit(values[train], labels[train])
        given[test] = model.predict_proba(values[test])
    return given


def cleanvision(python: Path, folder: Path, pictures: list[Picture]) -> str:
    """Run cleanvision's blur check on the same files and say what it found."""
    pictures = [each for each in pictures if each.strength != FAINT]
    paths = [str((folder / each.path).absolute()) for each in pictures]
    ran = subprocess.run(
        [python, "-c", CLEANVISION],
        input=json.dumps(paths),
        capture_output=True,
        text=True,
        check=True,
        timeout=3600,
    )
    flags, scores = json.loads(ran.stdout.rpartition("RESULT")[2])
    flagged, blurred = np.array(flags), np.array([each.label == "blur" for each in pictures])
    hits = int((flagged & blurred).sum())
    area = area_under_curve(blurred, -np.array(scores))
    return (
        f"blur against the rest: flagged {flagged.sum()}, precision "
        f"{hits / max(1, flagged.sum()):.3f}, recall {hits / blurred.sum():.3f}, AUC {area:.3f}"
    )


def strengths(pictures: list[Picture], given: dict[str, np.ndarray]) -> str:
    """Recall by kind and strength, one column for each classifier."""
    rows: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(pictures):
        rows[f"{each.label}: {each.kind} {each.strength}".strip()].append(place)
    lines = [f"{'recall':<40}{'images':>8}" + "".join(f"{name:>9}" for name in given)]
    for name, places in sorted(rows.items()):
        truth = LABELS.index(pictures[places[0]].label)
        shares = "".join(
            f"{(each[places].argmax(axis=1) == truth).mean():>9.3f}" for each in given.values()
        )
        lines.append(f"{name:<40}{len(places):>8}{shares}")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--packages", type=Path, required=True, help="unpacked Debian packages")
    options.add_argument("--work", type=Path, default=WORK, help="where examples are kept")
    options.add_argument("--peers", type=Path, help="a Python that has cleanvision")
    asked = options.parse_args()
    folder, pictures = make(asked.work, asked.packages)
    found, _ = labelled(folder, pictures, asked.work)
    given = {"ours": cross_validate(found), "talk": talk(found)}
    seen = counted(pictures)
    photographs = seen & np.array([each.source_kind == "photograph" for each in pictures])
    labels = np.array([picture.label for picture in pictures])
    for name, each in given.items():
        for what, chosen in {"all": seen, "photographs": photographs}.items():
            figures = evaluate(labels[chosen].tolist(), each[chosen])
            print(f"{name}, {what}\n{overview(figures)}")
            print("\n".join(at_a_precision(labels[chosen].tolist(), each[chosen])))
    if asked.peers:
        print(f"cleanvision\n  {cleanvision(asked.peers, folder, pictures)}")
    print(f"\n{strengths(pictures, given)}\n\n{table(pictures, given['ours'])}")
    print(machine("numpy", "scikit-learn", "opencv-python-headless"))


if __name__ == "__main__":
    main()
