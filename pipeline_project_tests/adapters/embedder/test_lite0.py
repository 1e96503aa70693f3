import cv2
import numpy as np
import pytest
import skimage.data

from pipeline_project.adapters.embedder.lite0 import Lite0Embedder
from pipeline_project_tests.contracts.embedder import EmbedderContract

# First six of the unit-length vector, photographs resized to 224x224 by INTER_AREA.
GOLDEN = {
    "coffee": [0.00309, 0.07105, 0.07064, 0, 0, 0],
    "chelsea": [0.00183, 0.00474, 0, 0.01674, 0.12733, 0.02527],
    "astronaut": [0, 0.00253, 0, 0.03044, 0.00117, 0],
}

EMBEDDER = Lite0Embedder(threads=1)  # loading the weights takes a moment: once for all tests


class TestLite0Embedder(EmbedderContract):
    @pytest.fixture
    def embedder(self):
        return EMBEDDER

    @pytest.mark.parametrize("name", GOLDEN)
    def test_it_gives_the_published_models_features(self, embedder, name):
        photo = getattr(skimage.data, name)()
        vector = embedder.embed([np.ascontiguousarray(photo[..., :3])])[0]
        assert np.allclose(vector[:6], GOLDEN[name], atol=2e-4)

    def test_a_photograph_is_closer_to_its_own_copy_than_to_others(self, embedder):
        coffee, cat = skimage.data.coffee(), skimage.data.chelsea()
        jpeg = cv2.imdecode(cv2.imencode(".jpg", coffee, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1)
        vectors = embedder.embed([coffee, jpeg, cat])
        assert vectors[0] @ vectors[1] > 0.9 > 0.5 > vectors[0] @ vectors[2]

    def test_the_space_names_the_committed_weights(self, embedder):
        space = embedder.space
        assert (space.name, space.dim) == ("lite0-onnx-v1", 1280)
        assert space.weights_sha256.startswith("6ccf49f0bfc796b0")
