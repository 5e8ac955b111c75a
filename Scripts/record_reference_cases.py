#!/usr/bin/env python3
"""Records what ONNX Runtime, or ONNX's own reference where that lacks a kernel, computes for single operators:
Tests/FathomGraphTests/Recorded/operators.json.

Recorded with onnx 1.22.0, onnxruntime 1.32.0 and numpy 2.4.6 on x86-64, Python 3.11, seed 0.
    python3 -m venv .venv && .venv/bin/pip install onnx==1.22.0 onnxruntime==1.32.0 numpy
    .venv/bin/python Scripts/record_reference_cases.py
Operators that have kernels are also recorded by record_operator_cases.py, in float32. ONNX's own tests are a larger
set: `fathom model conformance` runs them.
"""
import base64
import json
import pathlib

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

ROOT = pathlib.Path(__file__).resolve().parent.parent
random = numpy.random.default_rng(0)
cases = []
F16, F64, BF16 = TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16


def normal(*shape):
    return random.standard_normal(shape).astype(numpy.float32)


def whole(*values, kind=numpy.int64):
    return numpy.array(values, dtype=kind)


def truths(*shape):
    return random.random(shape) < 0.5


def case(name, operation, inputs, outputs=1, opset=20, **attributes):
    """One node all of whose inputs are fed; None is absent."""
    inputs = [value if value is None else numpy.asarray(value) for value in inputs]
    names = ["" if value is None else f"x{i}" for i, value in enumerate(inputs)]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(operation, names, results, name=name, **attributes)
    record([node], inputs, names, results, name, operation, opset)


def record(nodes, inputs, names, results, name, operation, opset, initializers=()):
    fed = {n: v for n, v in zip(names, inputs) if n}
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for n, v in fed.items()
    ]
    anything = [helper.make_empty_tensor_value_info(r) for r in results]
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        helper.make_graph(nodes, name, infos, anything, list(initializers)),
        opset_imports=imports)
    model.ir_version = 10
    inferred = onnx.shape_inference.infer_shapes(model)
    try:
        session = onnxruntime.InferenceSession(
            inferred.SerializeToString(), providers=["CPUExecutionProvider"])
        values = session.run(None, fed)
    except Exception:
        values = ReferenceEvaluator(model).run(None, fed)
    values = [numpy.asarray(v) for v in values]
    del model.graph.output[:]
    for result, value in zip(results, values):
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        model.graph.output.append(helper.make_tensor_value_info(result, kind, None))
    cases.append({
        "name": name,
        "operation": operation,
        "model": text(model),
        "inputs": [text(numpy_helper.from_array(v)) for v in fed.values()],
        "outputs": [text(numpy_helper.from_array(v)) for v in values],
    })


def text(message):
    return base64.b64encode(message.SerializeToString()).decode()


