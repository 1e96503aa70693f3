import lightly_mundig
import numpy as np
import pytest

from pipeline_project.core.selection import likeness
from pipeline_project.core.selection.likeness import similarity, typicality


def unit_rows(count: int, dim: int = 12, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("queries", [1, 7])
def test_similarity_is_that_of_lightlys_engine(queries):
    rows, wanted = unit_rows(400), unit_rows(queries, seed=1)
    expected = lightly_mundig.Similarity(rows).calculate_similarity(wanted)
    assert np.allclose(similarity(rows, wanted), expected, atol=1e-6)


@pytest.mark.parametrize("neighbours", [1, 2, 20])
def test_typicality_is_that_of_lightlys_engine(neighbours):
    rows = unit_rows(400)
    expected = lightly_mundig.Typicality(rows).calculate_typicality(neighbours)
    assert np.allclose(typicality(rows, neighbours), expected, atol=1e-6)


def test_a_block_at_a_time_gives_the_same(monkeypatch):
    rows, wanted = unit_rows(300), unit_rows(5, seed=1)
    whole = similarity(rows, wanted), typicality(rows, 4)
    monkeypatch.setattr(likeness, "_BLOCK_CELLS", 1000)
    assert np.allclose(whole[0], similarity(rows, wanted))
    assert np.allclose(whole[1], typicality(rows, 4))


def test_a_single_row_and_equal_rows_have_numbers():
    assert typicality(unit_rows(1), 5).tolist() == [1.0]
    same = np.tile(unit_rows(1), (5, 1))
    assert np.isfinite(typicality(same, 2)).all()
    assert np.isfinite(similarity(same, same[:1])).all()
