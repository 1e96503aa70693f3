"""The configuration of one curation, the same model for `pipeline.yaml`, flags and Dagster.

Only shapes and limits live here. Where values come from (file, environment, flags) is
`settings.py`. Secrets are never part of it.
"""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline_project.core.config_section import Section
from pipeline_project.core.metadata.sidecar import compiled
from pipeline_project.core.remote_config import AwsConfig as AwsConfig
from pipeline_project.core.remote_config import LightlyConfig as LightlyConfig
from pipeline_project.core.remote_config import SourceAccessConfig as SourceAccessConfig

BUILT_IN_MODEL = "lite0-onnx-v1"


class SamplingConfig(Section):
    """Which frames of a video are looked at. Still images are always taken."""

    mode: Literal["every", "fps", "keyframes", "all"] = Field(
        default="every",
        description="every: one frame per `every_s` seconds; fps: `fps` frames per second; "
        "keyframes: only frames stored whole (about 20 times faster); all: each frame.",
    )
    every_s: float = Field(
        default=1.0, gt=0, description="Seconds between frames, for mode `every`."
    )
    fps: float = Field(default=1.0, gt=0, description="Frames per second, for mode `fps`.")


class QualityConfig(Section):
    """What happens to frames that are blurred, moiré-ridden or near-black."""

    classifier: str = Field(
        default="default",
        min_length=1,
        description="default: a small network over scale-free sharpness and spectral peaks; talk: "
        "Gaussian naive Bayes over Laplacian variance, Sobel variance and mean high-frequency log "
        "power; or the path of a model that `pipeline train` wrote.",
    )
    action: Literal["drop", "weight", "tag"] = Field(
        default="drop",
        description="drop: leave such frames out; weight: prefer sharp ones; tag: only report.",
    )
    min_probability: float = Field(
        0.8, ge=0, le=1, description="Act when blur or moire is at least this probable."
    )
    max_drop_share: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Where dropping would take more than this share of one video, or of all still "
        "images together, weight instead.",
    )
    min_mean_luma: float = Field(
        8.0, ge=0, le=255, description="Frames darker than this mean (0..255) are near-black: out."
    )
    min_side_px: int = Field(default=32, ge=3, description="Smaller images are rejected.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where measures are taken. auto: on a GPU where torch (extra `gpu`) is "
        "installed and finds one. Values differ in their last digits only.",
    )


