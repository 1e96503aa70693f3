import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from pipeline_project.adapters.embedder.lite0 import Lite0Embedder
from pipeline_project.core.config import CurationConfig
from pipeline_project.worker import selecting
from pipeline_project.worker.candidates import Candidates, Judgement
from pipeline_project.worker.datapool import Datapool
from pipeline_project.worker.selecting import pick

SPACE = Lite0Embedder().space
DIM = 16


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def past(vectors):
    frames = [f"past:{row}" for row in range(len(vectors))]
    return Datapool("earlier", frames, vectors, pa.array([], pa.string()), 1)


def candidates(vectors):
    count = len(vectors)
    return Candidates(
        frame_id=[f"new:{row}" for row in range(count)],
        media_sha256=["new"] * count,
        timestamp_s=np.arange(count, dtype=np.float64),
        pixels_sha256=[str(row) for row in range(count)],
        phash=np.random.default_rng(5).integers(0, 2**63, count).astype(np.uint64),
        measures={"laplacian_variance": np.ones(count)},
        label=np.full(count, "sharp"),
        probabilities={"p_sharp": np.ones(count)},
        vectors=vectors,
    )


def picked(vectors, pool):
    judgement = Judgement([], np.ones(len(vectors)), weighted=False)
    config = CurationConfig.model_validate({"selection": {"n_samples": 2}})
    return pick(candidates(vectors), judgement, pool, config, SPACE)


@pytest.mark.parametrize("rows", [1, 7, 10_000])
def test_a_candidate_like_an_earlier_pick_is_its_duplicate_however_they_are_compared(
    monkeypatch, rows
):
    monkeypatch.setattr(selecting, "_BLOCK_ROWS", rows)
    vectors = unit(np.random.default_rng(0).normal(size=(30, DIM)))
    selected = picked(vectors, past(vectors[20:10:-1].copy()))
    assert selected.duplicates == {
        row: (f"past:{20 - row}", "earlier pick") for row in range(11, 21)
    }


def test_memory_does_not_grow_with_candidates_times_earlier_picks():
    pool = past(unit(np.random.default_rng(1).normal(size=(6_000, DIM))))
    vectors = np.repeat(pool.vectors, 3, axis=0)
    tracemalloc.start()
    try:
        assert len(picked(vectors, pool).duplicates) == len(vectors)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 100e6  # the whole matrix would be 430 MB


def test_picking_keeps_to_the_memory_that_is_asked_for():
    vectors = unit(np.random.default_rng(2).normal(size=(40_000, DIM)))
    config = {"selection": {"n_samples": 50}, "limits": {"memory_mb": 3}}
    judgement = Judgement([], np.ones(len(vectors)), weighted=False)
    bounded = pick(
        candidates(vectors), judgement, past(vectors[:0]), CurationConfig.model_validate(config),
        SPACE,
    )  # fmt: skip
    assert len(bounded.picks) == 50
    [said] = bounded.warnings
    assert "limits.memory_mb" in said and "no frame is farther than" in said
