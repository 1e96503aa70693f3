"""Models that turn frames into vectors; `open_embedder` gives the configured one."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from pipeline_project.adapters.embedder.base import ImageEmbedder
from pipeline_project.core.config import BUILT_IN_MODEL, EmbeddingConfig
from pipeline_project.errors import ConfigError

_ONNX_SIDE_PX = 224
_NAME_DIGITS = 6


def open_embedder(config: EmbeddingConfig, threads: int = 0) -> ImageEmbedder:
    """Open the model that the settings name.

    Args:
        config: which model, and where it runs.
        threads: processors that one call may use; 0 means all.

    Raises:
        ConfigError: the model, its weights or its packages are missing, or do not fit.
    """
    demand_embedder(config)
    kind, _, name = config.model.partition(":")
    if config.model == BUILT_IN_MODEL:
        from pipeline_project.adapters.embedder.lite0 import Lite0Embedder

        return Lite0Embedder(threads, config.device, config.duplicate_cosine)
    if kind == "timm":
        from pipeline_project.adapters.embedder.timm_models import open_timm

        return open_timm(name, config, threads)
    if kind == "open_clip":
        from pipeline_project.adapters.embedder.open_clip_models import open_open_clip

        return open_open_clip(name, config, threads)
    return _open_onnx(config, threads)


def demand_embedder(config: EmbeddingConfig) -> None:
    """Look whether the model could be opened, without loading anything heavy.

    Raises:
        ConfigError: says what is missing, and where to put it.
    """
    from pipeline_project.adapters.embedder.hub import demand_files

    kind, _, _ = config.model.partition(":")
    if kind in ("timm", "open_clip"):
        for package in ("torch", "timm" if kind == "timm" else "open_clip"):
            if find_spec(package) is None:
                raise ConfigError(
                    f"Opening the model {config.model}: the package {package} is not installed. "
                    "Install the extra: python -m pip install 'pipeline-project[gpu]'"
                )
        demand_files(
            config.model,
            config.weights,
            "config.json" if kind == "timm" else "open_clip_config.json",
        )
    elif config.model != BUILT_IN_MODEL and not Path(config.model).expanduser().is_file():
        raise ConfigError(
            f"Opening the model {config.model}: no file is at "
            f"{Path(config.model).expanduser().absolute()}. Put the ONNX file there, or name "
            "another by embedding.model."
        )


def _open_onnx(config: EmbeddingConfig, threads: int) -> ImageEmbedder:
    from pipeline_project.adapters.embedder.onnx import OnnxEmbedder
    from pipeline_project.core.embedding.preprocessing import (
        IMAGENET_MEAN,
        IMAGENET_STD,
        Preprocessing,
    )

    path = Path(config.model).expanduser().absolute()
    preprocessing = Preprocessing(
        config.side_px or _ONNX_SIDE_PX,
        _three(config.mean, IMAGENET_MEAN),
        _three(config.std, IMAGENET_STD),
        config.resize,
    )
    chosen = f"{preprocessing.words}, {config.output}"
    return OnnxEmbedder(
        path,
        name=f"onnx-{path.stem}-{hashlib.sha256(chosen.encode()).hexdigest()[:_NAME_DIGITS]}",
        preprocessing=preprocessing,
        output=config.output,
        threads=threads,
        device=config.device,
        duplicate_cosine=config.duplicate_cosine,
    )


def _three(
    given: list[float] | None, otherwise: tuple[float, float, float]
) -> tuple[float, float, float]:
    red, green, blue = given or otherwise
    return red, green, blue