class EmbeddingConfig(Section):
    """Which model turns a frame into a vector. Vectors of two models are never compared."""

    model: str = Field(
        BUILT_IN_MODEL,
        description=f"{BUILT_IN_MODEL}: built-in EfficientNet-Lite0, 1280 numbers, no download. "
        "FILE.onnx: any model of pictures to vectors. timm: DINOv2 ViT-S/14 at 224 px; timm:NAME: "
        "any timm model; open_clip:NAME/TAG: any open_clip model; NAME may be local-dir:FOLDER. "
        "timm and open_clip need the extra `gpu`.",
    )
    weights: str | None = Field(
        None, description="A file of weights in place of a timm or open_clip model's own."
    )
    batch_size: int = Field(default=32, ge=1, le=1024, description="Frames per inference call.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto takes a GPU where the model's library finds one."
    )
    precision: Literal["fp32", "fp16"] = Field(
        "fp32", description="fp16: half precision, for timm and open_clip on a GPU."
    )
    offline: bool = Field(
        False, description="Ask no model hub: weights must be in its cache, or in files you name."
    )
    side_px: int | None = Field(
        None, ge=1, le=2048, description="Width and height of the input; none: the model's own."
    )
    resize: Literal["squash", "crop"] = Field(
        "squash", description="squash: the whole picture; crop: the square in its middle."
    )
    mean: list[float] | None = Field(
        None,
        min_length=3,
        max_length=3,
        description="Subtracted from red, green, blue, in 0..255; none: the model's own, for ONNX "
        "ImageNet's.",
    )
    std: list[float] | None = Field(
        None,
        min_length=3,
        max_length=3,
        description="Divides red, green, blue, in 0..255; none: the model's own, for ONNX "
        "ImageNet's.",
    )
    output: str | None = Field(None, description="Which output of an ONNX file; none: its first.")
    duplicate_cosine: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Cosine from which two frames are one picture. None: the built-in model's "
        "measured one; for other models embeddings then call no frames duplicates.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        kind = self.model.partition(":")[0]
        torch = kind in ("timm", "open_clip")
        if not (torch or self.model == BUILT_IN_MODEL or self.model.endswith(".onnx")):
            raise ValueError(
                f"model {self.model!r} is unknown; allowed: {BUILT_IN_MODEL}, a path that ends in "
                ".onnx, timm, timm:NAME, open_clip:NAME/TAG"
            )
        unused = [] if torch else ["weights", "offline"]
        unused += ["output"] if torch or self.model == BUILT_IN_MODEL else []
        unused += ["side_px", "resize", "mean", "std"] if self.model == BUILT_IN_MODEL else []
        for name in unused:
            if getattr(self, name) not in (None, False, "squash"):
                raise ValueError(f"{name} says nothing to model {self.model}; leave it out")
        if self.precision == "fp16" and not torch:
            raise ValueError(f"precision fp16 says nothing to model {self.model}; leave it out")
        if any(value <= 0 for value in self.std or []):
            raise ValueError("std must be above 0")
        return self


class DatapoolConfig(Section):
    """What earlier runs of the same dataset mean for this one."""

    enabled: bool = Field(
        True, description="Remember picks per dataset; new picks stay away from old ones."
    )
    process_all: bool = Field(
        False, description="Look at files again that an earlier selection has already considered."
    )


