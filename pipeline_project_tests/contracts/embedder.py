"""What every `ImageEmbedder` must do; each one's test subclasses this pack."""

import cv2
import numpy as np
import pytest

from pipeline_project.adapters.embedder.base import ImageEmbedder


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    sizes = [(240, 320), (64, 48), (500, 333), (224, 224)]
    return [
        cv2.resize(rng.integers(0, 256, (9, 9, 3), np.uint8), sizes[n % 4][::-1])
        for n in range(count)
    ]


class EmbedderContract:
    @pytest.fixture
    def embedder(self) -> ImageEmbedder:
        raise NotImplementedError

    def test_vectors_are_of_unit_length_and_of_the_spaces_dimension(self, embedder):
        vectors = embedder.embed(pictures(3))
        assert vectors.shape == (3, embedder.space.dim)
        assert vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_a_vector_does_not_depend_on_its_batch(self, embedder):
        batch = pictures(5)
        together = embedder.embed(batch)
        alone = np.concatenate([embedder.embed([each]) for each in batch])
        assert np.allclose(together, alone, atol=1e-5)

    def test_no_pictures_give_no_vectors(self, embedder):
        assert embedder.embed([]).shape == (0, embedder.space.dim)

    def test_a_black_picture_gives_finite_numbers(self, embedder):
        assert np.isfinite(embedder.embed([np.zeros((40, 40, 3), np.uint8)])).all()

    def test_the_input_is_left_as_it_was(self, embedder):
        picture = pictures(1)[0]
        before = picture.copy()
        embedder.embed([picture])
        assert np.array_equal(picture, before)

    def test_a_prepared_picture_gives_the_same_vector(self, embedder):
        batch = pictures(4)
        prepared = [embedder.prepare(each) for each in batch]
        assert np.array_equal(embedder.embed(prepared), embedder.embed(batch))
