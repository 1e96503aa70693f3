"""Memory that a thread uses again for one picture after the other.

Fresh memory of some hundred kilobytes costs the kernel more than filling it costs the processor.
"""

import math
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

_CACHE_LINE_BYTES = 64
# What is larger is given back at once: one huge picture must not cost memory ever after.
_KEPT_BYTES = 1 << 20


class Scratch(threading.local):
    """Arrays by number, each thread's own; what is in one is lost when it is taken again."""

    def __init__(self) -> None:
        """Start with none."""
        self._kept: dict[int, npt.NDArray[np.uint8]] = {}

    def take(
        self, number: int, shape: tuple[int, ...], dtype: type[np.generic]
    ) -> npt.NDArray[Any]:
        """Give an array without values, contiguous.

        It starts at a full line of the cache, so that no value can depend on where the array
        happens to lie.
        """
        count = math.prod(shape) * np.dtype(dtype).itemsize
        held = self._kept.get(number)
        if held is None or held.size < count:
            held = _aligned(count)
            if count <= _KEPT_BYTES:
                self._kept[number] = held
        return held[:count].view(dtype).reshape(shape)


def _aligned(count: int) -> npt.NDArray[np.uint8]:
    room = np.empty(count + _CACHE_LINE_BYTES, np.uint8)
    start = -room.ctypes.data % _CACHE_LINE_BYTES
    return room[start : start + count]