def elements():
    x = normal(2, 3, 4)
    unit = numpy.clip(x / 4, -0.99, 0.99)
    for operation in ("Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Erf", "Reciprocal",
                      "Ceil", "Floor", "Round", "Sign", "Softsign", "Mish"):
        case(operation, operation, [x])
    for operation in ("Asin", "Acos", "Atanh"):
        case(operation, operation, [unit])
    case("Acosh", "Acosh", [1 + numpy.abs(x)])
    case("Log", "Log", [numpy.abs(x)])
    case("Round of halves", "Round", [numpy.arange(-3, 3, 0.5, dtype=numpy.float32)])
    case("Celu", "Celu", [x], alpha=0.7)
    case("Selu", "Selu", [x])
    case("Selu with settings", "Selu", [x], alpha=1.2, gamma=0.8)
    case("ThresholdedRelu", "ThresholdedRelu", [x], alpha=0.3)
    case("Shrink", "Shrink", [x], lambd=0.4, bias=0.1)
    case("Swish", "Swish", [x], opset=24, alpha=0.8)
    case("Gelu", "Gelu", [x])
    case("Gelu by tanh", "Gelu", [x], approximate="tanh")
    odd = numpy.array([1, numpy.nan, numpy.inf, -numpy.inf], numpy.float32)
    case("IsNaN", "IsNaN", [odd])
    case("IsInf", "IsInf", [odd])
    case("IsInf below", "IsInf", [odd], detect_positive=0)
    case("PRelu", "PRelu", [x, normal(3, 1)])
    i, j = whole(7, -7, 5, -5, 0), whole(3, 3, -2, -2, 4)
    case("Mod", "Mod", [i, j])
    case("Mod of C", "Mod", [i, j], fmod=1)
    case("Mod of numbers", "Mod", [x, normal(4)], fmod=1)
    case("Abs of whole numbers", "Abs", [i])
    case("Neg of whole numbers", "Neg", [i])
    case("Clip of whole numbers", "Clip", [i, whole(-5)[0], whole(4)[0]])
    case("Pow of whole numbers", "Pow", [i, whole(2, 3, 0, 1, 4)])
    case("Div of unsigned numbers", "Div",
         [whole(2 ** 64 - 2, 9, kind=numpy.uint64), whole(3, 2, kind=numpy.uint64)])
    case("Sum", "Sum", [x, normal(4), normal(3, 1)])
    case("Mean", "Mean", [x, normal(4), normal(3, 1)])
    case("Where", "Where", [truths(3, 1), x, normal(4)])
    case("Where of whole numbers", "Where", [truths(5), i, j])
    for operation in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"):
        case(operation, operation, [numpy.round(x), numpy.round(normal(3, 1))])
        case(f"{operation} of whole numbers", operation, [i, whole(7, -7, 4, 0, 1)])
    for operation in ("And", "Or", "Xor"):
        case(operation, operation, [truths(3, 4), truths(4)])
    case("Not", "Not", [truths(3, 4)])
    bits = [whole(12, 10, 255, kind=numpy.uint8), whole(10, 3, 1, kind=numpy.uint8)]
    for operation in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        case(operation, operation, bits)
    case("BitwiseNot", "BitwiseNot", bits[:1])
    for direction in ("LEFT", "RIGHT"):
        case(f"BitShift {direction}", "BitShift", bits, direction=direction)
    case("Cast to whole numbers", "Cast", [x * 3], to=TensorProto.INT32)
    case("Cast to half", "Cast", [x], to=F16)
    case("Cast to brain float", "Cast", [x], to=BF16)
    case("Cast to truths", "Cast", [numpy.array([0, 0.5, -2], numpy.float32)], to=TensorProto.BOOL)
    case("Cast wraps", "Cast", [whole(300, -1)], to=TensorProto.UINT8)
    case("CastLike", "CastLike", [x, whole(1, kind=numpy.int16)])
    case("Add of halves", "Add", [x.astype(numpy.float16), x.astype(numpy.float16)])
    case("Mul of doubles", "Mul", [x.astype(numpy.float64), x.astype(numpy.float64)])


