"""Which measurer a configuration asks for."""

import ctypes
import importlib.util
import sys

from pipeline_project.adapters.measuring.base import Measurer
from pipeline_project.adapters.measuring.processor import ProcessorMeasurer
from pipeline_project.errors import ConfigError


def open_measurer(device: str) -> Measurer:
    """Return what measures on this device.

    Args:
        device: `cpu`; `cuda`, a GPU through torch; `auto`, a GPU where torch is installed and
            sees one, the processor elsewhere.

    Raises:
        ConfigError: `cuda` was asked for and torch is not installed or sees no GPU; or torch is
            installed but cannot be loaded on a machine that has a GPU.
    """
    # torch takes seconds to load, so it is only asked where there can be a GPU.
    possible = importlib.util.find_spec("torch") is not None and has_driver()
    if device == "cpu" or (device == "auto" and not possible):
        return ProcessorMeasurer()
    from pipeline_project.adapters.embedder.torch_model import import_extra

    torch = import_extra("torch", f"quality.device {device}")
    if not torch.cuda.is_available():
        if device == "auto":
            return ProcessorMeasurer()
        raise ConfigError(
            f"Opening quality.device cuda: torch {torch.__version__} finds no GPU. Install a "
            "torch built for CUDA and the driver, or set quality.device to auto."
        )
    from pipeline_project.adapters.measuring.torch_measurer import TorchMeasurer

    return TorchMeasurer("cuda")


def has_driver() -> bool:
    """Whether the library of NVIDIA's driver can be loaded."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
