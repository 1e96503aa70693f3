"""Takes measures of many pictures at once by torch, on a GPU. Needs the extra `gpu`."""

import threading
from collections.abc import Collection, Sequence

import numpy as np
import torch

from pipeline_project.adapters.measuring.torch_batch import Batch
from pipeline_project.adapters.measuring.torch_measures import TWINS
from pipeline_project.core.quality.gray import Gray
from pipeline_project.core.quality.picture import Picture
from pipeline_project.core.quality.registry import MEASURES, measure_picture
from pipeline_project.core.quality.spectra import NINE, TILE_PX

# Intermediates take about 30 bytes per pixel: half a gigabyte.
BATCH_PX = 16_000_000
# The tiles of a small picture overlap and have more pixels than it has.
TILES_PX = len(NINE) * TILE_PX**2


class TorchMeasurer:
    """Measures on a torch device; see `Measurer`.

    Pictures of one size go to the device together, others by themselves. Where its memory does
    not suffice, half as many go, and in the end the processor measures what is too large alone.
    Measures of colour have no twin in `torch_measures` and are taken on the processor.

    Attributes:
        gather_px: as in `Measurer`.
    """

    gather_px = BATCH_PX

    def __init__(self, device: str) -> None:
        """Compute on this torch device, `cuda` or `cpu`; the latter is slower than OpenCV."""
        self._device = torch.device(device)
        # One thread at a time, so that memory on the device is bounded; others decode meanwhile.
        self._turn = threading.Lock()

    @property
    def device(self) -> str:
        """Where it computes."""
        return str(self._device.type)

    def measure(
        self, pictures: Sequence[Picture], names: Collection[str] | None = None
    ) -> list[dict[str, float]]:
        """Take measures, pictures of one size together."""
        wanted = [name for name in MEASURES if names is None or name in names]
        here = [name for name in wanted if name in TWINS]
        # Unknown names are among them, and said to be that.
        others = [name for name in (wanted if names is None else names) if name not in TWINS]
        found = [measure_picture(picture, others) for picture in pictures]
        for places in _alike(pictures):
            grays = [pictures[place].gray for place in places]
            for place, values in zip(places, self._measure_alike(grays, here), strict=True):
                found[place].update(values)
        return [{name: values[name] for name in wanted} for values in found]

    def _measure_alike(self, grays: list[Gray], names: list[str]) -> list[dict[str, float]]:
        """Measure gray pictures of one size, as many at once as fit."""
        try:
            with self._turn:
                rows = self._values(grays, names)
        except torch.OutOfMemoryError:
            if len(grays) == 1:
                return [measure_picture(Picture.of_gray(grays[0]), names)]
        else:
            return [dict(zip(names, row, strict=True)) for row in rows]
        middle = len(grays) // 2
        return [
            *self._measure_alike(grays[:middle], names),
            *self._measure_alike(grays[middle:], names),
        ]

    def _values(self, grays: list[Gray], names: list[str]) -> list[list[float]]:
        """Compute on the device: a row of values per picture."""
        if not names:
            return [[] for _ in grays]
        with torch.inference_mode():
            batch = Batch(torch.from_numpy(np.stack(grays)).to(self._device))
            rows = torch.stack([TWINS[name](batch) for name in names], dim=1)
            return list(rows.cpu().tolist())


def _alike(pictures: Sequence[Picture]) -> list[list[int]]:
    """Give places of pictures of one size, at most `BATCH_PX` at once."""
    by_size: dict[tuple[int, ...], list[int]] = {}
    for place, picture in enumerate(pictures):
        by_size.setdefault(picture.gray.shape, []).append(place)
    groups: list[list[int]] = []
    for (height, width), places in by_size.items():
        most = max(1, BATCH_PX // max(height * width, TILES_PX))
        groups += [places[start : start + most] for start in range(0, len(places), most)]
    return groups
