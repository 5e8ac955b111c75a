import FathomCore
import FathomEngine
import FathomGraph
import Testing

/// Numbers that look random and are the same every time.
func numbers(_ shape: Shape, seed: Int) -> Tensor {
    var state = UInt64(seed)
    return Tensor(
        shape: shape,
        values: (0..<shape.count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 23) - 1
        })
}

/// The sizes of one convolution.
private struct Case: CustomTestStringConvertible {
    var input: [Int]
    var outputs: Int
    var kernel: [Int] = [1, 1]
    var strides: [Int] = [1, 1]
    var dilations: [Int] = [1, 1]
    var pads: [Int] = [0, 0, 0, 0]
    var groups = 1
    var testDescription: String {
        "\(input) to \(outputs), \(kernel) / \(strides), \(dilations), \(pads), \(groups) groups"
    }

    func graph() throws -> Graph {
        let weights = Shape([outputs, input[1] / groups] + kernel)
        return try Graph(
            name: "convolution",
            inputs: ["x", "r"].map { ValueInfo(name: $0, dimensions: nil) },
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [
                Node(
                    "Conv", inputs: ["x", "w", "b"], outputs: ["c"],
                    attributes: [
                        "strides": .integers(strides), "dilations": .integers(dilations),
                        "pads": .integers(pads), "group": .integer(groups),
                    ]),
                Node("Add", inputs: ["c", "r"], outputs: ["s"]),
                Node("Clip", inputs: ["s", "low", "high"], outputs: ["y"]),
            ],
            initializers: [
                "w": .floats(numbers(weights, seed: 3)), "b": .floats(numbers([outputs], seed: 4)),
                "low": .scalar(-1), "high": .scalar(2),
            ])
    }

    /// Channel counts around the blocks, widths around the tiles of every instruction set.
    static let pointwise: [Case] = [1, 7, 8, 9, 16, 23, 24, 31, 33, 40, 70].flatMap { outputs in
        [1, 3, 11, 12, 13, 25, 40].map { width in
            Case(input: [1, outputs % 19 + 1, 1, width], outputs: outputs)
        }
    }
    static let dense: [Case] = [3, 8, 13].flatMap { channels in
        [(1, 1), (2, 1), (2, 2), (3, 2)].flatMap { stride, dilation in
            [5, 14, 31].map { width in
                Case(
                    input: [2, channels, 7, width], outputs: channels * 3, kernel: [3, 3],
                    strides: [stride, stride], dilations: [dilation, dilation],
                    pads: [dilation, dilation, 1, 0])
            }
        }
    }
    static let depthwise: [Case] = [1, 2, 3, 5, 7, 9].flatMap { kernel in
        [(1, 1), (2, 1), (3, 1), (1, 2)].flatMap { stride, dilation in
            [4, 9, 22].map { width in
                Case(
                    input: [2, 11, 10, width], outputs: 11, kernel: [kernel, kernel],
                    strides: [stride, stride], dilations: [dilation, dilation],
                    pads: Array(repeating: (kernel - 1) * dilation, count: 4), groups: 11)
            }
        }
    }
    static let odd: [Case] = [
        Case(input: [1, 2, 3, 3], outputs: 2, kernel: [3, 3], pads: [9, 9, 9, 9]),
        Case(input: [1, 8, 1, 1], outputs: 8, kernel: [1, 1], pads: [3, 3, 3, 3]),
        Case(input: [1, 4, 6, 6], outputs: 6, kernel: [2, 5], groups: 2),
        Case(
            input: [1, 3, 40, 52], outputs: 32, kernel: [3, 3], strides: [2, 2], pads: [0, 0, 1, 1]),
        Case(input: [1, 16, 30, 200], outputs: 20, kernel: [3, 3], pads: [1, 1, 1, 1]),
    ]
}

