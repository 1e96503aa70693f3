"""Embeds with a PyTorch image model, on a processor or a GPU. Needs the extra `gpu`."""

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline_project.core.embedding.preprocessing import Preprocessing, unit_rows
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.records import Pixels
from pipeline_project.errors import ConfigError

if TYPE_CHECKING:
    import torch

_NAME_DIGITS = 6


class TorchEmbedder:
    """A model that maps (n, 3, side, side) to (n, dim).

    Pictures travel to the device as bytes and are scaled there; vectors come back as float32.

    Args:
        model: the network; moved to the device and set to evaluate.
        features: calls the network on a batch.
        name: of the model; what else decides the vectors is added to it as a hash.
        preprocessing: size and scaling of the input.
        device: `auto` takes a GPU where there is one.
        precision: `fp16` computes in half precision, on a GPU only.
        threads: processors that torch may use in this process; 0 means all.
        duplicate_cosine: of the space.

    Raises:
        ConfigError: the device or precision is not to be had, or the model gives no vectors.
    """

    def __init__(
        self,
        model: "torch.nn.Module",
        features: "Callable[[torch.Tensor], torch.Tensor]",
        *,
        name: str,
        preprocessing: Preprocessing,
        device: str = "auto",
        precision: str = "fp32",
        threads: int = 0,
        duplicate_cosine: float | None = None,
    ) -> None:
        import torch

        self._device = _device(device, precision, name)
        torch.set_num_threads(threads or os.cpu_count() or 1)
        weights = _sha256(model)
        words = f"{preprocessing.words}, {precision}"
        self._features = features
        self._half = precision == "fp16"
        self._preprocessing = preprocessing
        model.eval().requires_grad_(False).to(self._device)
        if self._device.type == "cuda":
            model.to(memory_format=torch.channels_last)
        self._mean = torch.tensor(preprocessing.mean, device=self._device)[:, None, None]
        self._std = torch.tensor(preprocessing.std, device=self._device)[:, None, None]
        blank = np.zeros((preprocessing.side_px, preprocessing.side_px, 3), np.uint8)
        found = self._run([blank])
        if found.ndim != 2:
            raise ConfigError(
                f"Running {name} on one picture: it gives shape {found.shape}; expected one "
                "vector, (1, dim). Name a model with a pooled output by embedding.model."
            )
        self._space = EmbeddingSpace(
            name=f"{name}-{hashlib.sha256(words.encode()).hexdigest()[:_NAME_DIGITS]}",
            dim=found.shape[1],
            weights_sha256=weights,
            preprocess=words,
            duplicate_cosine=duplicate_cosine,
        )

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        return self._space

    def prepare(self, pixels: Pixels) -> Pixels:
        """Shrink a picture to what the model looks at."""
        return self._preprocessing.fit(pixels)

    def embed(self, batch: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Embed pictures: (n, dim), float32, rows of unit length."""
        if not batch:
            return np.empty((0, self._space.dim), np.float32)
        return unit_rows(self._run(batch))

    def _run(self, batch: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        import torch

        prepared = torch.from_numpy(np.stack([self.prepare(pixels) for pixels in batch]))
        if self._device.type == "cuda":
            prepared = prepared.pin_memory()
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=torch.float16, enabled=self._half),
        ):
            on_device = prepared.to(self._device, non_blocking=True)
            planes = (on_device.permute(0, 3, 1, 2).float() - self._mean) / self._std
            vectors = self._features(planes)
        return np.array(vectors.float().cpu().numpy(), np.float32)


def import_extra(name: str, wanted_for: str) -> Any:
    """Import a package of the extra `gpu`.

    Raises:
        ConfigError: it is not installed, or its parts do not fit one another.
    """
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Opening {wanted_for}: the package {error.name} is not installed. Install the extra: "
            "python -m pip install 'pipeline-project[gpu]'"
        ) from error
    except (ImportError, RuntimeError, OSError) as error:
        raise ConfigError(
            f"Opening {wanted_for}: {name} is installed but cannot be loaded: {error}. "
            "Most often torch and torchvision are not of one release and one build (CPU or CUDA): "
            "install both anew from one place."
        ) from error


def _device(device: str, precision: str, name: str) -> "torch.device":
    import torch

    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise ConfigError(
            f"Opening {name}: embedding.device is cuda, but torch {torch.__version__} finds no "
            "GPU. Install a torch built for CUDA and the driver, or set device to auto."
        )
    chosen = torch.device("cuda" if there and device != "cpu" else "cpu")
    if precision == "fp16" and chosen.type == "cpu":
        raise ConfigError(
            f"Opening {name}: embedding.precision fp16 needs a GPU, and this run uses the "
            "processor. Set precision to fp32."
        )
    return chosen


def _sha256(model: "torch.nn.Module") -> str:
    """Hash the loaded parameters, whatever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values.data if values.size else b"")
    return digest.hexdigest()
