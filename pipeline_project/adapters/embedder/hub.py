"""Where weights lie: a folder of the user's own, or the cache of the Hugging Face hub."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline_project.adapters.embedder.torch_model import import_extra
from pipeline_project.errors import ConfigError

LOCAL_DIR = "local-dir:"


def demand_files(model: str, weights: str | None, config_file: str) -> None:
    """Look whether the files that the user named are there; other models pass.

    Args:
        model: as it was configured, perhaps `local-dir:FOLDER`.
        weights: a file in place of the model's own, or None.
        config_file: what a folder must hold beside its weights.

    Raises:
        ConfigError: names the file or folder to fill and what belongs in it.
    """
    if weights is not None and not Path(weights).expanduser().is_file():
        raise ConfigError(
            f"Opening the model {model}: embedding.weights names "
            f"{Path(weights).expanduser().absolute()}, and no file is there. Put the weights there."
        )
    _, found, folder = model.partition(LOCAL_DIR)
    if not found:
        return
    path = Path(folder).expanduser()
    files = [*path.glob("*.safetensors"), *path.glob("*.bin"), *path.glob("*.pth")]
    missing = [] if (path / config_file).is_file() else [config_file]
    if not files and weights is None:
        missing.append("the weights (*.safetensors)")
    if missing:
        raise ConfigError(
            f"Opening the model {model}: {path.absolute()} lacks {' and '.join(missing)}. "
            "Fill that folder with the files of the model's page on the hub."
        )


@contextmanager
def hub(model: str, offline: bool) -> Iterator[None]:
    """Load a model inside; what fails there says where the weights would have to be.

    Args:
        model: as it was configured.
        offline: take only what lies in the cache, and ask no server.

    Raises:
        ConfigError: the model or its weights cannot be had.
    """
    if offline:
        # Read once, when the package is first imported; hence both.
        os.environ["HF_HUB_OFFLINE"] = "1"
        import_extra("huggingface_hub.constants", model).HF_HUB_OFFLINE = True
    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        why = " ".join(str(error).split())
        cache = import_extra("huggingface_hub.constants", model).HF_HUB_CACHE
        network = "embedding.offline is set, so no server was asked" if offline else why[:300]
        missing = type(error).__module__.startswith(("huggingface_hub", "httpx", "requests"))
        raise ConfigError(
            f"Opening the model {model}: its weights are not in {cache}, and could not be fetched "
            f"({network}). Fill that folder on a machine with access (HF_HOME moves it), or name a "
            "folder of your own as local-dir:FOLDER or a file by embedding.weights."
            if missing or "offline" in why.lower()
            else f"Opening the model {model}: {type(error).__name__}: {why[:400]}. "
            "Correct embedding.model, or give another file by embedding.weights."
        ) from error


def in_bytes(own: Sequence[float] | None, of_one: Sequence[float]) -> tuple[float, float, float]:
    """Give mean or std in 0..255: the user's own, or a library's, which is in 0..1."""
    values = own or [round(float(each) * 255, 3) for each in of_one]
    red, green, blue = (float(each) for each in values)
    return red, green, blue


def short_name(model: str) -> str:
    """Name a model for its space; a folder goes by its last part, its weights' hash tells more."""
    return model.rstrip("/").rpartition("/")[2].rpartition(":")[2]
