"""The stages, their versions, and the keys of their results.

A stage's version is part of the key of everything it makes: raise it when the stage's code
gives another result for the same input, and that stage and those after it run again. Score and
embed come after sample, classify after score. Nothing comes after probe: the stages that decode
look at the bytes, not at its result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pipeline_project.core.config import CurationConfig, SamplingConfig
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.hashing import datum_key
from pipeline_project.core.quality.classifier import CLASSIFIER_VERSION
from pipeline_project.core.quality.registry import QUALITY_VERSION
from pipeline_project.core.records import MediaKind

THUMBNAIL_WIDTH_PX = 240
THUMBNAIL_HEIGHT_PX = 480  # taller pictures, of screens or panoramas, come out narrower

DATUM_STAGES = ("probe", "sample", "score", "classify", "embed")
FRAME_STAGES = DATUM_STAGES[1:]
SET_STAGES = ("deduplicate", "select", "write")
VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "probe": "1",
        "sample": "1",
        "score": QUALITY_VERSION,
        "classify": CLASSIFIER_VERSION,
        "embed": "1",
        "deduplicate": "2",
        "select": "2",
        "write": "1",
    }
)


@dataclass(frozen=True, slots=True)
class FrameKeys:
    """The datum keys of one file's frame stages."""

    sample: str
    score: str
    classify: str
    embed: str

    def all(self) -> tuple[str, ...]:
        """The four keys, in order of the stages."""
        return (self.sample, self.score, self.classify, self.embed)


def probe_key(sha256: str) -> str:
    """Key of what a file says of itself."""
    return datum_key(input_sha256=sha256, stage="probe", stage_version=VERSIONS["probe"], params={})


@dataclass(frozen=True, slots=True)
class Stages:
    """The frame stages under one configuration.

    Attributes:
        config: of the run.
        classifier_sha256: hash of the quality classifier's parameters.
        space: of the embedder.
    """

    config: CurationConfig
    classifier_sha256: str
    space: EmbeddingSpace

    def keys(self, sha256: str, kind: MediaKind) -> FrameKeys:
        """Keys of one file's results; each stage's input is the key of the stage before."""
        sample = datum_key(
            input_sha256=sha256,
            stage="sample",
            stage_version=VERSIONS["sample"],
            params=self.params("sample", kind),
        )
        score = datum_key(
            input_sha256=sample, stage="score", stage_version=VERSIONS["score"], params={}
        )
        return FrameKeys(
            sample=sample,
            score=score,
            classify=datum_key(
                input_sha256=score,
                stage="classify",
                stage_version=VERSIONS["classify"],
                params=self.params("classify", kind),
                model_sha256=self.classifier_sha256,
            ),
            embed=datum_key(
                input_sha256=sample,
                stage="embed",
                stage_version=VERSIONS["embed"],
                params=self.params("embed", kind),
                model_sha256=self.space.weights_sha256,
            ),
        )

    def params(self, stage: str, kind: MediaKind) -> dict[str, object]:
        """What a stage's result depends on besides its input, code and model."""
        if stage == "sample":
            sampling = {} if kind == "image" else _sampling_params(self.config.sampling)
            return {
                **sampling,
                "min_side_px": self.config.quality.min_side_px,
                "thumbnail_px": [THUMBNAIL_WIDTH_PX, THUMBNAIL_HEIGHT_PX],
            }
        if stage == "classify":
            return {"classifier": self.config.quality.classifier}
        if stage == "embed":
            return {"space": self.space.name, "preprocess": self.space.preprocess}
        return {}

    def model_sha256(self, stage: str) -> str:
        """Hash of the model that a stage runs; empty for none."""
        return {"classify": self.classifier_sha256, "embed": self.space.weights_sha256}.get(
            stage, ""
        )


def _sampling_params(sampling: SamplingConfig) -> dict[str, object]:
    """Only what the mode looks at, so that an unused number changes no key."""
    if sampling.mode == "every":
        return {"mode": "every", "every_s": sampling.every_s}
    if sampling.mode == "fps":
        return {"mode": "fps", "fps": sampling.fps}
    return {"mode": sampling.mode}
