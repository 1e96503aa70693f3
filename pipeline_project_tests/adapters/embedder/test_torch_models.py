import numpy as np
import pytest

from pipeline_project.adapters.embedder import open_embedder
from pipeline_project.core.config import EmbeddingConfig
from pipeline_project.errors import ConfigError
from pipeline_project_tests.adapters.embedder.small_models import (
    open_clip_folder,
    timm_folder,
    torch_or_skip,
)
from pipeline_project_tests.contracts.embedder import EmbedderContract, pictures


@pytest.fixture(scope="module")
def timm_model(tmp_path_factory):
    torch_or_skip("timm", "safetensors")
    return timm_folder(tmp_path_factory.mktemp("models") / "net")


@pytest.fixture(scope="module")
def clip_model(tmp_path_factory):
    torch_or_skip("open_clip", "safetensors")
    return open_clip_folder(tmp_path_factory.mktemp("models") / "clip")


def opened(model, **settings):
    return open_embedder(EmbeddingConfig(model=model, offline=True, **settings), 1)


class TestTimm(EmbedderContract):
    @pytest.fixture
    def embedder(self, timm_model):
        return opened(f"timm:local-dir:{timm_model}", device="cpu")


class TestOpenClip(EmbedderContract):
    @pytest.fixture
    def embedder(self, clip_model):
        return opened(f"open_clip:local-dir:{clip_model}", device="cpu")


def test_timm_vectors_are_the_networks_pooled_features(timm_model):
    import timm
    import torch

    embedder = opened(f"timm:local-dir:{timm_model}", device="cpu")
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    network = timm.create_model(f"local-dir:{timm_model}", pretrained=True, num_classes=0).eval()
    planes = torch.from_numpy((picture / 255 - 0.5) / 0.25).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        expected = network(planes).numpy()[0]
    expected /= np.linalg.norm(expected)
    assert embedder.embed([picture])[0] == pytest.approx(expected, abs=1e-3)
    assert embedder.space.preprocess.startswith("RGB, squashed to 64x64")


def test_other_weights_are_another_space(timm_model, tmp_path):
    one = opened(f"timm:local-dir:{timm_model}").space
    assert opened(f"timm:local-dir:{timm_model}").space == one
    other = opened(f"timm:local-dir:{timm_folder(tmp_path / 'net', seed=9)}").space
    assert (other.name, other.dim) == (one.name, one.dim)
    assert other.weights_sha256 != one.weights_sha256


def test_another_size_is_another_space(timm_model):
    small = opened(f"timm:local-dir:{timm_model}", side_px=32)
    assert small.prepare(pictures(1)[0]).shape == (32, 32, 3)
    assert small.space.name != opened(f"timm:local-dir:{timm_model}").space.name


@pytest.mark.parametrize("kind", ["timm", "open_clip"])
def test_an_empty_folder_is_named_with_what_belongs_in_it(kind, tmp_path):
    torch_or_skip(kind)
    with pytest.raises(ConfigError, match=rf"{tmp_path} lacks \w*config\.json and the weights"):
        opened(f"{kind}:local-dir:{tmp_path}")


def test_weights_that_are_not_there_are_named(tmp_path):
    torch_or_skip("timm")
    with pytest.raises(ConfigError, match=r"embedding\.weights names .*gone\.pth, and no file"):
        opened("timm", weights=str(tmp_path / "gone.pth"))


def test_offline_the_default_says_which_folder_to_fill(monkeypatch, tmp_path):
    torch_or_skip("timm")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=rf"not in {tmp_path}, .*no server was asked"):
        opened("timm")


def test_an_unknown_name_is_refused():
    torch_or_skip("timm", "open_clip")
    with pytest.raises(ConfigError, match=r"timm:no_such_net.*Correct embedding\.model"):
        opened("timm:no_such_net")
    with pytest.raises(ConfigError, match=r"open_clip:no-such/tag.*Correct embedding\.model"):
        opened("open_clip:no-such/tag")
    with pytest.raises(ConfigError, match=r"expected open_clip:NAME/TAG"):
        opened("open_clip:ViT-B-32")


def test_half_precision_and_a_gpu_that_is_not_there_are_refused(timm_model):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a machine without a GPU is missing: torch sees one")
    with pytest.raises(ConfigError, match="fp16 needs a GPU"):
        opened(f"timm:local-dir:{timm_model}", precision="fp16")
    with pytest.raises(ConfigError, match="device is cuda, but torch"):
        opened(f"timm:local-dir:{timm_model}", device="cuda")


def test_on_a_gpu_half_precision_gives_nearly_the_same_vectors(timm_model):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("an NVIDIA GPU is needed: its precision differs from that of the processor")
    batch = pictures(8)
    full = opened(f"timm:local-dir:{timm_model}", device="cpu").embed(batch)
    half = opened(f"timm:local-dir:{timm_model}", precision="fp16").embed(batch)
    assert np.all(np.sum(full * half, axis=1) > 0.999)
