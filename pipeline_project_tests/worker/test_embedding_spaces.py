"""What the worker does with the configured model, and what it keeps of its space."""

import json
from dataclasses import asdict

import lance
import pytest

from pipeline_project.adapters.embedder import open_embedder
from pipeline_project.adapters.lake.schemas import SPACE
from pipeline_project.core.config import EmbeddingConfig
from pipeline_project.errors import ConfigError
from pipeline_project.worker.frames import embeddings_of
from pipeline_project_tests.adapters.embedder.small_models import onnx_file
from pipeline_project_tests.worker.footage import film
from pipeline_project_tests.worker.house import House


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    film(house.media / "a.mp4", 0, 1, 2)
    return house


def stored_space(house, model):
    table = embeddings_of(open_embedder(model))
    dataset = lance.dataset(house.lake.address(table))
    return json.loads(dataset.schema.metadata[SPACE]), dataset.count_rows()


def test_all_that_is_known_of_a_space_stands_with_its_vectors(house, tmp_path):
    house.run(selection={"n_samples": 1})
    built_in = EmbeddingConfig()
    space = open_embedder(built_in).space
    assert stored_space(house, built_in) == (asdict(space), 3)
    file = onnx_file(tmp_path / "m.onnx", side_px=16)
    own = {"model": str(file), "side_px": 16}
    house.run(selection={"n_samples": 1}, embedding=own)
    about, rows = stored_space(house, EmbeddingConfig(**own))
    assert (about["dim"], about["duplicate_cosine"]) == (5, None)
    assert about["preprocess"].startswith("RGB, squashed to 16x16")
    assert rows >= 3
    assert stored_space(house, built_in) == (asdict(space), 3)


def test_a_model_that_nobody_measured_is_told_of(house, tmp_path):
    own = {"model": str(onnx_file(tmp_path / "m.onnx", side_px=16)), "side_px": 16}
    [warning] = house.run(embedding=own).result.warnings
    assert "embedding.duplicate_cosine" in warning
    measured = house.run(embedding={**own, "duplicate_cosine": 0.99}, dataset="other")
    assert measured.result.warnings == []


def test_a_model_that_is_not_there_ends_the_run_before_it_begins(house, tmp_path):
    with pytest.raises(ConfigError, match=r"no file is at .*gone\.onnx"):
        house.run(embedding={"model": str(tmp_path / "gone.onnx")})
    assert list(house.lake.log()) == []
