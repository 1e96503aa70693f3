"""Takes measures by OpenCV and numpy, one picture after the other."""

from collections.abc import Collection, Sequence

from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.registry import measure_picture


class ProcessorMeasurer:
    """Measures on the processor; see `Measurer`."""

    device = "cpu"
    gather_px = 0

    def measure(
        self, pictures: Sequence[Picture], names: Collection[str] | None = None
    ) -> list[dict[str, float]]:
        """Take measures of each picture by itself."""
        return [measure_picture(picture, names) for picture in pictures]