class MetadataConfig(Section):
    """What else is known of files, for strategies on METADATA, SCORES and PREDICTIONS."""

    csv: str | None = Field(
        None,
        description="A CSV table with a column `file` (path below the source) and any others. "
        "A relative path is below the source.",
    )
    path_pattern: str | None = Field(
        None,
        description="A regular expression searched in each path below the source; its named "
        "groups are keys: (?P<camera>cam[0-9]+)/.",
    )
    lightly_dir: str = Field(
        default=".lightly",
        description="Folder with `metadata` and `predictions` in Lightly's formats. A relative "
        "path is below the source.",
    )

    @field_validator("path_pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            compiled(pattern)
        return pattern


class ConstraintsConfig(Section):
    """What picks must keep to, whatever the strategies say."""

    max_per_source: int | None = Field(
        None,
        ge=1,
        description="At most so many picks of one file, those of earlier runs of the dataset "
        "included. Sequences count as one.",
    )
    min_gap_s: float | None = Field(
        None,
        gt=0,
        description="At least so many seconds between picks of one video, those of earlier runs "
        "of the dataset included.",
    )
    selected_sequence_length: int = Field(
        default=1,
        ge=1,
        description="Picks are runs of that many consecutive sampled frames of one video, or "
        "images of one folder.",
    )


class PexelsConfig(Section):
    """Which videos of Pexels a `pexels:` source brings. The key is PEXELS_API_KEY, never here."""

    api_url: str = Field(
        "https://api.pexels.com/v1", description="Address of the API; the key goes there alone."
    )
    count: int = Field(1, ge=1, le=80, description="New videos per run.")
    order: Literal["random", "best"] = Field(
        "random", description="random: any of the 800 best matches; best: in the API's own order."
    )
    seed: int | None = Field(
        None, description="The same seed gives the same random order; none: each run its own."
    )
    height_px: int = Field(
        default=1080,
        ge=1,
        description="Wanted height, of an upright video its width: the smallest file that is not "
        "below it, else the largest. Files above the original's own size are not taken.",
    )
    min_duration_s: float = Field(0.0, ge=0, description="Shorter videos are passed over.")
    max_duration_s: float = Field(600.0, gt=0, description="Longer videos are passed over.")
    max_bytes: int = Field(500_000_000, ge=1, description="Larger files are passed over.")
    timeout_s: float = Field(30.0, gt=0, description="Longest silence of a server.")
    max_wait_s: float = Field(
        60.0, ge=0, description="Longest wait for the rate limit (200 requests an hour) to lift."
    )


class OutputConfig(Section):
    """Where the result goes."""

    dir: str = Field(
        default="curated", description="The result goes to a new folder below this one."
    )
    jpeg_quality: int = Field(
        default=95, ge=1, le=100, description="Quality of the written frames."
    )


class LimitsConfig(Section):
    """Bounds on time and machine."""

    max_runtime_s: float = Field(
        default=14_400, gt=0, description="A run that takes longer is ended."
    )
    threads: int = Field(
        0, ge=0, le=256, description="Files worked on at once; 0 means one per processor."
    )
    memory_mb: int | None = Field(
        None,
        ge=1,
        description="Most memory that picking may take for embeddings. Where they need more, "
        "DIVERSITY is picked in two levels, and the run says how far off at most.",
    )
    checkpoint_s: float = Field(
        60.0, gt=0, description="Finished work is committed this often, so a kill loses little."
    )


class CurationConfig(Section):
    """Everything that decides the result of one curation."""

    source: str | None = Field(
        default=None,
        description="A folder or file, `s3://bucket/prefix`, `pexels:query`, `pexels:popular`, "
        "`pexels:id:123`; nothing means the bundled sample.",
    )
    include: list[str] = Field(
        default_factory=list,
        description="Glob patterns on the path below the source; none means all media files.",
    )
    dataset: str = Field(
        "default", min_length=1, max_length=100, description="Name under which picks are pooled."
    )
    branch: str = Field(
        "main",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="Branch of the lake that is read and written; `pipeline branch` starts one.",
    )
    service: Literal["worker", "lightly"] = Field(
        "worker", description="Who selects: our own worker, or the Lightly service."
    )
    rehash: bool = Field(
        False, description="Read every file again, also where date and size have not changed."
    )
    retry_failed: bool = Field(
        False,
        description="Try again what failed before, also where code and settings are the same.",
    )
    keep_old: bool = Field(
        False,
        description="Keep what older code made of known files; only new files meet the new code.",
    )
    source_access: SourceAccessConfig = Field(default_factory=SourceAccessConfig)
    pexels: PexelsConfig = Field(default_factory=PexelsConfig)
    lightly: LightlyConfig = Field(default_factory=LightlyConfig)
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    quality: QualityConfig = Field(default_factory=QualityConfig)
    embedding: EmbeddingConfig = Field(default_factory=EmbeddingConfig)
    selection: dict[str, Any] = Field(
        default_factory=dict,
        description="A Lightly `selection_config`, verbatim; empty means the 10 % most diverse, "
        "at least 1, at most 500.",
    )
    engine: Literal["own", "mundig"] = Field(
        "own", description="Which engine carries out `selection`; mundig is Lightly's library."
    )
    metadata: MetadataConfig = Field(default_factory=MetadataConfig)
    constraints: ConstraintsConfig = Field(default_factory=ConstraintsConfig)
    datapool: DatapoolConfig = Field(default_factory=DatapoolConfig)
    output: OutputConfig = Field(default_factory=OutputConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)

    @model_validator(mode="after")
    def _engine_can(self) -> Self:
        given = [
            name
            for name in ("max_per_source", "min_gap_s")
            if getattr(self.constraints, name) is not None
        ]
        if self.engine == "mundig" and given:
            raise ValueError(
                f"engine mundig does not have constraints.{' and constraints.'.join(given)}; "
                "take the engine own, or leave them out"
            )
        return self
