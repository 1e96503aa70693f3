"""The stages, their versions, and the keys of their results.

A stage's version is part of the key of everything it makes: raise it when the stage's code
gives another result for the same input, and that stage and those after it run again. Score and
embed come after sample, classify after score. Nothing comes after probe: the stages that decode
look at the bytes, not at its result.

A version is written by hand, and a test fails when a stage's code changed and its version did
not: `making/stage_code.py` says what counts as a stage's code. Comments, docstrings and code that
no stage uses do not. A change that cannot give another result is accepted without a new version.

All versions, parameters and models that one file's results depend on are its plan. The ledger's
line of stage `file` says that all stages of a file are done by a plan, so that of a million known
files one line each is looked at, and not one per stage.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pipeline_project.core.config import CurationConfig, SamplingConfig
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.hashing import canonical_json, datum_key, datum_key_suffix
from pipeline_project.core.quality.classifier import CLASSIFIER_VERSION
from pipeline_project.core.quality.registry import QUALITY_VERSION
from pipeline_project.core.records import MediaKind

THUMBNAIL_WIDTH_PX = 240
THUMBNAIL_HEIGHT_PX = 480  # taller pictures, of screens or panoramas, come out narrower

DATUM_STAGES = ("probe", "sample", "score", "classify", "embed")
FRAME_STAGES = DATUM_STAGES[1:]
SET_STAGES = ("deduplicate", "select", "write")
FILE = "file"  # in place of a stage: everything that is done with one file
VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        "probe": "1",
        "sample": "1",
        "score": QUALITY_VERSION,
        "classify": CLASSIFIER_VERSION,
        "embed": "1",
        "deduplicate": "2",
        "select": "3",
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
        return self.key_maker(kind)(sha256)

    def key_maker(self, kind: MediaKind) -> Callable[[str], FrameKeys]:
        """What names the results of very many files of one kind, by their hashes."""
        sample, score, classify, embed = self.suffixes(kind)

        def make(sha256: str) -> FrameKeys:
            sampled = _hash(sha256 + sample)
            scored = _hash(sampled + score)
            return FrameKeys(sampled, scored, _hash(scored + classify), _hash(sampled + embed))

        return make

    def suffixes(self, kind: MediaKind) -> tuple[str, ...]:
        """What follows the input in the text of each frame stage's keys, in their order."""
        return tuple(
            datum_key_suffix(
                stage, VERSIONS[stage], self.params(stage, kind), self.model_sha256(stage)
            )
            for stage in FRAME_STAGES
        )

    def plan(self, kind: MediaKind) -> str:
        """Name everything that the results of one file depend on, besides its bytes."""
        parts = {
            stage: [VERSIONS[stage], self.params(stage, kind), self.model_sha256(stage)]
            for stage in DATUM_STAGES
        }
        return _hash(canonical_json(parts))

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


class KeysOfFiles(Mapping[str, FrameKeys]):
    """The datum keys of each file, made when they are asked for.

    Args:
        stages: under which they were or will be made.
        kinds: hash -> kind, of all files.
        kept: of files whose older results are kept instead.
    """

    def __init__(
        self,
        stages: Stages,
        kinds: Mapping[str, MediaKind],
        kept: Mapping[str, FrameKeys] = MappingProxyType({}),
    ) -> None:
        self.kinds = kinds
        self.kept = kept
        self._stages = stages
        self._make: dict[MediaKind, Callable[[str], FrameKeys]] = {
            "image": stages.key_maker("image"),
            "video": stages.key_maker("video"),
        }

    def __getitem__(self, sha256: str) -> FrameKeys:
        """Keys of one file."""
        return self.kept.get(sha256) or self._make[self.kinds[sha256]](sha256)

    def made(self, sha256: str, kind: MediaKind) -> FrameKeys:
        """Keys of a file of a kind by these stages, whatever older results are kept."""
        return self._make[kind](sha256)

    def narrowed(self, kinds: Mapping[str, MediaKind]) -> "KeysOfFiles":
        """The same, of some files only, whose kinds are at hand."""
        return KeysOfFiles(self._stages, kinds, self.kept)

    def suffixes(self, kind: MediaKind) -> list[bytes]:
        """What follows the input in the text of each key of files of a kind."""
        return [suffix.encode("ascii") for suffix in self._stages.suffixes(kind)]

    def __iter__(self) -> Iterator[str]:
        """Hashes of the files."""
        return iter(self.kinds)

    def __len__(self) -> int:
        """How many files."""
        return len(self.kinds)


def file_key(sha256: str, plan: str) -> str:
    """Key of the ledger's line that a file is done by a plan."""
    return datum_key(input_sha256=sha256, stage=FILE, stage_version=plan, params={})


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _sampling_params(sampling: SamplingConfig) -> dict[str, object]:
    """Only what the mode looks at, so that an unused number changes no key."""
    if sampling.mode == "every":
        return {"mode": "every", "every_s": sampling.every_s}
    if sampling.mode == "fps":
        return {"mode": "fps", "fps": sampling.fps}
    return {"mode": sampling.mode}
