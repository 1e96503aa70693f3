"""The built-in embedder: EfficientNet-Lite0 features by onnxruntime, no download, no torch."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.records import Pixels

_WEIGHTS = "efficientnet_lite0_fp16.onnx"
_SIDE_PX = 224
_DIM = 1280
# `benchmarks/near_duplicates.py`: at this cosine 7 % of frames a second apart count as one picture,
# those of a camera that stands still; half of all scenes a second apart lie above 0.94.
_DUPLICATE_COSINE = 0.985


class Lite0Embedder:
    """EfficientNet-Lite0 without its classifier, global average pool: 1280 numbers.

    Args:
        threads: processors that one call may use; 0 lets onnxruntime take all.

    References:
        Weights: TensorFlow TPU models, Apache-2.0. Tan & Le, EfficientNet, arXiv:1905.11946.
    """

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads
        self._weights = files(__package__).joinpath(_WEIGHTS).read_bytes()

    @cached_property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        return EmbeddingSpace(
            name="lite0-onnx-v1",
            dim=_DIM,
            weights_sha256=hashlib.sha256(self._weights).hexdigest(),
            preprocess="RGB, squashed to 224x224 by INTER_AREA, (value-127)/128",
            duplicate_cosine=_DUPLICATE_COSINE,
        )

    def prepare(self, pixels: Pixels) -> Pixels:
        """Shrink a picture to the 224x224 that the model looks at."""
        return cv2.resize(pixels, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]  # uint8 in, uint8 out

    def embed(self, batch: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Embed pictures: (n, 1280), float32, rows of unit length."""
        if not batch:
            return np.empty((0, _DIM), np.float32)
        images = np.empty((len(batch), _SIDE_PX, _SIDE_PX, 3), np.float32)
        for row, pixels in enumerate(batch):
            np.subtract(self.prepare(pixels), 127.0, out=images[row], casting="unsafe")
        images /= 128.0
        planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        features = np.asarray(self._session.run(None, {"x": planes})[0], np.float32)
        # A picture that activates nothing has no direction; it keeps the zero vector.
        norms = np.linalg.norm(features, axis=1, keepdims=True)
        np.divide(features, norms, out=features, where=norms > 0)
        return features

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(
            self._weights, sess_options=options, providers=["CPUExecutionProvider"]
        )
