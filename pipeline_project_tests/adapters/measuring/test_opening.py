import subprocess
import sys

import pytest

from pipeline_project.adapters.measuring import opening
from pipeline_project.adapters.measuring.opening import open_measurer
from pipeline_project.errors import ConfigError


def without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(opening.importlib.util, "find_spec", lambda name: None)


def test_the_processor_is_taken_when_asked_for():
    assert open_measurer("cpu").device == "cpu"


def test_auto_takes_the_processor_where_torch_is_not_installed(monkeypatch):
    without_torch(monkeypatch)
    assert open_measurer("auto").device == "cpu"


def test_cuda_without_torch_says_what_to_install(monkeypatch):
    without_torch(monkeypatch)
    with pytest.raises(ConfigError, match=r"pipeline-project\[gpu\]"):
        open_measurer("cuda")


def test_cuda_without_a_gpu_says_so():
    torch = pytest.importorskip("torch", reason="torch comes with the extra `gpu`")
    if torch.cuda.is_available():
        assert open_measurer("cuda").device == open_measurer("auto").device == "cuda"
        return
    with pytest.raises(ConfigError, match="quality.device"):
        open_measurer("cuda")


def test_auto_asks_torch_where_there_is_a_driver_and_takes_the_processor_if_it_sees_no_gpu(
    monkeypatch,
):
    torch = pytest.importorskip("torch", reason="torch comes with the extra `gpu`")
    monkeypatch.setattr(opening, "has_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert open_measurer("auto").device == "cpu"


def test_without_a_driver_torch_is_not_even_loaded():
    if opening.has_driver():
        pytest.skip("this machine has a driver")
    program = (
        "import sys; from pipeline_project.adapters.measuring.opening import open_measurer; "
        "open_measurer('auto'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
