"""The page beside a trained quality classifier: confusion, ROC, reliability, worst examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pipeline_project.core.quality.evaluation import Evaluation, roc_points
from pipeline_project.core.records import LABELS

SIDE = 250
# A curve of more points than pixels is drawn no better.
MOST_POINTS = 200


@dataclass(frozen=True, slots=True)
class Wrong:
    """An image that was given a wrong label.

    Attributes:
        path: as people know it.
        true: its label.
        given: what it was called.
        probability: how sure that was.
        picture: a small JPEG in base64.
    """

    path: str
    true: str
    given: str
    probability: float
    picture: str


def training_page(
    *,
    name: str,
    figures: Evaluation,
    scenes: int,
    folds: int,
    true: Sequence[str],
    probabilities: npt.NDArray[np.float64],
    worst: Sequence[Wrong],
    left_out: Sequence[str],
) -> str:
    """Write the whole page as HTML that needs nothing beside it.

    Args:
        name: of the classifier.
        figures: from cross-validation.
        scenes: how many there are.
        folds: of the cross-validation.
        true: label of each image.
        probabilities: shape (images, 3), out of fold, columns in the order of `LABELS`.
        worst: wrong ones to show, most sure first.
        left_out: why files were not used, a line each.
    """
    truth = np.array(true)
    dots = [(_x(each.promised), _y(each.kept)) for each in figures.bins]
    page = Environment(
        loader=PackageLoader("pipeline_project.report", ""),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
    ).get_template("training.html.j2")
    return page.render(
        name=name,
        figures=figures,
        scenes=scenes,
        folds=folds,
        labels=LABELS,
        roc={
            label: _curve(roc_points(truth == label, probabilities[:, column]))
            for column, label in enumerate(LABELS)
        },
        reliability=" ".join(f"{x},{y}" for x, y in dots),
        dots=dots,
        worst=worst,
        left_out=left_out,
    )


def _curve(points: list[tuple[float, float]]) -> str:
    step = max(1, len(points) // MOST_POINTS)
    kept = [*points[::step], points[-1]]
    return "M" + "L".join(f"{_x(false)} {_y(true)}" for false, true in kept)


def _x(share: float) -> float:
    return round(share * SIDE, 1)


def _y(share: float) -> float:
    return round((1 - share) * SIDE, 1)
