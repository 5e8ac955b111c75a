#!/usr/bin/env python3
"""Records what ONNX Runtime computes for single operators: Tests/FathomEngineTests/Recorded/operators.json.

Recorded with onnx 1.23.2, onnxruntime 1.32.0 and numpy 2.4 on x86-64, CPU provider, Python 3.11, seed 0.
    python3 -m venv .venv && .venv/bin/pip install onnx onnxruntime==1.32.0 numpy
    .venv/bin/python Scripts/record_operator_cases.py
"""
import base64
import json
import pathlib

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent
random = numpy.random.default_rng(0)
cases = []


def normal(*shape):
    return random.standard_normal(shape).astype(numpy.float32)


def whole(*values):
    return numpy.array(values, dtype=numpy.int64)


def case(name, operation, inputs, constants=(), outputs=1, opset=17, **attributes):
    """One node; `inputs` are fed, `constants` (name-less, after the inputs) are initializers, None is absent."""
    names = [f"x{i}" for i in range(len(inputs))]
    graph_inputs = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [f"{n}_{a}" for a in range(v.ndim)])
        for n, v in zip(names, inputs)
    ]
    initializers, node_inputs = [], list(names)
    for i, value in enumerate(constants):
        node_inputs.append("" if value is None else f"c{i}")
        if value is not None:
            initializers.append(numpy_helper.from_array(value, f"c{i}"))
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(operation, node_inputs, results, name=name, **attributes)
    write([node], graph_inputs, initializers, results, name, operation, inputs, names, opset)