def moved():
    x = normal(3, 4, 2)
    case("Gather by data", "Gather", [x, whole(2, -1)], axis=1)
    case("GatherElements", "GatherElements", [x, random.integers(-4, 4, (3, 2, 2))], axis=1)
    case("GatherND", "GatherND", [x, whole([0, 3], [2, -1])])
    case("GatherND in batches", "GatherND", [x, whole([[1]], [[3]], [[0]])], batch_dims=1)
    case("Compress", "Compress", [x, numpy.array([True, False, True])], axis=1)
    case("Compress flat", "Compress", [x, numpy.array([False, True, True])])
    case("NonZero", "NonZero", [numpy.array([[1, 0], [0.5, 2]], numpy.float32)])
    case("OneHot", "OneHot", [whole(0, -1, 7), whole(4)[0], normal(2)], axis=0)
    case("Scatter", "Scatter", [x, random.integers(0, 4, (3, 1, 2)), normal(3, 1, 2)], opset=9, axis=1)
    rows = numpy.array([[[0, 3]], [[3, 1]], [[2, 0]]])
    for reduction in ("none", "add", "mul", "max", "min"):
        case(f"ScatterElements {reduction}", "ScatterElements", [x, rows, normal(3, 1, 2)], axis=1,
             reduction=reduction)
        case(f"ScatterND {reduction}", "ScatterND", [x, whole([0, 1], [2, 3]), normal(2, 2)],
             reduction=reduction)
    case("TensorScatter", "TensorScatter", [normal(2, 3, 5, 2), normal(2, 3, 2, 2), whole(1, 3)], opset=24)
    for operation in ("ArgMax", "ArgMin"):
        case(operation, operation, [x], axis=1)
        case(f"{operation} last", operation, [numpy.round(x)], axis=-1, keepdims=0, select_last_index=1)
    case("TopK", "TopK", [x, whole(2)], 2, axis=1)
    case("TopK least", "TopK", [whole(3, 1, 1, 2), whole(3)], 2, largest=0)
    case("CumSum", "CumSum", [x, whole(1)[0]])
    case("CumSum reversed", "CumSum", [x, whole(-1)[0]], exclusive=1, reverse=1)
    case("CumProd", "CumProd", [x, whole(1)[0]], opset=26)
    case("Unique", "Unique", [whole(2, 1, 1, 3, 4, 3)], 4)
    case("Unique unsorted", "Unique", [whole(2, 1, 1, 3, 4, 3)], 4, sorted=0)
    case("Unique rows", "Unique", [whole([1, 0], [1, 0], [0, 2])], 4, axis=0)
    case("Tile", "Tile", [x, whole(1, 2, 3)])
    p = normal(1, 8, 2, 3)
    case("DepthToSpace", "DepthToSpace", [p], blocksize=2)
    case("DepthToSpace by columns", "DepthToSpace", [p], blocksize=2, mode="CRD")
    case("SpaceToDepth", "SpaceToDepth", [normal(1, 2, 4, 6)], blocksize=2)
    case("ReverseSequence", "ReverseSequence", [x, whole(1, 3, 2, 0)])
    case("Trilu", "Trilu", [x], upper=1)
    case("Trilu below", "Trilu", [normal(4, 5), whole(-1)[0]], upper=0)
    case("CenterCropPad", "CenterCropPad", [normal(5, 4, 3), whole(2, 7)], axes=[0, 1])
    case("Range", "Range", [whole(3)[0], whole(-6)[0], whole(-2)[0]])
    case("Range of numbers", "Range", list(numpy.array([0.5, 3, 0.7], numpy.float32)))
    case("EyeLike", "EyeLike", [normal(3, 4)], k=1, dtype=TensorProto.INT32)
    case("Size", "Size", [x])
    case("Pad wrap", "Pad", [normal(3, 4), whole(2, 1, 3, 5)], opset=19, mode="wrap")
    case("Pad of axes", "Pad", [x, whole(1, 2), None, whole(1)], opset=19)
    case("Pad of whole numbers", "Pad", [whole(1, 2), whole(1, 1), whole(7)[0]])


def reduced():
    x = normal(2, 3, 4)
    for operation in ("ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"):
        case(operation, operation, [x, whole(1)], keepdims=0)
    case("ReduceLogSum", "ReduceLogSum", [numpy.abs(x), whole(-1, 0)])
    case("ReduceSum of whole numbers", "ReduceSum", [whole([1, 2], [3, 4]), whole(0)])
    case("ReduceSum of nothing", "ReduceSum", [x, whole()], noop_with_empty_axes=1)
    case("ReduceMax of whole numbers", "ReduceMax", [whole([1, 2], [3, 4], kind=numpy.uint8), whole(1)])


def normalized():
    x = normal(2, 6, 3, 2)
    case("LogSoftmax", "LogSoftmax", [x], axis=1)
    case("Hardmax", "Hardmax", [x], axis=2)
    case("InstanceNormalization", "InstanceNormalization", [x, normal(6), normal(6)], epsilon=1e-3)
    case("GroupNormalization", "GroupNormalization", [x, normal(6), normal(6)], opset=21, num_groups=3)
    case("LRN", "LRN", [x], size=3, alpha=0.1, beta=0.6, bias=1.5)
    case("LpNormalization", "LpNormalization", [x], axis=1, p=1)
    case("MeanVarianceNormalization", "MeanVarianceNormalization", [x])
    case("LayerNormalization", "LayerNormalization", [x, normal(3, 2), normal(3, 2)], axis=2)
    case("LayerNormalization with moments", "LayerNormalization", [x, normal(2)], 3)
    case("RMSNormalization", "RMSNormalization", [x, normal(2)], opset=23)
    case("BatchNormalization in training", "BatchNormalization",
         [x, normal(6), normal(6), normal(6), numpy.abs(normal(6))], 3, opset=15, training_mode=1)


def windows():
    volume = normal(1, 4, 4, 5, 3)
    case("Conv of a volume", "Conv", [volume, normal(6, 2, 2, 3, 3), normal(6)], group=2,
         pads=[0, 1, 1, 1, 1, 0], strides=[1, 2, 1])
    case("ConvTranspose of a sequence", "ConvTranspose", [normal(1, 2, 5), normal(2, 3, 4)], strides=[3])
    case("ConvTranspose to a size", "ConvTranspose", [normal(1, 2, 4, 5), normal(2, 3, 3, 3)],
         strides=[2, 3], output_shape=[9, 14])
    case("ConvTranspose same", "ConvTranspose", [normal(1, 2, 4, 5), normal(2, 3, 3, 3)],
         strides=[2, 2], auto_pad="SAME_LOWER")
    case("ConvTranspose of a volume", "ConvTranspose", [normal(1, 2, 3, 3, 2), normal(2, 1, 2, 2, 3)],
         dilations=[2, 1, 1])
    case("MaxPool with places", "MaxPool", [normal(1, 2, 6, 7)], 2, kernel_shape=[3, 2], strides=[2, 2])
    case("MaxPool of a volume", "MaxPool", [volume], kernel_shape=[2, 2, 2])
    case("MaxPool of bytes", "MaxPool", [whole(*range(12), kind=numpy.uint8).reshape(1, 1, 3, 4)],
         kernel_shape=[2, 2])
    case("LpPool", "LpPool", [normal(1, 2, 6, 7)], kernel_shape=[3, 2], p=3)
    case("GlobalLpPool", "GlobalLpPool", [normal(1, 2, 6, 7)], p=2)
    p = normal(1, 2, 6, 7)
    shrink = numpy.array([1, 1, 0.6, 0.5], numpy.float32)
    case("Resize antialiased", "Resize", [p, None, shrink], mode="linear", antialias=1)
    case("Resize antialiased cubic", "Resize", [p, None, shrink], mode="cubic", antialias=1)
    case("Resize not larger", "Resize", [p, None, None, whole(9, 8)], axes=[2, 3],
         mode="nearest", keep_aspect_ratio_policy="not_larger")
    case("Resize of a region", "Resize",
         [p, numpy.array([0, 0, 0.2, -0.2, 1, 1, 0.8, 1.1], numpy.float32), None, whole(1, 2, 4, 5)],
         mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=9.0)
    grid = (random.random((1, 4, 5, 2)) * 2.6 - 1.3).astype(numpy.float32)
    for padding in ("zeros", "border", "reflection"):
        for mode in ("linear", "nearest", "cubic"):
            case(f"GridSample {mode} {padding}", "GridSample", [p, grid], mode=mode,
                 padding_mode=padding)
    case("GridSample of corners", "GridSample", [p, grid], padding_mode="reflection", align_corners=1)
    case("GridSample of a volume", "GridSample",
         [volume, (random.random((1, 2, 3, 2, 3)) * 2 - 1).astype(numpy.float32)])
    case("AffineGrid", "AffineGrid", [normal(2, 2, 3), whole(2, 1, 3, 4)])
    case("AffineGrid of corners", "AffineGrid", [normal(1, 3, 4), whole(1, 1, 2, 3, 4)], align_corners=1)


