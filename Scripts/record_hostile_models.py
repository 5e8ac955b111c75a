#!/usr/bin/env python3
"""Writes small hostile ONNX files to Tests/FathomGraphTests/Corpus; the tests and the fuzzer start from them.

Recorded with onnx 1.22.0, Python 3.11.
    python3 -m venv .venv && .venv/bin/pip install onnx==1.22.0
    .venv/bin/python Scripts/record_hostile_models.py
Files that the fuzzer found lie beside them.
"""
import pathlib

import numpy
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests/FathomGraphTests/Corpus"
FLOAT = TensorProto.FLOAT


def whole(name, *values):
    return numpy_helper.from_array(numpy.array(values, dtype=numpy.int64), name)


def info(name, *shape):
    return helper.make_tensor_value_info(name, FLOAT, shape)


def write(name, nodes, initializers=(), shape=(1, 2, 4, 4), functions=(), opset=20):
    graph = helper.make_graph(nodes, name, [info("x", *shape)], [helper.make_empty_tensor_value_info("y")],
                              list(initializers))
    graph.output[0].type.tensor_type.elem_type = FLOAT
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    model = helper.make_model(graph, opset_imports=imports, functions=list(functions))
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


def nested(depth):
    """Branches within branches."""
    inner = [helper.make_node("Relu", ["x"], ["r"])]
    if depth > 0:
        inner = [nested(depth - 1)]
    branch = helper.make_graph(inner, "branch", [], [info("r")])
    leaf = helper.make_graph([helper.make_node("Relu", ["x"], ["r"])], "leaf", [], [info("r")])
    return helper.make_node("If", ["c"], ["r" if depth < 20 else "y"], then_branch=branch, else_branch=leaf)


def function(name, calls):
    nodes = [helper.make_node(call, ["a"], [f"b{i}"], domain="local") for i, call in enumerate(calls)]
    nodes.append(helper.make_node("Relu", ["b0" if calls else "a"], ["z"]))
    return helper.make_function("local", name, ["a"], ["z"], nodes, [helper.make_opsetid("", 20)])


def main():
    FOLDER.mkdir(exist_ok=True)
    node = helper.make_node
    big = 2 ** 31 - 1
    write("pad-two-billion", [node("Pad", ["x", "p"], ["y"])], [whole("p", 0, big, 0, 0, 0, big, 0, 0)])
    write("pad-below-nothing", [node("Pad", ["x", "p"], ["y"])], [whole("p", 0, 0, -9, 0, 0, 0, 0, 0)])
    write("pool-two-billion", [node("MaxPool", ["x"], ["y"], kernel_shape=[big, big], pads=[big, big, big, big])])
    write("pool-no-stride", [node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], strides=[0, 1])])
    write("reshape-by-nothing", [node("Reshape", ["x", "p"], ["y"])], [whole("p", 0, -1, 0)], (0, 2, 4))
    write("expand-beyond-memory", [node("Expand", ["x", "p"], ["y"])], [whole("p", 2 ** 40, 2, 4, 4)])
    write("tile-beyond-memory", [node("Tile", ["x", "p"], ["y"])], [whole("p", 2 ** 62, 2, 4, 4)])
    write("range-without-end", [node("Range", ["a", "b", "c"], ["i"]), node("Cast", ["i"], ["y"], to=FLOAT)],
          [whole("a", 0), whole("b", 2 ** 62), whole("c", 1)])
    write("range-by-nothing", [node("Range", ["a", "b", "c"], ["i"]), node("Cast", ["i"], ["y"], to=FLOAT)],
          [whole("a", 0), whole("b", 5), whole("c", 0)])
    write("shape-divided-by-nothing",
          [node("Shape", ["x"], ["s"]), node("Div", ["s", "z"], ["d"]), node("Reshape", ["x", "d"], ["y"])],
          [whole("z", 0)])
    write("gather-far", [node("Gather", ["x", "i"], ["y"], axis=3)], [whole("i", -2 ** 63)])
    write("slice-far", [node("Slice", ["x", "a", "b", "c", "d"], ["y"])],
          [whole("a", -2 ** 63), whole("b", 2 ** 63 - 1), whole("c", 1), whole("d", -2 ** 63)])
    write("axis-far", [node("Concat", ["x", "x"], ["y"], axis=-2 ** 63)])
    write("split-below-nothing", [node("Split", ["x", "p"], ["y", "z"], axis=1)], [whole("p", 5, -3)])
    write("groups-of-nothing", [node("Conv", ["x", "w"], ["y"], group=0)],
          [numpy_helper.from_array(numpy.ones((2, 1, 1, 1), numpy.float32), "w")])
    write("dilated-beyond-all", [node("ConvTranspose", ["x", "w"], ["y"], dilations=[big, big], strides=[big, big])],
          [numpy_helper.from_array(numpy.ones((2, 1, 3, 3), numpy.float32), "w")])
    write("resize-to-nothing", [node("Resize", ["x", "", "s"], ["y"], mode="cubic", antialias=1)],
          [numpy_helper.from_array(numpy.array([1, 1, 1e-30, numpy.nan], numpy.float32), "s")])
    write("resize-of-a-far-region",
          [node("Resize", ["x", "r", "", "p"], ["y"], coordinate_transformation_mode="tf_crop_and_resize")],
          [numpy_helper.from_array(numpy.array([numpy.inf] * 8, numpy.float32), "r"), whole("p", 1, 2, 3, 3)])
    write("shift-far", [node("BitShift", ["a", "b"], ["s"], direction="LEFT"), node("Cast", ["s"], ["y"], to=FLOAT)],
          [numpy_helper.from_array(numpy.array([1], numpy.uint64), n) for n in ("a",)]
          + [numpy_helper.from_array(numpy.array([2 ** 63], numpy.uint64), "b")])
    write("equation-of-nothing", [node("Einsum", ["x", "x"], ["y"], equation="....,-->>")])
    write("triangle-far", [node("Trilu", ["x", "k"], ["y"])], [whole("k", -2 ** 63)])
    write("one-hot-of-two-billion", [node("OneHot", ["i", "d", "v"], ["y"])],
          [whole("i", 1), whole("d", 2 ** 31 - 2), numpy_helper.from_array(numpy.zeros(2, numpy.float32), "v")])
    write("branches-too-deep", [nested(20)], [numpy_helper.from_array(numpy.array(True), "c")])
    write("function-of-itself", [node("f", ["x"], ["y"], domain="local")], functions=[function("f", ["f"])])
    calls = [function(f"f{i}", [f"f{i + 1}"] * 40) for i in range(5)] + [function("f5", [])]
    write("functions-of-functions", [node("f0", ["x"], ["y"], domain="local")], functions=calls)
    print(len(list(FOLDER.iterdir())), "files")


if __name__ == "__main__":
    main()
