"""A map of embeddings on the plane, for people to look at."""

import numpy as np
import numpy.typing as npt


def project(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Place vectors on the plane of their two widest directions (principal components).

    Distances on the map are smaller than or equal to the true ones. Deterministic.

    Args:
        vectors: shape (n, dim), float32.

    Returns:
        shape (n, 2), float32; zeros where fewer than two vectors differ.
    """
    if len(vectors) == 0:
        return np.zeros((0, 2), np.float32)
    centred = vectors - vectors.mean(axis=0)
    if len(vectors) < vectors.shape[1]:
        left, scale, _ = np.linalg.svd(centred, full_matrices=False)
        places = left[:, :2] * scale[:2]
    else:
        _, directions = np.linalg.eigh(centred.T @ centred)
        places = centred @ directions[:, ::-1][:, :2]
    if places.shape[1] < 2:
        places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    # The sign of a component is arbitrary: fix it, so that equal input gives an equal map.
    for axis in range(2):
        widest = int(np.argmax(np.abs(places[:, axis])))
        if places[widest, axis] < 0:
            places[:, axis] = -places[:, axis]
    return np.asarray(places, np.float32)
