import FathomCore
import FathomEngine
import FathomGraph
import Testing

@Suite("steps on plain tensors")
struct StepTests {
    @Test(
        "operands broadcast to each other however their shapes fit",
        arguments: [
            ([2, 3, 5], [2, 3, 5]), ([2, 3, 5], [5]), ([5], [2, 3, 5]), ([2, 1, 5], [1, 3, 1]),
            ([4, 1], [1, 7]), ([1, 20, 3, 4], [1, 20, 1, 1]), ([20, 1, 1], [2, 20, 3, 4]),
            ([2, 3, 40_000], [2, 1, 40_000]), ([], [3, 4]), ([1], [1]),
        ])
    func broadcast(left: [Int], right: [Int]) throws {
        for operation in ["Add", "Sub", "Mul", "Div", "Min", "Max"] {
            let small = try SmallGraph(
                [Node(operation, inputs: ["a", "b"], outputs: ["y"])],
                inputs: ["a": Shape(left), "b": Shape(right)])
            try small.check()
        }
    }

    @Test("a blocked picture is combined with a number for each channel, and with a constant")
    func blockedBroadcast() throws {
        var random = SeededRandom(3)
        let constants: [String: Value] = [
            "w": .floats(random.tensor([20, 4, 1, 1])),
            "scale": .floats(random.tensor([1, 20, 1, 1])),
            "half": .floats(Tensor(shape: [], values: [0.5])),
            "map": .floats(random.tensor([2, 20, 3, 5])),
        ]
        let small = try SmallGraph(
            [
                Node("Conv", inputs: ["x", "w"], outputs: ["c"]),
                Node("Mul", inputs: ["c", "scale"], outputs: ["d"]),
                Node("Sub", inputs: ["half", "d"], outputs: ["e"]),
                Node("Add", inputs: ["map", "e"], outputs: ["f"]),
                Node(
                    "ReduceMean", inputs: ["f"], outputs: ["g"],
                    attributes: ["axes": .integers([2, 3])]),
                Node("Mul", inputs: ["f", "g"], outputs: ["y"]),
            ], inputs: ["x": [2, 4, 3, 5]], constants: constants, operatorSet: 13)
        try small.check()
    }

    @Test(
        "softmax runs along any axis",
        arguments: [
            ([3, 7, 40], 2), ([3, 7, 40], 1), ([2, 5, 3], 0), ([4, 1], 1), ([1, 600], 1),
        ])
    func softmax(shape: [Int], axis: Int) throws {
        let small = try SmallGraph(
            [
                Node("Softmax", inputs: ["x"], outputs: ["y"], attributes: ["axis": .integer(axis)])
            ], inputs: ["x": Shape(shape)])
        try small.check()
    }

    @Test(
        "numbers along neighbouring axes become one",
        arguments: [
            ([3, 7, 40], [2]), ([3, 7, 40], [1]), ([3, 7, 40], [0, 1]), ([2, 5, 3], [0, 1, 2]),
            ([1, 600], [-1]),
        ])
    func reduction(shape: [Int], axes: [Int]) throws {
        for operation in ["ReduceMean", "ReduceMax"] {
            for keeps in [0, 1] {
                let small = try SmallGraph(
                    [
                        Node(
                            operation, inputs: ["x"], outputs: ["y"],
                            attributes: ["axes": .integers(axes), "keepdims": .integer(keeps)])
                    ], inputs: ["x": Shape(shape)], operatorSet: 13)
                try small.check()
            }
        }
    }

    @Test(
        "axes change places",
        arguments: [
            ([3, 17], [1, 0]), ([2, 9, 6, 16], [0, 2, 1, 3]), ([2, 9, 16], [0, 2, 1]),
            ([2, 9, 6, 4], [3, 1, 0, 2]), ([1, 40, 33], [2, 0, 1]), ([5], [0]),
        ])
    func transposition(shape: [Int], order: [Int]) throws {
        let small = try SmallGraph(
            [
                Node(
                    "Transpose", inputs: ["x"], outputs: ["y"],
                    attributes: ["perm": .integers(order)])
            ], inputs: ["x": Shape(shape)])
        try small.check(tolerance: 0)
    }