def sequences():
    x = normal(5, 2, 3)
    for operation, gates, extra in (("RNN", 1, {}), ("GRU", 3, {}), ("LSTM", 4, {})):
        weights = [normal(1, gates * 4, 3), normal(1, gates * 4, 4), normal(1, gates * 8)]
        both = [normal(2, gates * 4, 3), normal(2, gates * 4, 4), normal(2, gates * 8)]
        outputs = 3 if operation == "LSTM" else 2
        state = [whole(5, 3, kind=numpy.int32), normal(2, 2, 4)]
        cell = [normal(2, 2, 4), normal(2, 12)] if operation == "LSTM" else []
        case(operation, operation, [x] + weights, outputs, hidden_size=4)
        case(f"{operation} backwards", operation, [x] + weights, outputs, hidden_size=4, direction="reverse")
        case(f"{operation} both ways", operation, [x] + both + state + cell, outputs, hidden_size=4,
             direction="bidirectional")
    weights = [normal(1, 12, 3), normal(1, 12, 4), normal(1, 24)]
    case("GRU that resets after the product", "GRU", [x] + weights, 2, hidden_size=4, linear_before_reset=1)
    case("GRU with other functions", "GRU", [x] + weights, 2, hidden_size=4,
         activations=["HardSigmoid", "Relu"], clip=0.8)
    q, k, v = normal(2, 3, 8), normal(2, 5, 4), normal(2, 5, 6)
    case("Attention", "Attention", [q, k, v], opset=23, q_num_heads=4, kv_num_heads=2)
    case("Attention causal", "Attention", [normal(1, 2, 4, 3), normal(1, 2, 4, 3), normal(1, 2, 4, 3)],
         opset=23, is_causal=1)
    case("Attention with a past", "Attention",
         [normal(1, 2, 2, 3), normal(1, 2, 4, 3), normal(1, 2, 4, 3), normal(2, 6), normal(1, 2, 2, 3),
          normal(1, 2, 2, 3)], 3, opset=23, softcap=2.0, scale=0.4)
    x = normal(2, 3, 8)
    case("RotaryEmbedding", "RotaryEmbedding", [x, normal(10, 2), normal(10, 2), whole([0, 1, 2], [4, 5, 9])],
         opset=23, num_heads=2)
    case("RotaryEmbedding in pairs", "RotaryEmbedding", [normal(2, 2, 3, 4), normal(2, 3, 2), normal(2, 3, 2)],
         opset=23, interleaved=1)


def sums():
    a, b = normal(2, 3, 4), normal(2, 4, 5)
    for equation, operands in (
            ("bij,bjk->bik", [a, b]), ("bij->b", [a]), ("ii->i", [normal(3, 3)]), ("i,j", [normal(3), normal(4)]),
            ("...ij,...jk->...ik", [a, b]), ("bij, bkj -> bk i", [a, normal(2, 2, 4)]),
            ("ij,jk,kl->il", [normal(2, 3), normal(3, 4), normal(4, 2)])):
        case(f"Einsum {equation}", "Einsum", operands, equation=equation)
    scores, kinds, weights = normal(3, 4, 2), random.integers(0, 4, (3, 2)), numpy.abs(normal(4))
    for operation in ("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"):
        case(operation, operation, [scores, kinds])
        case(f"{operation} weighted", operation, [scores, kinds, weights], ignore_index=1)
        case(f"{operation} of each", operation, [scores, kinds], reduction="none")


