"""The built-in embedder: EfficientNet-Lite0 features by onnxruntime, no download, no torch."""

from importlib.resources import files

from pipeline_project.adapters.embedder.onnx import OnnxEmbedder
from pipeline_project.core.config import BUILT_IN_MODEL
from pipeline_project.core.embedding.preprocessing import Preprocessing

_WEIGHTS = "efficientnet_lite0_fp16.onnx"
_PREPROCESSING = Preprocessing(224, (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
# `benchmarks/near_duplicates.py`: at this cosine 7 % of frames a second apart count as one picture,
# those of a camera that stands still; half of all scenes a second apart lie above 0.94.
_DUPLICATE_COSINE = 0.985


class Lite0Embedder(OnnxEmbedder):
    """EfficientNet-Lite0 without its classifier, global average pool: 1280 numbers.

    Args:
        threads: processors that one call may use; 0 means all.
        device: `auto`, `cpu` or `cuda`.
        duplicate_cosine: None takes the measured one.

    References:
        Weights: TensorFlow TPU models, Apache-2.0. Tan & Le, EfficientNet, arXiv:1905.11946.
    """

    def __init__(
        self, threads: int = 0, device: str = "cpu", duplicate_cosine: float | None = None
    ) -> None:
        super().__init__(
            files(__package__).joinpath(_WEIGHTS).read_bytes(),
            name=BUILT_IN_MODEL,
            preprocessing=_PREPROCESSING,
            threads=threads,
            device=device,
            duplicate_cosine=duplicate_cosine or _DUPLICATE_COSINE,
        )
