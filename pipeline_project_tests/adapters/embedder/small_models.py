"""Models small enough to make in a test: an ONNX file written by hand, torch models at random."""

import json
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

FLOAT, INT64 = 1, 7


def onnx_file(path: Path, *, side_px: int = 8, dim: int = 5, batch: int | None = None) -> Path:
    """Write an ONNX model: vectors are random sums of the picture's columns.

    It multiplies and adds, nothing else, and also gives the mean picture as a second output.
    """
    weights = np.random.default_rng(3).standard_normal((side_px * side_px * 3, dim))
    first = _field(1, batch) if batch else _field(2, b"n")
    given = [_field(1, each) for each in (3, side_px, side_px)]
    graph = b"".join(
        [
            _node("Reshape", ["x", "shape"], ["flat"]),
            _node("MatMul", ["flat", "weights"], ["vectors"]),
            _node("Identity", ["x"], ["same"]),
            _field(2, b"hand-made"),
            _field(5, _tensor("shape", np.array([-1, side_px * side_px * 3]), INT64)),
            _field(5, _tensor("weights", weights.astype(np.float32), FLOAT)),
            _field(11, _value("x", [first, *given])),
            _field(12, _value("vectors", [first, _field(1, dim)])),
            _field(12, _value("same", [first, *given])),
        ]
    )
    opset = _field(8, _field(2, 13))
    path.write_bytes(_field(1, 8) + opset + _field(7, graph))
    return path


def _node(kind: str, inputs: list[str], outputs: list[str]) -> bytes:
    names = [_field(1, each.encode()) for each in inputs]
    names += [_field(2, each.encode()) for each in outputs]
    return _field(1, b"".join(names) + _field(4, kind.encode()))


def _tensor(name: str, values: np.ndarray, kind: int) -> bytes:
    sizes = b"".join(_field(1, each) for each in values.shape)
    return sizes + _field(2, kind) + _field(8, name.encode()) + _field(9, values.tobytes())


def _value(name: str, sizes: list[bytes]) -> bytes:
    shape = _field(2, b"".join(_field(1, each) for each in sizes))
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, FLOAT) + shape))


def _field(number: int, value: int | bytes) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += struct.pack("B", value & 0x7F | 0x80)
        value >>= 7
    return out + struct.pack("B", value)


def torch_or_skip(*packages: str) -> None:
    """Skip where the extra `gpu` is not installed.

    PyPI's torchvision finds no operators of its own beside a torch built for processors, and
    then cannot even be imported; image models use none of them, so that naming them is enough.
    """
    torch = pytest.importorskip("torch", reason="the extra gpu is not installed")
    for _ in range(9):
        try:
            import torchvision  # noqa: F401
        except ModuleNotFoundError:
            pytest.skip("the extra gpu is not installed")
        except RuntimeError as error:
            found = re.search(r"operator torchvision::(\w+)", str(error))
            if found is None:
                raise
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{found[1]}(Tensor a, Tensor b, float c) -> Tensor")
            _LIBRARIES.append(library)
            for name in [name for name in sys.modules if name.startswith("torchvision")]:
                del sys.modules[name]
        else:
            break
    for package in packages:
        pytest.importorskip(package, reason="the extra gpu is not installed")


_LIBRARIES: list[object] = []  # an operator goes when its library does


def timm_folder(folder: Path, seed: int = 0) -> Path:
    """A timm model with random weights, as `local-dir:` takes it."""
    import safetensors.torch
    import timm
    import torch

    torch.manual_seed(seed)
    name = "test_efficientnet.r160_in1k"
    model = timm.create_model(name, pretrained=False, num_classes=10)
    about = {
        "architecture": "test_efficientnet",
        "num_classes": 10,
        "pretrained_cfg": {
            "input_size": [3, 64, 64],
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "classifier": "classifier",
            "first_conv": "conv_stem",
            "pool_size": [2, 2],
        },
    }
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(about))
    safetensors.torch.save_file(model.state_dict(), folder / "model.safetensors")
    return folder


def open_clip_folder(folder: Path) -> Path:
    """An open_clip model with random weights, as `local-dir:` takes it."""
    import open_clip
    import safetensors.torch
    import torch

    torch.manual_seed(1)
    config = {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 32,
            "layers": 1,
            "width": 32,
            "head_width": 16,
            "patch_size": 8,
        },
        "text_cfg": {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1},
    }
    model = open_clip.CLIP(**config)
    about = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    safetensors.torch.save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder
