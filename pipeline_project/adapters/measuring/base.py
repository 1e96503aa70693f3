"""What takes the measures of pictures, one by one or many at once."""

from collections.abc import Collection, Sequence
from typing import Generic, Protocol, TypeVar

from pipeline_project.core.quality.picture import Picture

Key = TypeVar("Key")


class Measurer(Protocol):
    """Takes measures of pictures. Safe to use from several threads."""

    @property
    def device(self) -> str:
        """Where it computes: `cpu`, `cuda`."""
        ...

    @property
    def gather_px(self) -> int:
        """It pays to hand it as many pixels at once; 0 where it makes no difference."""
        ...

    def measure(
        self, pictures: Sequence[Picture], names: Collection[str] | None = None
    ) -> list[dict[str, float]]:
        """Take measures of some pictures of any sizes, as `measure_picture` does of one.

        Values do not depend on which pictures are measured together.

        Args:
            pictures: with their colours where a measure needs them.
            names: of the measures wanted; None for all.

        Returns:
            For each picture, in order, measure name to value in the order of `MEASURES`.

        Raises:
            ValueError: a name is unknown.
        """
        ...


class Gathering(Generic[Key]):
    """Hands pictures to a measurer by as many pixels as it likes; for one thread's own use."""

    def __init__(self, measurer: Measurer, names: Collection[str] | None = None) -> None:
        """Start with none."""
        self._measurer, self._names = measurer, names
        self._waiting: list[tuple[Key, Picture]] = []
        self._px = 0

    def add(self, key: Key, picture: Picture) -> list[tuple[Key, dict[str, float]]]:
        """Take one more; give what has been measured by that, in order, often nothing."""
        self._waiting.append((key, picture))
        self._px += picture.gray.size
        return self.rest() if self._px >= self._measurer.gather_px else []

    def rest(self) -> list[tuple[Key, dict[str, float]]]:
        """Measure those that still wait."""
        waiting, self._waiting, self._px = self._waiting, [], 0
        if not waiting:
            return []
        found = self._measurer.measure([picture for _, picture in waiting], self._names)
        return [(key, values) for (key, _), values in zip(waiting, found, strict=True)]
