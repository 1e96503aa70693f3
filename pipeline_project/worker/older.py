"""Results of older code, for whoever keeps them: `--keep-old`.

What counts is that a stage was given the same settings; its version, and of the classifier its
model, may be others. Vectors of another embedding model are never kept: they cannot be compared.
"""

from collections.abc import Mapping
from typing import Any

from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES
from pipeline_project.core.hashing import canonical_json
from pipeline_project.core.records import MediaKind
from pipeline_project.worker.stages import FrameKeys, Stages

_KINDS: tuple[MediaKind, ...] = ("image", "video")
_COLUMNS = ("datum_key", "stage", "input_sha256", "params", "model_sha256", "state", "finished_at")


def older_keys(lake: Lake, stages: Stages, kinds: Mapping[str, MediaKind]) -> dict[str, FrameKeys]:
    """Keys of the newest complete results of these files, where there are any.

    Args:
        lake: holds the ledger.
        stages: the settings that they must have been made with.
        kinds: hash -> image or video, of the files.
    """
    samples = {
        sha256: row["datum_key"] for sha256, row in _newest(lake, stages, "sample", kinds).items()
    }
    kind_of = {key: kinds[sha256] for sha256, key in samples.items()}
    scores = _newest(lake, stages, "score", kind_of)
    embeds = _newest(lake, stages, "embed", kind_of)
    of_scores = {row["datum_key"]: kind_of[key] for key, row in scores.items()}
    classes = _newest(lake, stages, "classify", of_scores)
    found = {}
    for sha256, sample in samples.items():
        score = scores[sample]["datum_key"] if sample in scores else ""
        if sample in embeds and score in classes:
            found[sha256] = FrameKeys(
                sample=sample,
                score=score,
                classify=classes[score]["datum_key"],
                embed=embeds[sample]["datum_key"],
            )
    return found


def _newest(
    lake: Lake, stages: Stages, stage: str, kinds: Mapping[str, MediaKind]
) -> dict[str, dict[str, Any]]:
    """The newest finished line of a stage for each input, made with the settings of now."""
    rows = lake.read(
        TABLES["datums"], columns=_COLUMNS, where=("input_sha256", set(kinds))
    ).to_pylist()
    params = {kind: canonical_json(stages.params(stage, kind)) for kind in _KINDS}
    found = {}
    for row in sorted(rows, key=lambda row: row["finished_at"]):
        if (
            (row["stage"], row["state"]) == (stage, "done")
            and row["params"] == params[kinds[row["input_sha256"]]]
            and (stage != "embed" or row["model_sha256"] == stages.model_sha256(stage))
        ):
            found[row["input_sha256"]] = row
    return found