def write(nodes, graph_inputs, initializers, results, name, operation, inputs, names, opset):
    graph = helper.make_graph(
        nodes, name, graph_inputs,
        [helper.make_tensor_value_info(r, TensorProto.FLOAT, None) for r in results], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    outputs = session.run(None, dict(zip(names, inputs)))
    cases.append({
        "name": name,
        "operation": operation,
        "model": base64.b64encode(data).decode(),
        "inputs": [tensor(n, v) for n, v in zip(names, inputs)],
        "outputs": [tensor(n, v) for n, v in zip(results, outputs)],
    })


def tensor(name, value):
    """Elements are float32, little-endian, in base 64."""
    data = base64.b64encode(value.astype("<f4").tobytes()).decode()
    return {"name": name, "shape": list(value.shape), "values": data}


def shape_arithmetic():
    """Shape, Gather, ConstantOfShape, Cast, Constant and integer arithmetic, as exporters write a reshape."""
    x = normal(2, 3, 4)
    nodes = [
        helper.make_node("Shape", ["x0"], ["s"]),
        helper.make_node("Constant", [], ["one"], value=numpy_helper.from_array(whole(1))),
        helper.make_node("Gather", ["s", "one"], ["channels"], axis=0),
        helper.make_node("Mul", ["channels", "two"], ["twice"]),
        helper.make_node("Concat", ["twice", "rest"], ["target"], axis=0),
        helper.make_node("Reshape", ["x0", "target"], ["r"]),
        helper.make_node(
            "ConstantOfShape", ["target4"], ["ones"],
            value=numpy_helper.from_array(numpy.array([2.5], numpy.float32))),
        helper.make_node("Cast", ["one"], ["onef"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["r", "onef"], ["a"]),
        helper.make_node("Mul", ["a", "ones"], ["y0"]),
    ]
    initializers = [
        numpy_helper.from_array(v, n)
        for n, v in (("two", whole(2)), ("rest", whole(-1)), ("target4", whole(6, 4)))
    ]
    info = [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["a", 3, 4])]
    for operation in ("Shape", "Constant", "ConstantOfShape", "Cast"):
        write(nodes, info, initializers, ["y0"], f"shape arithmetic ({operation})", operation,
              [x], ["x0"], 17)


def main():
    x = normal(1, 5, 9, 11)
    case("conv 3x3", "Conv", [x], [normal(7, 5, 3, 3), normal(7)], pads=[1, 1, 1, 1])
    case("conv stride 2, lopsided padding", "Conv", [x], [normal(20, 5, 3, 3), normal(20)],
         strides=[2, 2], pads=[0, 1, 1, 0])
    case("conv dilated, no bias", "Conv", [normal(2, 9, 12, 13)], [normal(17, 9, 3, 3)],
         dilations=[2, 3], pads=[2, 3, 2, 3])
    case("conv same upper", "Conv", [x], [normal(3, 5, 4, 2)], auto_pad="SAME_UPPER", strides=[2, 3])
    case("conv same lower", "Conv", [x], [normal(3, 5, 4, 2)], auto_pad="SAME_LOWER")
    case("conv grouped", "Conv", [normal(1, 6, 7, 7)], [normal(4, 3, 3, 3), normal(4)], group=2)
    case("conv depthwise", "Conv", [normal(2, 19, 9, 10)], [normal(19, 1, 5, 5), normal(19)],
         group=19, pads=[2, 2, 2, 2])
    case("conv of a sequence", "Conv", [normal(1, 4, 15)], [normal(6, 4, 3), normal(6)], pads=[1, 1])
    case("conv 1x1", "Conv", [normal(1, 35, 6, 5)], [normal(43, 35, 1, 1), normal(43)])
    case("transposed conv", "ConvTranspose", [normal(1, 4, 5, 6)], [normal(4, 3, 3, 3), normal(6)],
         group=2, strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 0])
    t = normal(2, 3, 5) * 3
    for operation in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Softplus", "Exp", "Abs", "Neg"):
        case(operation, operation, [t])
    case("LeakyRelu", "LeakyRelu", [t], alpha=0.3)
    case("Elu", "Elu", [t], alpha=1.5)
    case("HardSigmoid", "HardSigmoid", [t], alpha=0.25, beta=0.4)
    case("Sqrt", "Sqrt", [numpy.abs(t)])
    case("Clip", "Clip", [t], [numpy.float32(-1), numpy.float32(2)])
    case("Clip above", "Clip", [t], [None, numpy.float32(2)])
    case("Clip by attributes", "Clip", [t], opset=6, min=-0.5, max=0.5)
    for operation in ("Add", "Sub", "Mul", "Div", "Min", "Max"):
        case(operation, operation, [normal(2, 3, 4), normal(2, 3, 4)])
        case(f"{operation} broadcast", operation, [normal(2, 1, 4), normal(3, 1)])
        case(f"{operation} one number", operation, [normal(2, 3, 4)], [numpy.float32(1.5)])
    case("Pow", "Pow", [numpy.abs(normal(3, 4)), normal(3, 4)])
    case("Max of three", "Max", [normal(3, 4), normal(4), normal(1, 4)])
    p = normal(1, 3, 6, 7)
    scales = numpy.array([1, 1, 2, 2], numpy.float32)
    odd = numpy.array([1, 1, 1.7, 0.6], numpy.float32)
    for mode in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        for kind in ("nearest", "linear", "cubic"):
            case(f"Resize {kind} {mode}", "Resize", [p], [None, scales], mode=kind,
                 coordinate_transformation_mode=mode)
            # Here ONNX Runtime takes the rounded length, the standard the exact one.
            if mode == "align_corners" and kind != "nearest":
                continue
            case(f"Resize {kind} {mode} odd", "Resize", [p], [None, odd], mode=kind,
                 coordinate_transformation_mode=mode)
    case("Resize sizes", "Resize", [p], [None, None, whole(1, 3, 11, 5)], mode="linear")
    case("Resize symmetric", "Resize", [p], [None, odd], opset=19, mode="linear",
         coordinate_transformation_mode="half_pixel_symmetric")
    for rule in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        case(f"Resize {rule}", "Resize", [p], [None, odd], mode="nearest", nearest_mode=rule)
    case("Resize cubic, outside left out", "Resize", [p], [None, odd], mode="cubic",
         exclude_outside=1, cubic_coeff_a=-0.5)
    case("Resize 10", "Resize", [p], [scales], opset=10, mode="linear")
    case("Upsample", "Upsample", [p], [scales], opset=9, mode="linear")
    case("Upsample nearest", "Upsample", [p], opset=7, mode="nearest", scales=[1.0, 1.0, 2.0, 3.0])
    q = normal(1, 3, 8, 9)
    case("MaxPool", "MaxPool", [q], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    case("MaxPool ceil", "MaxPool", [q], kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)
    case("MaxPool dilated", "MaxPool", [q], kernel_shape=[2, 2], dilations=[2, 3])
    case("AveragePool", "AveragePool", [q], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    case("AveragePool padding counted", "AveragePool", [q], kernel_shape=[3, 3], pads=[1, 0, 1, 2],
         count_include_pad=1)
    case("GlobalAveragePool", "GlobalAveragePool", [q])
    case("GlobalMaxPool", "GlobalMaxPool", [q])
    case("BatchNormalization", "BatchNormalization", [q],
         [normal(3), normal(3), normal(3), numpy.abs(normal(3))], epsilon=1e-3)
    case("Softmax", "Softmax", [t], axis=1)
    case("Softmax before 13", "Softmax", [t], opset=11, axis=1)
    case("MatMul", "MatMul", [normal(2, 1, 3, 4), normal(5, 4, 6)])
    case("MatMul vector", "MatMul", [normal(3, 4), normal(4)])
    case("Gemm", "Gemm", [normal(3, 4)], [normal(5, 4), normal(5)], transB=1, alpha=0.5, beta=2.0)
    case("Gemm transposed", "Gemm", [normal(4, 3), normal(4, 5)], [normal(3, 1)], transA=1)
    case("Identity", "Identity", [t])
    case("Dropout", "Dropout", [t])
    case("Flatten", "Flatten", [t], axis=2)
    case("Reshape", "Reshape", [t], [whole(0, -1)])
    case("Squeeze", "Squeeze", [normal(1, 3, 1, 2)], [whole(0, -2)])
    case("Squeeze all", "Squeeze", [normal(1, 3, 1, 2)])
    case("Unsqueeze", "Unsqueeze", [t], [whole(0, -1)])
    case("Unsqueeze by attribute", "Unsqueeze", [t], opset=11, axes=[1])
    case("Transpose", "Transpose", [t], perm=[2, 0, 1])
    case("Transpose reversed", "Transpose", [t])
    case("Expand", "Expand", [normal(3, 1)], [whole(2, 1, 4)])
    case("Slice", "Slice", [normal(5, 6, 7)], [whole(1, -1), whole(4, -100), whole(0, 2), whole(1, -2)])
    case("Slice by attributes", "Slice", [normal(5, 6)], opset=9, starts=[1], ends=[2147483647], axes=[1])
    case("Split", "Split", [normal(7, 3)], [whole(2, 5)], outputs=2, axis=0)
    case("Split equally", "Split", [normal(3, 6)], outputs=3, axis=1)
    case("Gather", "Gather", [normal(4, 5, 2)], [numpy.array([[0, -1], [2, 2]])], axis=1)
    case("Concat", "Concat", [normal(2, 3, 2), normal(2, 1, 2), normal(2, 4, 2)], axis=1)
    case("Pad", "Pad", [p], [whole(0, 0, 1, 2, 0, 1, -2, 0), numpy.float32(0.5)])
    case("Pad reflect", "Pad", [p], [whole(0, 0, 2, 3, 0, 0, 1, 4)], mode="reflect")
    case("Pad edge", "Pad", [p], [whole(0, 0, 2, 3, 0, 0, 1, 4)], mode="edge")
    for operation in ("ReduceMean", "ReduceMax", "ReduceMin"):
        case(operation, operation, [t], axes=[1], keepdims=0)
    case("ReduceSum", "ReduceSum", [t], [whole(0, 2)])
    case("ReduceMean all", "ReduceMean", [t])
    shape_arithmetic()
    target = ROOT / "Tests/FathomEngineTests/Recorded/operators.json"
    target.parent.mkdir(exist_ok=True)
    versions = {m.__name__: m.__version__ for m in (onnx, onnxruntime, numpy)}
    target.write_text(json.dumps({"versions": versions, "cases": cases}) + "\n")
    print(len(cases), "cases", versions)


if __name__ == "__main__":
    main()
