import numpy as np
import pytest

from pipeline_project.adapters.embedder import open_embedder
from pipeline_project.core.config import EmbeddingConfig
from pipeline_project.errors import ConfigError
from pipeline_project_tests.adapters.embedder.small_models import onnx_file
from pipeline_project_tests.contracts.embedder import EmbedderContract, pictures


def opened(path, threads=1, **settings):
    return open_embedder(EmbeddingConfig(model=str(path), side_px=8, **settings), threads)


class TestOnnxEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, tmp_path):
        return opened(onnx_file(tmp_path / "m.onnx"))


class TestWithSeveralThreads(EmbedderContract):
    @pytest.fixture
    def embedder(self, tmp_path):
        return opened(onnx_file(tmp_path / "m.onnx"), threads=3)


class TestWithAFixedBatch(EmbedderContract):
    @pytest.fixture
    def embedder(self, tmp_path):
        return opened(onnx_file(tmp_path / "m.onnx", batch=4))


def test_the_vectors_are_what_the_model_gives_for_the_scaled_picture(tmp_path):
    embedder = opened(onnx_file(tmp_path / "m.onnx"), mean=[10, 20, 30], std=[2, 4, 5])
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    scaled = (picture.astype(np.float64) - [10, 20, 30]) / [2, 4, 5]
    weights = np.random.default_rng(3).standard_normal((8 * 8 * 3, 5))
    vector = scaled.transpose(2, 0, 1).ravel() @ weights
    assert embedder.embed([picture])[0] == pytest.approx(vector / np.linalg.norm(vector), abs=1e-5)


def test_order_is_kept_over_many_small_batches(tmp_path):
    embedder = opened(onnx_file(tmp_path / "m.onnx"), threads=3)
    batch = pictures(23)
    alone = np.concatenate([embedder.embed([each]) for each in batch])
    assert embedder.embed(batch) == pytest.approx(alone, abs=1e-5)


def test_another_input_is_another_space_and_other_weights_another_hash(tmp_path):
    file = onnx_file(tmp_path / "m.onnx")
    plain = opened(file).space
    assert opened(file).space == plain
    assert opened(file, mean=[1, 2, 3]).space.name != plain.name
    assert opened(file, resize="crop").space.name != plain.name
    other = opened(onnx_file(tmp_path / "m.onnx", dim=6)).space
    assert (other.name, other.dim) == (plain.name, 6)
    assert other.weights_sha256 != plain.weights_sha256


def test_a_file_that_the_model_names_is_part_of_its_hash(tmp_path):
    file = onnx_file(tmp_path / "m.onnx")
    plain = opened(file).space.weights_sha256
    (tmp_path / "beside").write_bytes(b"1")
    assert opened(file).space.weights_sha256 == plain
    (tmp_path / "hand-made").write_bytes(b"1")
    assert opened(file).space.weights_sha256 != plain


def test_nobody_measured_it_so_it_calls_nothing_a_duplicate_unless_told(tmp_path):
    file = onnx_file(tmp_path / "m.onnx")
    assert opened(file).space.duplicate_cosine is None
    assert opened(file, duplicate_cosine=0.97).space.duplicate_cosine == 0.97


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no file is at .*gone\.onnx. Put the ONNX file there"):
        opened(tmp_path / "gone.onnx")


def test_a_file_that_is_no_model_is_named(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"<html>404</html>")
    with pytest.raises(ConfigError, match=r"Opening onnx-m.*m\.onnx"):
        opened(tmp_path / "m.onnx")


def test_a_wrong_size_says_what_the_model_wants(tmp_path):
    onnx_file(tmp_path / "m.onnx", side_px=16)
    with pytest.raises(ConfigError, match=r"3, 16, 16.*embedding\.side_px"):
        opened(tmp_path / "m.onnx")


def test_an_output_that_is_no_vector_is_refused_and_the_others_named(tmp_path):
    onnx_file(tmp_path / "m.onnx")
    with pytest.raises(ConfigError, match=r"output same has shape .*vectors"):
        opened(tmp_path / "m.onnx", output="same")
    with pytest.raises(ConfigError, match=r"no output 'y'.*vectors .*same"):
        opened(tmp_path / "m.onnx", output="y")


def test_a_gpu_that_is_not_there_is_refused(tmp_path):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("a machine without a GPU is missing: this onnxruntime has one")
    with pytest.raises(ConfigError, match=r"device is cuda.*onnxruntime-gpu"):
        opened(onnx_file(tmp_path / "m.onnx"), device="cuda")
