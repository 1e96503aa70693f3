"""Embeds with any ONNX file that turns a batch of pictures into a batch of vectors."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from pipeline_project.core.embedding.preprocessing import Preprocessing, unit_rows
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.records import Pixels
from pipeline_project.errors import ConfigError

# Small batches stay in the processor's cache: `benchmarks/embedding.py` shows batches against
# threads. Beside that, several calls with one thread each beat one call with several threads.
_CPU_BATCH = 2
_CUDA = "CUDAExecutionProvider"
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxEmbedder:
    """One ONNX model, with what it wants as input.

    The model takes one float32 or float16 input of shape (n, 3, side, side), n free or fixed,
    and gives vectors: (n, dim), or (n, dim, 1, 1).

    Args:
        model: the file, or its contents.
        name: of the space; two models, or one with other inputs, must not share it.
        preprocessing: size and scaling of the input.
        output: which of the model's outputs; None means its first.
        threads: processors that one call may use; 0 means all.
        device: `auto` takes a GPU where this onnxruntime has one.
        duplicate_cosine: of the space.

    Raises:
        ConfigError: the file cannot be read, or is no model of this kind.
    """

    def __init__(
        self,
        model: Path | bytes,
        *,
        name: str,
        preprocessing: Preprocessing,
        output: str | None = None,
        threads: int = 0,
        device: str = "auto",
        duplicate_cosine: float | None = None,
    ) -> None:
        self._name = name
        self._preprocessing = preprocessing
        self._threads = threads or os.cpu_count() or 1
        providers = _providers(device, name)
        self._on_gpu = providers[0] == _CUDA
        self._session = _session(model, providers, name)
        self._input = _only_input(self._session, preprocessing, name)
        self._dtype = _TYPES[self._input.type]
        self._output = _output(self._session, output, name)
        count = self._input.shape[0]
        self._fixed = count if isinstance(count, int) else None
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None
        blank = np.zeros((preprocessing.side_px, preprocessing.side_px, 3), np.uint8)
        self._space = EmbeddingSpace(
            name=name,
            dim=self._features([blank]).shape[1],
            weights_sha256=_sha256(model),
            preprocess=preprocessing.words,
            duplicate_cosine=duplicate_cosine,
        )

    @property
    def space(self) -> EmbeddingSpace:
        """The space of its vectors."""
        return self._space

    def prepare(self, pixels: Pixels) -> Pixels:
        """Shrink a picture to what the model looks at."""
        return self._preprocessing.fit(pixels)

    def planes(self, batch: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Make the model's input: (n, 3, side, side), scaled."""
        return self._preprocessing.planes(batch)

    def embed(self, batch: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Embed pictures: (n, dim), float32, rows of unit length."""
        if not batch:
            return np.empty((0, self._space.dim), np.float32)
        size = self._fixed or (len(batch) if self._on_gpu else _CPU_BATCH)
        parts = [batch[at : at + size] for at in range(0, len(batch), size)]
        several = self._pool is not None and len(parts) > 1
        done = (
            self._pool.map(self._features, parts)
            if several and self._pool
            else map(self._features, parts)
        )
        return unit_rows(np.concatenate(list(done)))

    def _features(self, batch: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Run the model once; the vectors as it gives them, shape (len(batch), dim)."""
        planes = self.planes(batch).astype(self._dtype, copy=False)
        if self._fixed is not None and len(batch) < self._fixed:
            planes = np.concatenate([planes, np.repeat(planes[-1:], self._fixed - len(batch), 0)])
        try:
            found = self._session.run([self._output], {self._input.name: planes})[0]
        except Exception as error:  # onnxruntime's errors share no base but this
            raise ConfigError(
                f"Running {self._name} on a batch of shape {planes.shape}: {error}. "
                "Set embedding.side_px to the size that the model was made for."
            ) from error
        features = np.asarray(found, np.float32)[: len(batch)]
        if features.ndim == 4 and features.shape[2:] == (1, 1):
            features = features[:, :, 0, 0]
        if features.ndim != 2 or len(features) != len(batch):
            raise ConfigError(
                f"Running {self._name}: output {self._output} has shape {np.shape(found)}; "
                "expected one vector per picture, (n, dim). Name another of the model's outputs "
                f"by embedding.output: {_names(self._session.get_outputs())}."
            )
        return features


def _providers(device: str, name: str) -> list[str]:
    there = onnxruntime.get_available_providers()
    if device == "cuda" and _CUDA not in there:
        raise ConfigError(
            f"Opening {name}: embedding.device is cuda, but this onnxruntime has only "
            f"{', '.join(there)}. Install onnxruntime-gpu in its place, or set device to auto."
        )
    return (
        [_CUDA, "CPUExecutionProvider"]
        if device != "cpu" and _CUDA in there
        else ["CPUExecutionProvider"]
    )


def _session(model: Path | bytes, providers: list[str], name: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    what = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(what, sess_options=options, providers=providers)
    except Exception as error:  # onnxruntime's errors share no base but this
        raise ConfigError(
            f"Opening {name} ({'built in' if isinstance(model, bytes) else model}): {error}. "
            "Put a whole ONNX file there, or name another by embedding.model."
        ) from error


def _only_input(
    session: onnxruntime.InferenceSession, preprocessing: Preprocessing, name: str
) -> onnxruntime.NodeArg:
    inputs = session.get_inputs()
    one = inputs[0]
    side = preprocessing.side_px
    shape = list(one.shape)
    fits = len(shape) == 4 and all(
        not isinstance(seen, int) or seen == wanted
        for seen, wanted in zip(shape[1:], (3, side, side), strict=True)
    )
    if len(inputs) != 1 or one.type not in _TYPES or not fits:
        seen = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
        raise ConfigError(
            f"Opening {name}: its inputs are {seen}; expected one of float32 or float16 and shape "
            f"(n, 3, {side}, {side}). Set embedding.side_px, or export the model with such an "
            "input."
        )
    return one


def _output(session: onnxruntime.InferenceSession, wanted: str | None, name: str) -> str:
    outputs = session.get_outputs()
    if wanted is None:
        return str(outputs[0].name)
    if wanted not in {each.name for each in outputs}:
        raise ConfigError(
            f"Opening {name}: it has no output {wanted!r} (embedding.output); it has "
            f"{_names(outputs)}."
        )
    return wanted


def _names(outputs: Sequence[onnxruntime.NodeArg]) -> str:
    return ", ".join(f"{each.name} {each.shape}" for each in outputs)


def _sha256(model: Path | bytes) -> str:
    """Hash the model, and the files beside it that it keeps weights in."""
    if isinstance(model, bytes):
        return hashlib.sha256(model).hexdigest()
    contents = model.read_bytes()
    digest = hashlib.sha256(contents)
    for path in sorted(model.parent.iterdir()):
        # External data is named in the model by its place beside it.
        if path != model and path.is_file() and os.fsencode(path.name) in contents:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
