#!/usr/bin/env python3
"""Records what ONNX Runtime computes with the default model: Tests/FathomEngineTests/Recorded/starter.json.

Recorded with onnxruntime 1.32.0 and numpy 2.4 on x86-64, CPU provider, Python 3.11; no random numbers are used.
    python3 -m venv .venv && .venv/bin/pip install onnxruntime==1.32.0 numpy
    .venv/bin/python Scripts/record_onnx_outputs.py
The input is made of whole numbers by a rule that the test repeats, so it is the same to the bit.
"""
import base64
import json
import pathlib

import numpy
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = [(384, 224), (224, 384), (96, 64), (416, 128)]
POINTS = 2000


def picture(width, height):
    """Slanted stripes with noise on them, 1 x 3 x height x width, -1 to 1."""
    c, y, x = numpy.meshgrid(numpy.arange(3), numpy.arange(height), numpy.arange(width), indexing="ij")
    index = (c * height + y) * width + x
    noise = ((index * 1103515245 + 12345) & 0x7FFFFFFF) >> 16
    whole = (3 * x + 5 * y + 40 * c) % 256 + noise % 64
    return (whole.astype(numpy.float32) / numpy.float32(160) - numpy.float32(1))[None]


def main():
    session = onnxruntime.InferenceSession(
        str(ROOT / "Sources/CDefaultModel/starter.onnx"), providers=["CPUExecutionProvider"])
    cases = []
    for width, height in SIZES:
        output = session.run(None, {"image": picture(width, height)})[0]
        step = max(1, output.size // POINTS)
        cases.append({
            "width": width,
            "height": height,
            "step": step,
            "sum": float(output.astype(numpy.float64).sum()),
            "largest": float(numpy.abs(output).max()),
            # float32, little-endian, in base 64.
            "values": base64.b64encode(output.reshape(-1)[::step].astype("<f4").tobytes()).decode(),
        })
    target = ROOT / "Tests/FathomEngineTests/Recorded/starter.json"
    target.parent.mkdir(exist_ok=True)
    versions = {"onnxruntime": onnxruntime.__version__, "numpy": numpy.__version__}
    target.write_text(json.dumps({"versions": versions, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
