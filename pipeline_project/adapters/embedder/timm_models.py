"""Image models of the timm library: DINOv2, CLIP towers, ConvNeXt and many more."""

from typing import TYPE_CHECKING, Any

from pipeline_project.adapters.embedder.hub import demand_files, hub, in_bytes, short_name
from pipeline_project.adapters.embedder.torch_model import TorchEmbedder, import_extra
from pipeline_project.core.embedding.preprocessing import Preprocessing

if TYPE_CHECKING:
    from pipeline_project.core.config import EmbeddingConfig

DEFAULT = "vit_small_patch14_dinov2.lvd142m"
_DEFAULT_SIDE_PX = 224  # timm's own default for it is 518: five times the work


def open_timm(model: str, config: "EmbeddingConfig", threads: int) -> TorchEmbedder:
    """Open a timm model, its classifier left off.

    Args:
        model: a timm name, `local-dir:FOLDER`, `hf-hub:NAME`; empty for DINOv2 ViT-S/14.
        config: size, device, precision, weights.
        threads: processors that torch may use; 0 means all.

    Raises:
        ConfigError: package, model or weights cannot be had.

    References:
        https://huggingface.co/docs/timm; DINOv2: Oquab et al., arXiv:2304.07193.
    """
    name = model or DEFAULT
    demand_files(f"timm:{name}", config.weights, "config.json")
    side = config.side_px or (_DEFAULT_SIDE_PX if name == DEFAULT else None)
    with hub(f"timm:{name}", config.offline):
        timm = import_extra("timm", f"timm:{name}")
        options: dict[str, Any] = {"pretrained": True, "num_classes": 0}
        if config.weights is not None:
            options["pretrained_cfg_overlay"] = {"file": config.weights}
        network = _created(timm, name, options, side)
    data = timm.data.resolve_model_data_config(network)
    return TorchEmbedder(
        network,
        network.__call__,
        name=f"timm-{short_name(name)}",
        preprocessing=Preprocessing(
            side_px=side or int(data["input_size"][-1]),
            mean=in_bytes(config.mean, data["mean"]),
            std=in_bytes(config.std, data["std"]),
            resize=config.resize,
        ),
        device=config.device,
        precision=config.precision,
        threads=threads,
        duplicate_cosine=config.duplicate_cosine,
    )


def _created(timm: Any, name: str, options: dict[str, Any], side: int | None) -> Any:
    if side is None:
        return timm.create_model(name, **options)
    try:
        return timm.create_model(name, img_size=side, **options)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        return timm.create_model(name, **options)  # a convolution takes any size
