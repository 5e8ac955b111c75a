#!/usr/bin/env python3
"""Records the gradients of operators as PyTorch computes them in double precision.

    python3 Scripts/record_gradients.py Tests/FathomEngineTests/Recorded/gradients.json

Each case is one ONNX node with its operands, a weight for every element of its result (the loss is their weighted sum),
and the gradient of that loss by every operand. PyTorch's own gradients are first checked by finite differences in
double precision (torch.autograd.gradcheck). Needs torch.
"""
import json
import sys

import torch
import torch.nn.functional as F

torch.manual_seed(5)
CASES = []


def rounded(tensor):
    """A tensor whose numbers are short in JSON, and not near each other or a kink by accident."""
    return (tensor * 1000).round() / 1000


def case(name, operation, operands, forward, attributes=None, constants=None, learns=None):
    """operands: name -> tensor, in the node's order (None for a constant of that name). forward takes the operands."""
    tensors = [rounded(t.double()) for t in operands.values() if t is not None]
    names = [n for n, t in operands.items() if t is not None]
    learns = names if learns is None else learns
    for n, t in zip(names, tensors):
        t.requires_grad_(n in learns)
    result = forward(*tensors)
    weights = rounded(torch.randn(result.shape, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda *t: (forward(*t) * weights).sum(), tensors, eps=1e-6, atol=1e-6), name
    gradients = torch.autograd.grad((result * weights).sum(), [t for n, t in zip(names, tensors) if n in learns])

    def plain(t):
        return {"shape": list(t.shape), "values": t.detach().reshape(-1).tolist()}

    CASES.append({
        "name": name, "operation": operation, "attributes": attributes or {},
        "inputs": list(operands), "operands": {n: plain(t) for n, t in zip(names, tensors)},
        "constants": constants or {}, "weights": plain(weights),
        "gradients": {n: {"shape": list(g.shape), "values": [float(f"{v:.9g}") for v in g.reshape(-1).tolist()]}
                      for n, g in zip([n for n in names if n in learns], gradients)},
    })


def plain(t):
    return {"shape": list(t.shape), "values": [float(f"{v:.9g}") for v in t.detach().reshape(-1).tolist()]}


def rounding(name, x, scale, zero, low, high, axis=None):
    """QuantizeLinear and the DequantizeLinear behind it, beside PyTorch's fake quantization. What it says is no derivative
    (that is 0 almost everywhere), so there are no finite differences to check it by."""
    x = rounded(x).float().requires_grad_(True)
    if axis is None:
        result = torch.fake_quantize_per_tensor_affine(x, scale, zero, low, high)
    else:
        scale = torch.tensor(scale)
        result = torch.fake_quantize_per_channel_affine(
            x, scale, torch.zeros(len(scale), dtype=torch.int32), axis, low, high)
    weights = rounded(torch.randn(x.shape))
    (gradient,) = torch.autograd.grad((result * weights).sum(), [x])
    assert 0 < (gradient == 0).sum() < x.numel() / 2, name
    shape = [] if axis is None else [len(scale)]
    zeros = [zero] if axis is None else [0] * len(scale)
    CASES.append({
        "name": name, "operation": "QuantizeLinear", "attributes": {} if axis is None else {"axis": axis},
        "inputs": ["x", "s", "z"], "operands": {"x": plain(x)},
        "constants": {"s": {"shape": shape, "values": [scale] if axis is None else scale.tolist()},
                      "z": {"shape": shape, "integers": zeros, "type": "uint8" if low == 0 else "int8"}},
        "weights": plain(weights), "gradients": {"x": plain(gradient)}, "result": plain(result),
    })


def r(*shape):
    return torch.randn(*shape)


def away(*shape):
    """Numbers at least 0.05 from 0."""
    x = torch.randn(*shape)
    return x + 0.05 * torch.sign(x)


def positive(*shape):
    return torch.rand(*shape) + 0.3


def roundings():
    torch.manual_seed(6)
    rounding("QuantizeLinear", 2 * r(2, 9, 5, 6), 0.013, 90, 0, 255)
    rounding("QuantizeLinear, signed", r(2, 4, 3, 3), 0.0127, 0, -128, 127)
    rounding("QuantizeLinear, a scale for each output", r(5, 4, 3, 3), [0.011, 0.0203, 0.013, 0.0091, 0.3], 0, -128, 127, 0)
    rounding("QuantizeLinear, along another axis", r(6, 4), [0.011, 0.0203, 0.013, 0.0091], 0, -128, 127, 1)


def extremes():
    torch.manual_seed(7)
    operands = {"a": r(2, 3, 4), "b": r(3, 1), "c": r(4)}
    for name, function in {"Max": torch.maximum, "Min": torch.minimum}.items():
        case(f"{name} of three", name, operands, lambda a, b, c: function(function(a, b), c))


def main():
    unary = {
        "Relu": torch.relu, "Neg": torch.neg, "Abs": torch.abs, "Exp": torch.exp, "Sigmoid": torch.sigmoid,
        "Tanh": torch.tanh, "Softplus": F.softplus, "Sin": torch.sin, "Cos": torch.cos, "Erf": torch.erf,
        "HardSwish": F.hardswish,
    }
    for name, function in unary.items():
        case(name, name, {"x": away(2, 3, 4)}, function)
    for name, function in {"Sqrt": torch.sqrt, "Log": torch.log, "Reciprocal": torch.reciprocal}.items():
        case(name, name, {"x": positive(2, 3, 4)}, function)
    case("LeakyRelu", "LeakyRelu", {"x": away(2, 5)}, lambda x: F.leaky_relu(x, 0.1), {"alpha": 0.1})
    case("Elu", "Elu", {"x": away(2, 5)}, lambda x: F.elu(x, 0.7), {"alpha": 0.7})
    case("HardSigmoid", "HardSigmoid", {"x": 3 * away(2, 9)}, lambda x: torch.clamp(0.2 * x + 0.5, 0, 1))
    case("Clip", "Clip", {"x": 4 * away(3, 5), "low": None, "high": None}, lambda x: torch.clamp(x, -1, 3),
         constants={"low": {"shape": [], "values": [-1.0]}, "high": {"shape": [], "values": [3.0]}})
    for name, function in {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div,
                           "Max": torch.maximum, "Min": torch.minimum}.items():
        case(name, name, {"a": r(2, 3, 4), "b": positive(2, 3, 4)}, function)
        case(f"{name}, broadcast", name, {"a": r(2, 3, 4), "b": positive(3, 1)}, function)
        case(f"{name}, broadcast to the second", name, {"a": r(4), "b": positive(2, 3, 4)}, function)
    case("Pow", "Pow", {"x": positive(3, 4), "e": None}, lambda x: x ** 2.5,
         constants={"e": {"shape": [], "values": [2.5]}})
    mask = [[1, 0, 1], [0, 1, 1]]
    case("Where", "Where", {"c": None, "a": r(2, 3), "b": r(1, 3)},
         lambda a, b: torch.where(torch.tensor(mask) > 0, a, b),
         constants={"c": {"shape": [2, 3], "booleans": [v for row in mask for v in row]}})

    for axes in ([1], [0, 2], [2, 3]):
        for keep in (0, 1):
            options = {"axes": axes, "keepdims": keep}
            case(f"ReduceMean {axes} {keep}", "ReduceMean", {"x": r(2, 3, 4, 5)},
                 lambda x: x.mean(axes, keepdim=bool(keep)), options)
            case(f"ReduceMax {axes} {keep}", "ReduceMax", {"x": r(2, 3, 4, 5)},
                 lambda x: x.amax(axes, keepdim=bool(keep)), options)
    case("ReduceSum", "ReduceSum", {"x": r(2, 3, 4), "axes": None}, lambda x: x.sum([0, 2]), {"keepdims": 0},
         {"axes": {"shape": [2], "integers": [0, 2]}})
    case("ReduceMin", "ReduceMin", {"x": r(2, 3, 4)}, lambda x: x.amin([1]), {"axes": [1], "keepdims": 0})
    case("ReduceL1", "ReduceL1", {"x": away(2, 6)}, lambda x: x.abs().sum(1), {"axes": [1], "keepdims": 0})
    case("ReduceL2", "ReduceL2", {"x": away(2, 6)}, lambda x: x.norm(dim=1), {"axes": [1], "keepdims": 0})
    case("ReduceSumSquare", "ReduceSumSquare", {"x": r(2, 6)}, lambda x: (x * x).sum(1), {"axes": [1], "keepdims": 0})
    case("MatMul", "MatMul", {"a": r(3, 4), "b": r(4, 5)}, torch.matmul)
    case("MatMul, batched and broadcast", "MatMul", {"a": r(2, 3, 4), "b": r(4, 5)}, torch.matmul)
    for a in (0, 1):
        for b in (0, 1):
            case(f"Gemm {a}{b}", "Gemm", {"a": r(*((4, 3) if a else (3, 4))), "b": r(*((5, 4) if b else (4, 5))), "c": r(5)},
                 lambda x, y, z: 0.5 * (x.T if a else x) @ (y.T if b else y) + 2 * z,
                 {"transA": a, "transB": b, "alpha": 0.5, "beta": 2.0})
    case("Softmax", "Softmax", {"x": r(2, 5, 3)}, lambda x: torch.softmax(x, 1), {"axis": 1})
    case("LogSoftmax", "LogSoftmax", {"x": r(2, 5)}, lambda x: torch.log_softmax(x, 1), {"axis": 1})

    def ints(*values):
        return {"shape": [len(values)], "integers": list(values)}

    case("Reshape", "Reshape", {"x": r(2, 6), "s": None}, lambda x: x.reshape(3, 4), constants={"s": ints(3, 4)})
    case("Flatten", "Flatten", {"x": r(2, 3, 2)}, lambda x: x.flatten(1), {"axis": 1})
    case("Squeeze", "Squeeze", {"x": r(2, 1, 3), "a": None}, lambda x: x.squeeze(1), constants={"a": ints(1)})
    case("Unsqueeze", "Unsqueeze", {"x": r(2, 3), "a": None}, lambda x: x.unsqueeze(1), constants={"a": ints(1)})
    case("Transpose", "Transpose", {"x": r(2, 3, 4)}, lambda x: x.permute(2, 0, 1), {"perm": [2, 0, 1]})
    case("Expand", "Expand", {"x": r(3, 1), "s": None}, lambda x: x.expand(2, 3, 4), constants={"s": ints(2, 3, 4)})
    case("Concat", "Concat", {"a": r(2, 3, 2), "b": r(2, 1, 2)}, lambda a, b: torch.cat([a, b], 1), {"axis": 1})
    case("Slice", "Slice", {"x": r(1, 2, 6, 7), "st": None, "en": None, "ax": None, "sp": None},
         lambda x: x[:, :, 1:6:2, 0:7:3],
         constants={"st": ints(1, 0), "en": ints(6, 7), "ax": ints(2, 3), "sp": ints(2, 3)})
    case("Pad", "Pad", {"x": r(1, 2, 3, 4), "p": None}, lambda x: F.pad(x, (1, 2, 0, 1)),
         constants={"p": ints(0, 0, 0, 1, 0, 0, 1, 2)})
    case("Pad, reflected", "Pad", {"x": r(1, 2, 3, 4), "p": None}, lambda x: F.pad(x, (1, 2, 2, 1), mode="reflect"),
         {"mode": "reflect"}, {"p": ints(0, 0, 2, 1, 0, 0, 1, 2)})
    case("Gather", "Gather", {"x": r(4, 3), "i": None}, lambda x: x[torch.tensor([2, 0, 2])], {"axis": 0},
         {"i": ints(2, 0, 2)})
    case("Tile", "Tile", {"x": r(2, 3), "n": None}, lambda x: x.repeat(2, 3), constants={"n": ints(2, 3)})
    case("DepthToSpace", "DepthToSpace", {"x": r(1, 8, 2, 3)}, lambda x: F.pixel_shuffle(x, 2),
         {"blocksize": 2, "mode": "CRD"})

    for label, cin, cout, k, s, d, g, pads in (
            ("1x1", 5, 7, 1, 1, 1, 1, 0), ("3x3", 9, 10, 3, 1, 1, 1, 1), ("3x3 stride 2", 3, 8, 3, 2, 1, 1, 1),
            ("3x3 dilated", 4, 4, 3, 1, 2, 1, 2), ("5x5 stride 2", 3, 17, 5, 2, 1, 1, 2),
            ("7x7 stride 2", 3, 4, 7, 2, 1, 1, 3), ("wide", 10, 50, 3, 1, 1, 1, 1),
            ("grouped", 4, 6, 3, 1, 1, 2, 1), ("depthwise 3x3", 10, 10, 3, 1, 1, 10, 1),
            ("depthwise 3x3 stride 2", 10, 10, 3, 2, 1, 10, 1), ("depthwise 5x5", 9, 9, 5, 1, 1, 9, 2),
            ("depthwise 5x5 stride 2", 9, 9, 5, 2, 1, 9, 2), ("depthwise 7x7", 3, 3, 7, 1, 1, 3, 3),
            ("depthwise dilated", 8, 8, 3, 1, 2, 8, 2)):
        size = (1, cin, 6, 7) if cout == 50 else (2, cin, 7, 8)
        case(f"Conv {label}", "Conv", {"x": r(*size), "w": r(cout, cin // g, k, k), "b": r(cout)},
             lambda x, w, b: F.conv2d(x, w, b, s, pads, d, g),
             {"kernel_shape": [k, k], "strides": [s, s], "dilations": [d, d], "group": g, "pads": [pads] * 4})
    case("Conv, padded at the end only", "Conv", {"x": r(1, 3, 6, 8), "w": r(4, 3, 3, 3)},
         lambda x, w: F.conv2d(F.pad(x, (0, 1, 0, 1)), w, None, 2),
         {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]})
    case("Conv, depthwise, padded at the end only", "Conv", {"x": r(1, 8, 6, 8), "w": r(8, 1, 3, 3)},
         lambda x, w: F.conv2d(F.pad(x, (0, 1, 0, 1)), w, None, 2, 0, 1, 8),
         {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1], "group": 8})
    for label, cin, cout, k, s, p, o in (("stride 2", 6, 5, 3, 2, 1, 1), ("stride 1", 4, 9, 3, 1, 1, 0), ("4x4", 8, 3, 4, 2, 1, 0)):
        case(f"ConvTranspose {label}", "ConvTranspose", {"x": r(2, cin, 4, 5), "w": r(cin, cout, k, k), "b": r(cout)},
             lambda x, w, b: F.conv_transpose2d(x, w, b, s, p, o),
             {"kernel_shape": [k, k], "strides": [s, s], "pads": [p] * 4, "output_padding": [o, o]})

    def norm(x, w, b, m, v):
        return F.batch_norm(x, m, v, w, b, False, 0.1, 1e-4)

    case("BatchNormalization, fixed", "BatchNormalization",
         {"x": r(2, 9, 3, 4), "w": positive(9), "b": r(9), "m": r(9), "v": positive(9)}, norm, {"epsilon": 1e-4},
         learns=["x", "w", "b"])
    case("BatchNormalization, of the batch", "BatchNormalization",
         {"x": 3 + 2 * r(3, 9, 5, 4), "w": positive(9), "b": r(9), "m": r(9), "v": positive(9)},
         lambda x, w, b, m, v: F.batch_norm(x, None, None, w, b, True, 0.1, 1e-4),
         {"epsilon": 1e-4, "training_mode": 1, "momentum": 0.0}, learns=["x", "w", "b"])
    case("GlobalAveragePool", "GlobalAveragePool", {"x": r(2, 3, 4, 5)}, lambda x: x.mean((2, 3), keepdim=True))
    case("AveragePool", "AveragePool", {"x": r(2, 9, 6, 7)}, lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
         {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]})
    case("AveragePool, padding counted", "AveragePool", {"x": r(1, 2, 6, 6)}, lambda x: F.avg_pool2d(x, 3, 1, 1),
         {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1, 1, 1, 1], "count_include_pad": 1})
    case("MaxPool", "MaxPool", {"x": r(2, 9, 7, 8)}, lambda x: F.max_pool2d(x, 3, 2, 1),
         {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]})
    for mode, attributes in (("bilinear", {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}),
                             ("nearest", {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
                                          "nearest_mode": "floor"})):
        for factor in (2, 3):
            case(f"Resize {mode} {factor}", "Resize", {"x": r(2, 9, 3, 4), "": None, "s": None},
                 lambda x: F.interpolate(x, scale_factor=factor, mode=mode), attributes,
                 {"s": {"shape": [4], "values": [1.0, 1.0, float(factor), float(factor)]}})
    case("Resize down", "Resize", {"x": r(1, 2, 6, 8), "": None, "s": None},
         lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear"),
         {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
         {"s": {"shape": [4], "values": [1.0, 1.0, 0.5, 0.5]}})
    for padding in ("zeros", "border"):
        grid = torch.rand(2, 3, 4, 2) * 2.4 - 1.2
        case(f"GridSample {padding}", "GridSample", {"x": r(2, 3, 5, 6), "g": grid},
             lambda x, g: F.grid_sample(x, g, "bilinear", padding, False),
             {"mode": "bilinear", "padding_mode": padding, "align_corners": 0})
    roundings()
    extremes()

    with open(sys.argv[1], "w") as file:
        json.dump({"torch": torch.__version__, "cases": CASES}, file, separators=(",", ":"))
        file.write("\n")
    print(f"{len(CASES)} cases")


if __name__ == "__main__":
    main()