@Suite("convolutions")
struct ConvolutionTests {
    @Test(
        "kernels give the reference's results for all tails, strides, dilations and paddings",
        arguments: InstructionSet.available,
        [Case.pointwise, Case.dense, Case.depthwise, Case.odd])
    private func sweep(instructionSet: InstructionSet, cases: [Case]) throws {
        let pool = WorkerPool(threads: 2)
        for entry in cases {
            let graph = try entry.graph()
            let input = numbers(Shape(entry.input), seed: 1)
            let bare = Operands(
                graph.nodes[0],
                [Fact(input.shape)]
                    + ["w", "b"].map { graph.initializers[$0].map(Fact.init(constant:)) },
                operatorSet: 17)
            let shape = try Convolution(bare).outputShape
            let residual = numbers(shape, seed: 2)
            let session = try Session(
                graph, inputShapes: ["x": input.shape, "r": shape],
                options: SessionOptions(pool: pool, instructionSet: instructionSet))
            let output = try #require(try session.run(["x": input, "r": residual])["y"])
            let expected = try #require(
                try graph.evaluate(["x": .floats(input), "r": .floats(residual)])["y"])
            let worst = zip(output.values, expected.floatValues).map { abs($0 - $1) }.max() ?? 0
            #expect(output.shape == expected.shape, "\(entry)")
            #expect(worst < 2e-5, "\(entry)")
        }
    }

    @Test(
        "an expansion and the depthwise convolution behind it, done strip by strip, give the reference's results",
        arguments: InstructionSet.available, [1, 12])
    func expandedDepthwise(instructionSet: InstructionSet, threads: Int) throws {
        let pool = WorkerPool(threads: threads)
        for (size, kernel, stride, dilation) in [
            ([33, 32], 3, 1, 1), ([70, 97], 3, 2, 1), ([64, 130], 5, 1, 1), ([70, 97], 5, 2, 1),
            ([40, 300], 3, 1, 3), ([9, 1200], 7, 1, 1), ([200, 61], 3, 3, 1), ([4, 3100], 5, 2, 1),
        ] {
            let pad = dilation * (kernel - 1) / 2
            let graph = try Graph(
                name: "pair", inputs: [ValueInfo(name: "x", dimensions: nil)],
                outputs: [ValueInfo(name: "y", dimensions: nil)],
                nodes: [
                    Node("Conv", inputs: ["x", "w", "b"], outputs: ["c"]),
                    Node("Relu", inputs: ["c"], outputs: ["r"]),
                    Node(
                        "Conv", inputs: ["r", "v", "b"], outputs: ["y"],
                        attributes: [
                            "group": .integer(43), "strides": .integers([stride, stride]),
                            "dilations": .integers([dilation, dilation]),
                            "pads": .integers([0, pad, pad, pad]),
                        ]),
                ],
                initializers: [
                    "w": .floats(numbers([43, 9, 1, 1], seed: 2)),
                    "v": .floats(numbers([43, 1, kernel, kernel], seed: 3)),
                    "b": .floats(numbers([43], seed: 4)),
                ])
            let input = numbers(Shape([2, 9] + size), seed: 1)
            let session = try Session(
                graph, inputShapes: ["x": input.shape],
                options: SessionOptions(pool: pool, instructionSet: instructionSet))
            #expect(try session.profile().contains { $0.node == "c, y" || $0.node == "r, y" })
            let output = try #require(try session.run(["x": input])["y"])
            let expected = try #require(try graph.evaluate(["x": .floats(input)])["y"])
            let worst = zip(output.values, expected.floatValues).map { abs($0 - $1) }.max() ?? 0
            #expect(output.shape == expected.shape)
            #expect(worst < 1e-4, "\(size) \(kernel) \(stride) \(dilation)")
        }
    }

    @Test("channels are joined block by block or number by number", arguments: [8, 12])
    func concatenation(channels: Int) throws {
        let graph = try Graph(
            name: "join", inputs: [ValueInfo(name: "x", dimensions: nil)],
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [
                Node("Conv", inputs: ["x", "w"], outputs: ["a"]),
                Node("Neg", inputs: ["a"], outputs: ["b"]),
                Node(
                    "Concat", inputs: ["a", "b", "a"], outputs: ["y"],
                    attributes: ["axis": .integer(-3)]),
            ], initializers: ["w": .floats(numbers([channels, 9, 1, 1], seed: 2))])
        let input = numbers([2, 9, 4, 5], seed: 1)
        let session = try Session(graph, inputShapes: ["x": input.shape])
        let output = try #require(try session.run(["x": input])["y"])
        let expected = try #require(try graph.evaluate(["x": .floats(input)])["y"])
        #expect(output.shape == [2, 3 * channels, 4, 5])
        #expect(zip(output.values, expected.floatValues).allSatisfy { abs($0 - $1) < 1e-5 })
    }
}
