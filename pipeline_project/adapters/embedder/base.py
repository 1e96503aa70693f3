"""What every embedder offers."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.records import Pixels


class ImageEmbedder(Protocol):
    """Turns pictures into vectors of one space. Safe to call from several threads."""

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        ...

    def prepare(self, pixels: Pixels) -> Pixels:
        """Shrink a picture to what the model looks at, so that a waiting batch stays small.

        Embedding the result gives the same vector as embedding the picture.
        """
        ...

    def embed(self, batch: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Embed pictures.

        Args:
            batch: pictures of any size, each (H, W, 3), uint8, RGB.

        Returns:
            shape (len(batch), dim), float32, each row of unit length.
        """
        ...