def quantized():
    """Bytes that stand for numbers."""
    def some(kind, *shape):
        info = numpy.iinfo(kind)
        return random.integers(info.min, info.max + 1, shape).astype(kind)
    x, unsigned, signed = normal(2, 3, 4), numpy.uint8, numpy.int8
    scale, zero = numpy.float32(0.05), numpy.uint8(120)
    case("QuantizeLinear", "QuantizeLinear", [x, scale, zero])
    case("QuantizeLinear by channel", "QuantizeLinear", [x, numpy.abs(normal(3)), some(signed, 3)], axis=1)
    case("DequantizeLinear", "DequantizeLinear", [some(unsigned, 2, 3), scale, zero])
    case("DequantizeLinear by channel", "DequantizeLinear", [some(signed, 2, 3), numpy.abs(normal(3))], axis=1)
    case("DynamicQuantizeLinear", "DynamicQuantizeLinear", [x], 3)
    case("ConvInteger", "ConvInteger", [some(unsigned, 1, 2, 5, 5), some(unsigned, 3, 2, 3, 3), zero], pads=[1] * 4)
    case("MatMulInteger", "MatMulInteger", [some(unsigned, 3, 4), some(unsigned, 4, 5), zero, numpy.uint8(7)])
    out, middle = numpy.float32(40), numpy.uint8(128)
    case("QLinearConv", "QLinearConv",
         [some(unsigned, 1, 2, 5, 5), scale, zero, some(unsigned, 3, 2, 3, 3), scale, zero, out / 8, middle])
    case("QLinearMatMul", "QLinearMatMul",
         [some(unsigned, 3, 4), scale, zero, some(unsigned, 4, 5), scale, zero, out / 8, middle])


def branches():
    """`If`, with a condition that is fed, and one that follows from a shape."""
    def branch(operation):
        info = helper.make_tensor_value_info("r", TensorProto.FLOAT, None)
        return helper.make_graph(
            [helper.make_node(operation, ["x1", "w"], ["inner"]),
             helper.make_node("Neg", ["inner"], ["r"])], operation, [], [info],
            [numpy_helper.from_array(normal(3), "w")])
    node = helper.make_node("If", ["x0"], ["y0"], then_branch=branch("Add"), else_branch=branch("Mul"))
    for condition in (True, False):
        record([node], [numpy.array(condition), normal(2, 3)], ["x0", "x1"], ["y0"],
               f"If {condition}", "If", 20)
    nodes = [
        helper.make_node("Shape", ["x1"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Equal", ["n", "two"], ["x0"]),
        node,
    ]
    constants = [numpy_helper.from_array(whole(0)[0], "zero"), numpy_helper.from_array(whole(2)[0], "two")]
    record(nodes, [normal(2, 3)], ["x1"], ["y0"], "If of a shape", "If", 20, constants)


def functions():
    """A function of the file, with a setting, called twice."""
    body = [helper.make_node("LeakyRelu", ["a"], ["b"]), helper.make_node("Add", ["b", "a"], ["c"])]
    setting = body[0].attribute.add()
    setting.name, setting.ref_attr_name, setting.type = "alpha", "slope", onnx.AttributeProto.FLOAT
    function = helper.make_function(
        "local", "twice", ["a"], ["c"], body, [helper.make_opsetid("", 20)], ["slope"])
    nodes = [helper.make_node("twice", ["x0"], ["m"], domain="local", slope=0.5),
             helper.make_node("twice", ["m"], ["y0"], domain="local", slope=0.1)]
    x = normal(2, 3)
    model = helper.make_model(
        helper.make_graph(nodes, "functions", [helper.make_tensor_value_info("x0", TensorProto.FLOAT, [2, 3])],
                          [helper.make_tensor_value_info("y0", TensorProto.FLOAT, [2, 3])]),
        opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("local", 1)], functions=[function])
    model.ir_version = 10
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"])
    values = session.run(None, {"x0": x})
    cases.append({
        "name": "functions of the file", "operation": "LeakyRelu", "model": text(model),
        "inputs": [text(numpy_helper.from_array(x))],
        "outputs": [text(numpy_helper.from_array(v)) for v in values],
    })


def main():
    for part in (elements, moved, reduced, normalized, windows, sequences, sums, quantized, branches, functions):
        part()
    target = ROOT / "Tests/FathomGraphTests/Recorded/operators.json"
    target.parent.mkdir(exist_ok=True)
    versions = {m.__name__: m.__version__ for m in (onnx, onnxruntime, numpy)}
    target.write_text(json.dumps({"versions": versions, "cases": cases}) + "\n")
    print(len(cases), "cases", versions, target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
