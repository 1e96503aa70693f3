"""A lake that knows very many files which nobody ever looked at, for timings of what is skipped.

Its rows are those that the worker writes for a still image, all made by the lake's own writer;
hashes are of names, vectors are random. The last table is a selection that considered all files.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice

import numpy as np
import pyarrow as pa

from pipeline_project.adapters.embedder import open_embedder
from pipeline_project.adapters.lake.base import Lake
from pipeline_project.adapters.lake.schemas import TABLES, Table, embeddings_table
from pipeline_project.adapters.quality_model import load_classifier
from pipeline_project.core.config import CurationConfig
from pipeline_project.core.embedding.space import EmbeddingSpace
from pipeline_project.core.records import MediaRef
from pipeline_project.worker.stages import FILE, VERSIONS, FrameKeys, Stages, file_key, probe_key

CHUNK = 100_000
SELECTION = "20260101-000000-known"
_NOW = datetime.now(UTC)


def stages_of(config: CurationConfig) -> tuple[Stages, EmbeddingSpace]:
    """The stages of a configuration, and the embedder's space."""
    space = open_embedder(config.embedding).space
    return Stages(config, load_classifier(config.quality.classifier).sha256, space), space


def sha256_of(ref: MediaRef) -> str:
    return hashlib.sha256(ref.uri.encode()).hexdigest()


def make_known(
    lake: Lake, refs: Iterator[MediaRef], config: CurationConfig, *, frames: bool
) -> int:
    """Write all rows of these files as finished; `frames`: also those of their frames' results.

    Returns:
        How many files.
    """
    stages, space = stages_of(config)
    writer = lake.begin(run_id="known")
    files = 0
    while chunk := list(islice(refs, CHUNK)):
        files += len(chunk)
        hashes = [sha256_of(ref) for ref in chunk]
        make = stages.key_maker("image")
        keys = [make(sha256) for sha256 in hashes]
        for table, rows in chain(_of_files(chunk, hashes, keys, stages), _considered(hashes, keys)):
            writer.append(table, rows)
        if frames:
            for table, rows in chain(_of_frames(hashes, keys), _of_pixels(hashes, keys, space)):
                writer.append(table, rows)
    row = {
        "selection_id": SELECTION,
        "dataset": config.dataset,
        "set_key": "",
        "candidates_sha256": "",
        "space": "known",
        "config": "{}",
        "pool_version": "",
        "engine": "own",
        "run_id": "known",
        "counts": "{}",
        "created_at": _NOW,
    }
    writer.append(TABLES["selection_sets"], [row])
    writer.commit(f"{files} files that are known")
    return files


def _of_files(
    refs: list[MediaRef], hashes: list[str], keys: list[FrameKeys], stages: Stages
) -> Iterator[tuple[Table, pa.Table]]:
    yield _rows(
        "media_sources",
        len(refs),
        uri=[ref.uri for ref in refs],
        sha256=hashes,
        name=[ref.name for ref in refs],
        source=[ref.source for ref in refs],
        size_bytes=[ref.size_bytes for ref in refs],
        fingerprint=[ref.fingerprint for ref in refs],
        attribution="{}",
        seen_at=_NOW,
        gone=False,
    )
    yield _rows(
        "media",
        len(refs),
        sha256=hashes,
        size_bytes=[ref.size_bytes for ref in refs],
        kind="image",
        codec="mjpeg",
        width_px=160,
        height_px=120,
    )
    plan = stages.plan("image")
    lines = {
        "probe": ([probe_key(sha256) for sha256 in hashes], hashes, VERSIONS["probe"]),
        "sample": ([key.sample for key in keys], hashes, VERSIONS["sample"]),
        "score": ([k.score for k in keys], [k.sample for k in keys], VERSIONS["score"]),
        "classify": ([k.classify for k in keys], [k.score for k in keys], VERSIONS["classify"]),
        "embed": ([k.embed for k in keys], [k.sample for k in keys], VERSIONS["embed"]),
        FILE: ([file_key(sha256, plan) for sha256 in hashes], hashes, plan),
    }
    for stage, (made, given, version) in lines.items():
        yield _rows(
            "datums",
            len(refs),
            datum_key=made,
            stage=stage,
            stage_version=version,
            input_sha256=given,
            params="{}",
            model_sha256="",
            state="done",
            rows=1,
            error_class="",
            error="",
            duration_s=0.01,
            run_id="known",
            code_version="0",
            finished_at=_NOW,
        )


def _considered(hashes: list[str], keys: list[FrameKeys]) -> Iterator[tuple[Table, pa.Table]]:
    yield _rows(
        "candidates",
        len(hashes),
        selection_id=SELECTION,
        frame_id=[f"{sha256}:0" for sha256 in hashes],
        media_sha256=hashes,
        sample_key=[key.sample for key in keys],
        outcome="candidate",
        map_x=0.0,
        map_y=0.0,
    )


def _of_frames(hashes: list[str], keys: list[FrameKeys]) -> Iterator[tuple[Table, pa.Table]]:
    frames = [f"{sha256}:0" for sha256 in hashes]
    count = len(frames)
    yield _rows(
        "frames",
        count,
        frame_id=frames,
        media_sha256=hashes,
        datum_key=[key.sample for key in keys],
        pts=0,
        timestamp_s=0.0,
        width_px=160,
        height_px=120,
        pixels_sha256=hashes,
        phash=np.random.default_rng(0).integers(0, 2**63, count, np.uint64),
    )
    measures = [name for name in TABLES["scores"].schema.names[2:-1]]
    values = np.random.default_rng(1).random(count)
    yield _rows(
        "scores",
        count,
        frame_id=frames,
        datum_key=[key.score for key in keys],
        **dict.fromkeys(measures, values),
    )
    yield _rows(
        "labels",
        count,
        frame_id=frames,
        datum_key=[key.classify for key in keys],
        label="sharp",
        p_sharp=1.0,
        p_blur=0.0,
        p_moire=0.0,
    )


def _of_pixels(
    hashes: list[str], keys: list[FrameKeys], space: EmbeddingSpace
) -> Iterator[tuple[Table, pa.Table]]:
    frames = [f"{sha256}:0" for sha256 in hashes]
    yield _rows(
        "thumbnails",
        len(frames),
        frame_id=frames,
        datum_key=[key.sample for key in keys],
        jpeg=bytes(1_000),
    )
    table = embeddings_table(f"{space.name}_{space.weights_sha256[:8]}", space.dim)
    random = np.random.default_rng(2)
    for start in range(0, len(frames), 10_000):
        part = frames[start : start + 10_000]
        flat = random.standard_normal((len(part), space.dim), np.float32)
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        columns = [
            pa.array(part),
            pa.array([key.embed for key in keys[start : start + 10_000]]),
            pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), space.dim),
        ]
        yield table, pa.table(columns, names=["frame_id", "datum_key", "vector"])


def _rows(name: str, count: int, /, **columns: object) -> tuple[Table, pa.Table]:
    """Rows of a table from its columns; one value stands for all rows, absent columns are null."""
    table = TABLES[name]
    arrays = []
    for field in list(table.schema)[:-1]:
        value = columns.get(field.name)
        if isinstance(value, list | np.ndarray):
            arrays.append(pa.array(value, field.type))
        elif value is None:
            arrays.append(pa.nulls(count, field.type))
        else:
            arrays.append(pa.repeat(pa.scalar(value, field.type), count))
    return table, pa.table(arrays, schema=pa.schema(list(table.schema)[:-1]))
