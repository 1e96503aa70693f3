import numpy as np

from pipeline_project.core.selection.plane import project


def test_clusters_that_are_apart_stay_apart_on_the_map():
    rng = np.random.default_rng(0)
    centres = np.eye(3, 64)
    rows = np.repeat(centres, 40, axis=0) + rng.normal(scale=0.01, size=(120, 64))
    places = project(rows.astype(np.float32)).reshape(3, 40, 2)
    means = places.mean(axis=1)
    spread = np.linalg.norm(places - means[:, None], axis=2).max()
    gaps = [np.linalg.norm(means[a] - means[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > 5 * spread


def test_many_rows_and_few_rows_give_the_same_kind_of_map():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(50, 8)).astype(np.float32) * [9, 5, 1, 1, 1, 1, 1, 1]
    rows = rows.astype(np.float32)
    padded = np.pad(rows, ((0, 0), (0, 100)))  # more dimensions than rows: the other branch
    assert np.allclose(project(rows), project(padded), atol=1e-3)


def test_the_map_is_the_same_every_time():
    rows = np.random.default_rng(2).normal(size=(30, 5)).astype(np.float32)
    assert np.array_equal(project(rows), project(rows))


def test_no_rows_one_row_and_equal_rows_have_a_map():
    assert project(np.empty((0, 4), np.float32)).shape == (0, 2)
    assert project(np.ones((1, 4), np.float32)).shape == (1, 2)
    assert np.allclose(project(np.ones((5, 4), np.float32)), 0)
