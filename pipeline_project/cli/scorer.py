"""From paths of images to rows of scores, failures included."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_project.cli.explain import COLUMNS, Explainer
from pipeline_project.cli.pictures import read_for_measures
from pipeline_project.errors import ConfigError, MediaError

if TYPE_CHECKING:
    from pipeline_project.adapters.measuring.base import Measurer
    from pipeline_project.core.quality.classifier import Classifier
    from pipeline_project.core.quality.picture import Picture

Row = dict[str, Any]
# In every row, whatever the classifier looks at.
ALWAYS = ("laplacian_variance", "sobel_variance", "fft_high_frequency", "mean_luma", "sharpness")


class Scorer:
    """Scores some images at a time; safe to use from several threads.

    Attributes:
        names: of the measures that are taken.
        chunk: how many images it pays to score at once.
    """

    def __init__(
        self,
        judge: "Classifier",
        wanted: Collection[str],
        min_side_px: int,
        measurer: "Measurer",
        explainer: Explainer | None = None,
    ) -> None:
        """Take the measures that the judge looks at, those of `ALWAYS`, and those wanted."""
        import cv2

        from pipeline_project.adapters.media.reader import LocalMediaReader
        from pipeline_project.core.quality.registry import MEASURES

        # One thread per image; OpenCV's own threads would only get in the way.
        cv2.setNumThreads(1)
        self._reader, self._judge = LocalMediaReader(), judge
        self._measurer = measurer
        self._min_side_px, self._explainer = min_side_px, explainer
        asked = {feature.measure for feature in judge.features} | set(wanted) | set(ALWAYS)
        self.names = [name for name in MEASURES if name in asked]
        self._colour = explainer is not None or any(MEASURES[name].colour for name in self.names)
        # They take about 2 ms each on the processor. What is explained is kept until it is drawn.
        self.chunk = 1 if explainer else 32 if measurer.gather_px else 8
        columns = ["label", "p_sharp", "p_blur", "p_moire", *self.names]
        self._blank: Row = dict.fromkeys([*columns, *(COLUMNS if explainer else ())])

    def __call__(self, paths: Sequence[Path]) -> list[Row]:
        """Score images; a row for each, in their order."""
        from pipeline_project.adapters.measuring.base import Gathering

        gathering = Gathering[int](self._measurer, self.names)
        rows: list[Row] = []
        pictures: dict[int, Picture] = {}
        measured: list[tuple[int, dict[str, float]]] = []
        for path in paths:
            row: Row = {"path": str(path), "ok": True, "error": None, **self._blank}
            try:
                picture = self._read(path)
                measured += gathering.add(len(rows), picture)
                if self._explainer:
                    pictures[len(rows)] = picture
            except MediaError as error:
                row.update(ok=False, error=str(error))
            rows.append(row)
        measured += gathering.rest()
        verdicts = self._judge.classify_many([values for _, values in measured])
        for (place, values), verdict in zip(measured, verdicts, strict=True):
            rows[place].update(
                values,
                label=verdict.label,
                p_sharp=verdict.p_sharp,
                p_blur=verdict.p_blur,
                p_moire=verdict.p_moire,
            )
            if self._explainer:
                path, picture = paths[place], pictures[place]
                rows[place].update(self._explainer.explain(path, picture, values, verdict))
        return rows

    def _read(self, path: Path) -> "Picture":
        return read_for_measures(self._reader, path, self._min_side_px, colour=self._colour)


def named_measures(measures: str | None) -> set[str]:
    """Give the measures that are asked for by name.

    Raises:
        ConfigError: there is no such measure.
    """
    from pipeline_project.core.quality.registry import MEASURES

    if measures == "all":
        return set(MEASURES)
    named = {name.strip() for name in (measures or "").split(",")} - {""}
    if unknown := named - set(MEASURES):
        raise ConfigError(
            f"Reading --measures: there is no {', '.join(sorted(unknown))}. "
            f"There are {', '.join(MEASURES)}; or all."
        )
    return named
