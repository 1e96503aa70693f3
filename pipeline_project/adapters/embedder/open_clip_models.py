"""Image towers of the open_clip library: CLIP, SigLIP, MobileCLIP."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_project.adapters.embedder.hub import (
    LOCAL_DIR,
    demand_files,
    hub,
    in_bytes,
    short_name,
)
from pipeline_project.adapters.embedder.torch_model import TorchEmbedder, import_extra
from pipeline_project.core.embedding.preprocessing import Preprocessing
from pipeline_project.errors import ConfigError

if TYPE_CHECKING:
    from pipeline_project.core.config import EmbeddingConfig


def open_open_clip(model: str, config: "EmbeddingConfig", threads: int) -> TorchEmbedder:
    """Open an open_clip model, its text half left unused.

    Args:
        model: NAME/TAG such as `ViT-B-32/laion2b_s34b_b79k`, or `local-dir:FOLDER`.
        config: size, device, precision, weights.
        threads: processors that torch may use; 0 means all.

    Raises:
        ConfigError: package, model or weights cannot be had.

    References:
        https://github.com/mlfoundations/open_clip
    """
    full = f"open_clip:{model}"
    demand_files(full, config.weights, "open_clip_config.json")
    name, tag = (model, "") if LOCAL_DIR in model else _name_and_tag(model, config.weights)
    options: dict[str, Any] = {"require_pretrained": True}
    if config.side_px is not None:
        options["force_image_size"] = config.side_px
    if tag or config.weights:
        options["pretrained"] = (
            tag if config.weights is None else str(Path(config.weights).expanduser())
        )
    with hub(full, config.offline):
        open_clip = import_extra("open_clip", full)
        network = open_clip.create_model(name, **options)
        about = open_clip.get_model_preprocess_cfg(network)
    size = about["size"]
    return TorchEmbedder(
        network,
        network.encode_image,
        name=f"open_clip-{short_name(name)}{f'-{tag}' if tag else ''}",
        preprocessing=Preprocessing(
            side_px=int(size if isinstance(size, int) else size[-1]),
            mean=in_bytes(config.mean, about["mean"]),
            std=in_bytes(config.std, about["std"]),
            resize=config.resize,
        ),
        device=config.device,
        precision=config.precision,
        threads=threads,
        duplicate_cosine=config.duplicate_cosine,
    )


def _name_and_tag(model: str, weights: str | None) -> tuple[str, str]:
    name, _, tag = model.partition("/")
    if not tag and weights is None:
        raise ConfigError(
            f"Opening the model open_clip:{model}: expected open_clip:NAME/TAG, such as "
            "open_clip:ViT-B-32/laion2b_s34b_b79k, since a name alone has no weights. Add the "
            "tag, or give a file by embedding.weights."
        )
    return name, tag
