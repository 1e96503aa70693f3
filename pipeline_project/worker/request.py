"""What a run asks of the worker, and what the worker answers; both are JSON in the store.

The request lies at `runs/<run id>/request.json`, its listing beside it as `listing.jsonl`, one
`MediaRef` per line. The result is written to `runs/<run id>/result.json` last.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline_project.core.config import CurationConfig
from pipeline_project.core.records import MediaRef


def request_key(run_id: str) -> str:
    """Where a run's request lies in the object store."""
    return f"runs/{run_id}/request.json"


def listing_key(run_id: str) -> str:
    """Where a run's listing lies in the object store."""
    return f"runs/{run_id}/listing.jsonl"


def rejects_key(run_id: str) -> str:
    """Where the worker leaves the files a run could not use, rows of `rejects` as JSON lines."""
    return f"runs/{run_id}/rejects.jsonl"


def result_key(run_id: str) -> str:
    """Where the worker leaves a run's result."""
    return f"runs/{run_id}/result.json"


def picks_key(run_id: str) -> str:
    """Where a selection service's picks lie for the worker to record, if one picked."""
    return f"runs/{run_id}/picks.json"


def output_prefix(selection_id: str) -> str:
    """Below this key lie a selection's picked frames, `frames/<file name>`."""
    return f"output/{selection_id}"


class WorkerRequest(BaseModel):
    """One run's work: the configuration and where its parts lie.

    `source_version` is the hash of what was listed, before anything was uploaded.
    """

    model_config = ConfigDict(extra="forbid")

    run_id: str
    config: CurationConfig
    source: str
    ignored: int = 0
    source_version: str = ""


class StageFacts(BaseModel):
    """What one stage did: data done now, data already known, data that failed, seconds."""

    name: str
    version: str
    done: int = 0
    skipped: int = 0
    failed: int = 0
    duration_s: float = 0.0


class WorkerResult(BaseModel):
    """What a run came to.

    `counts` keys, of files: listed, ignored, media (distinct and usable), videos, images,
    duplicate_files, hashed_files, decoded_files, rejected, damaged; of frames: decoded_frames,
    candidates, excluded (and excluded_<judgement>), duplicates, survivors, picked, pool; and
    video_seconds.

    `states`: `file` and each frame stage -> state (new, changed, removed, failed, recovered, skip)
    -> files; see `worker/states.py`.
    """

    run_id: str
    selection_id: str
    commit_id: str
    reused: bool
    output_prefix: str
    counts: dict[str, float]
    states: dict[str, dict[str, int]] = {}
    stages: list[StageFacts]
    warnings: list[str]
    duration_s: float


def dump_listing(refs: Iterable[MediaRef]) -> bytes:
    """Write a listing as JSON lines; odd bytes in names survive as surrogates."""
    return b"".join(json.dumps(asdict(ref)).encode("ascii") + b"\n" for ref in refs)


def load_listing(data: bytes) -> Iterator[MediaRef]:
    """Read a listing written by `dump_listing`."""
    for line in data.splitlines():
        fields: dict[str, Any] = json.loads(line)
        yield MediaRef(**fields)
