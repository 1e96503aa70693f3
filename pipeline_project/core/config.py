"""The configuration of one curation, the same model for `pipeline.yaml`, flags and Dagster.

Only shapes and limits live here. Where values come from (file, environment, flags) is
`settings.py`. Secrets are never part of it.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A section whose unknown keys are errors, so that a typing slip never passes silently."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


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

    classifier: Literal["talk"] = Field(
        default="talk",
        description="talk: Gaussian naive Bayes over Laplacian variance, Sobel variance and "
        "mean high-frequency log magnitude.",
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


class EmbeddingConfig(Section):
    """Which model turns a frame into a vector."""

    model: Literal["lite0-onnx-v1"] = Field(
        "lite0-onnx-v1", description="Built-in EfficientNet-Lite0, 1280 numbers, no download."
    )
    batch_size: int = Field(default=32, ge=1, le=1024, description="Frames per inference call.")


class DatapoolConfig(Section):
    """What earlier runs of the same dataset mean for this one."""

    enabled: bool = Field(
        True, description="Remember picks per dataset; new picks stay away from old ones."
    )
    process_all: bool = Field(
        False, description="Look at files again that an earlier selection has already considered."
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
    checkpoint_s: float = Field(
        60.0, gt=0, description="Finished work is committed this often, so a kill loses little."
    )


class CurationConfig(Section):
    """Everything that decides the result of one curation."""

    source: str | None = Field(
        default=None,
        description="A folder or file, `s3://bucket/prefix`, `pexels:query`; "
        "nothing means the bundled sample.",
    )
    include: list[str] = Field(
        default_factory=list,
        description="Glob patterns on the path below the source; none means all media files.",
    )
    dataset: str = Field(
        "default", min_length=1, max_length=100, description="Name under which picks are pooled."
    )
    service: Literal["worker", "lightly"] = Field(
        "worker", description="Who selects: our own worker, or the Lightly service."
    )
    rehash: bool = Field(
        False, description="Read every file again, also where date and size have not changed."
    )
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    quality: QualityConfig = Field(default_factory=QualityConfig)
    embedding: EmbeddingConfig = Field(default_factory=EmbeddingConfig)
    selection: dict[str, Any] = Field(
        default_factory=dict,
        description="A Lightly `selection_config`, verbatim; empty means the 10 % most diverse, "
        "at least 1, at most 500.",
    )
    datapool: DatapoolConfig = Field(default_factory=DatapoolConfig)
    output: OutputConfig = Field(default_factory=OutputConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
