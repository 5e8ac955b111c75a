"""Load a SavedModel that `fathom model export` wrote with TensorFlow, run it, and compare.

    python Scripts/check_savedmodel.py MODEL.savedmodel --input image=IMAGE.npy --expected inverse_depth=DEPTH.npy
                                       [--record FILE.json --name NAME]

IMAGE and DEPTH are what `fathom model run` read and wrote. Exits with 1 where an output differs by more than 1e-4 of
its greatest value. --record adds what TensorFlow read of the file to a JSON file, for the tests: the operators and the
signature. Made with Python 3.11, tensorflow-cpu 2.21.0.
"""

import argparse
import collections
import json
import os
import sys

import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--input", action="append", default=[])
    parser.add_argument("--expected", action="append", default=[])
    parser.add_argument("--record")
    parser.add_argument("--name")
    args = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import tensorflow as tf

    def arrays(pairs):
        return {name: np.load(path) for name, path in (pair.split("=", 1) for pair in pairs)}

    loaded = tf.saved_model.load(args.model)
    function = loaded.signatures["serving_default"]
    outputs = function(**{name: tf.constant(array) for name, array in arrays(args.input).items()})
    failed = False
    differences = {}
    for name, expected in arrays(args.expected).items():
        found = outputs[name].numpy()
        difference = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-9))
        print(f"{name}: {found.shape}, greatest difference {difference:.2e} of the greatest value")
        differences[name] = difference
        failed |= found.shape != expected.shape or not difference <= 1e-4
    if args.record and not failed:
        known = json.load(open(args.record)) if os.path.exists(args.record) else {}
        operators = collections.Counter(op.type for op in function.graph.get_operations())
        size = os.path.getsize(os.path.join(args.model, "saved_model.pb"))
        known[args.name] = {"operators": dict(sorted(operators.items())), "bytes": size,
                            "inputs": sorted(function.structured_input_signature[1]),
                            "outputs": sorted(function.structured_outputs), "differences": differences}
        with open(args.record, "w") as file:
            json.dump(known, file, indent=1)
            file.write("\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