    @Test("parts, repetitions and borders are moved, or named where they lie")
    func movements() throws {
        func list(_ values: [Int]) -> Value { .list(values) }
        let constants: [String: Value] = [
            "s": list([1, 4]), "e": list([3, -1]), "axes": list([1, 2]), "steps": list([1, 2]),
            "shape": list([2, 3, 5, 6]), "pads": list([0, 0, 1, 2, 0, 0, 2, 1]),
            "parts": list([1, 2]),
        ]
        let small = try SmallGraph(
            [
                Node("Slice", inputs: ["x", "s", "e", "axes", "steps"], outputs: ["a"]),
                Node(
                    "Split", inputs: ["x", "parts"], outputs: ["b", "c"],
                    attributes: ["axis": .integer(1)]),
                Node("Expand", inputs: ["n", "shape"], outputs: ["d"]),
                Node("Pad", inputs: ["x", "pads"], outputs: ["f"]),
                Node(
                    "Pad", inputs: ["x", "pads"], outputs: ["g"],
                    attributes: ["mode": .string("reflect")]),
                Node("Mul", inputs: ["c", "c"], outputs: ["h"]),
            ], inputs: ["x": [2, 3, 5, 6], "n": [3, 1, 6]], constants: constants,
            outputs: ["a", "b", "d", "f", "g", "h"])
        try small.check(tolerance: 0)
    }

    @Test("channels of a blocked picture are split where they lie")
    func blockedSplit() throws {
        var random = SeededRandom(5)
        let small = try SmallGraph(
            [
                Node("Conv", inputs: ["x", "w"], outputs: ["c"]),
                Node("Sigmoid", inputs: ["c"], outputs: ["d"]),
                Node(
                    "Split", inputs: ["d", "parts"], outputs: ["e", "f"],
                    attributes: ["axis": .integer(1)]),
                Node("Mul", inputs: ["e", "state"], outputs: ["g"]),
                Node("Mul", inputs: ["f", "g"], outputs: ["y"]),
            ], inputs: ["x": [1, 4, 3, 5], "state": [1, 16, 3, 5]],
            constants: ["w": .floats(random.tensor([32, 4, 1, 1])), "parts": .list([16, 16])])
        try small.check()
    }

    @Test(
        "windows are pooled with any stride and padding",
        arguments: ["MaxPool", "AveragePool"], [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]])
    func pools(operation: String, pads: [Int]) throws {
        for blocked in [false, true] {
            var random = SeededRandom(5)
            let first = Node("Conv", inputs: ["x", "w"], outputs: ["c"])
            let pool = Node(
                operation, inputs: [blocked ? "c" : "x"], outputs: ["y"],
                attributes: [
                    "kernel_shape": .integers([3, 2]), "strides": .integers([2, 1]),
                    "pads": .integers(pads),
                ])
            let small = try SmallGraph(
                blocked ? [first, pool] : [pool], inputs: ["x": [2, 5, 9, 7]],
                constants: blocked ? ["w": .floats(random.tensor([11, 5, 1, 1]))] : [:])
            try small.check()
        }
    }

    @Test("a normalization that no convolution takes in is a factor and a shift for each channel")
    func batchNormalization() throws {
        var random = SeededRandom(5)
        let constants: [String: Value] = [
            "w": .floats(random.tensor([11, 5, 1, 1])), "scale": .floats(random.tensor([11])),
            "shift": .floats(random.tensor([11])), "mean": .floats(random.tensor([11])),
            "variance": .floats(Tensor(shape: [11], values: (1...11).map { Float($0) })),
        ]
        let names = ["scale", "shift", "mean", "variance"]
        let small = try SmallGraph(
            [
                Node("Conv", inputs: ["x", "w"], outputs: ["c"]),
                Node("Relu", inputs: ["c"], outputs: ["r"]),
                Node("BatchNormalization", inputs: ["r"] + names, outputs: ["y"]),
                Node("BatchNormalization", inputs: ["s"] + names, outputs: ["z"]),
            ], inputs: ["x": [2, 5, 3, 7], "s": [2, 11, 9]], constants: constants,
            outputs: ["y", "z"])
        try small.check()
    }
}
