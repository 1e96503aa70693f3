"""What a quality measure is: a function of a picture, and what its number means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pipeline_project.core.quality.picture import Picture

Shared = Literal["pixels", "pyramid", "gradient", "spectra", "histogram", "chroma"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number that says something about a frame's quality.

    Attributes:
        name: also the column of the `scores` table.
        function: takes a picture and gives a finite float.
        unit: of the number.
        higher_is: what a high value means, as one word; empty where neither end is better.
        description: one line for people.
        needs: what it shares with other measures; the first of them to be asked for pays.
        threshold: beyond it a frame is suspect by this measure alone; None where no one number
            holds for all cameras and subjects.
    """

    name: str
    function: Callable[[Picture], float]
    unit: str
    higher_is: str
    description: str
    needs: Shared
    threshold: float | None = None

    @property
    def colour(self) -> bool:
        """Whether gray pixels are not enough."""
        return self.needs == "chroma"
