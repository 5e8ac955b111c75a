import FathomCore
import FathomEngine
import FathomGraph
import Testing

/// Numbers that look random and are the same every time.
private func noise(_ shape: Shape, seed: Int = 1) -> Tensor {
    var state = UInt64(seed)
    return Tensor(
        shape: shape,
        values: (0..<shape.count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 23) - 1
        })
}

/// A graph of the input x and the output y.
private func graph(_ nodes: [Node], _ initializers: [String: Value] = [:]) throws -> Graph {
    try Graph(
        name: "moves", inputs: [ValueInfo(name: "x", dimensions: nil)],
        outputs: [ValueInfo(name: "y", dimensions: nil)], nodes: nodes,
        initializers: initializers)
}

/// The session's y is the reference's, for 1 and 3 threads; returns the operations of the plan.
private func compare(
    _ graph: Graph, _ input: Tensor, _ instructionSet: InstructionSet = .current
) throws -> [String] {
    let expected = try #require(try graph.evaluate(["x": .floats(input)])["y"])
    var operations: [String] = []
    for threads in [1, 3] {
        let session = try Session(
            graph, inputShapes: ["x": input.shape],
            options: SessionOptions(
                pool: WorkerPool(threads: threads), instructionSet: instructionSet))
        let output = try #require(try session.run(["x": input])["y"])
        #expect(output.shape == expected.shape)
        let worst = zip(output.values, expected.floatValues).map { abs($0 - $1) }.max() ?? 0
        #expect(worst < 1e-4, "\(graph.nodes.map(\.operation)) of \(input.shape)")
        operations = try session.profile().map(\.operation)
    }
    return operations
}

private func pointwise(_ input: String, _ output: String, _ weights: String) -> Node {
    Node("Conv", inputs: [input, weights], outputs: [output])
}

@Suite("pixels that only move")
struct MovedPixelsTests {
    @Test(
        "padding of every kind, before and after a convolution",
        arguments: InstructionSet.available, ["constant", "reflect", "edge", "wrap"])
    func padding(instructionSet: InstructionSet, mode: String) throws {
        for channels in [3, 8, 11] {
            let pads = IntegerTensor(shape: [8], values: [0, 0, 1, 2, 0, 0, 3, 1])
            let graph = try graph(
                [
                    pointwise("x", "c", "w"),
                    Node(
                        "Pad", inputs: ["c", "pads", "fill"], outputs: ["p"],
                        attributes: ["mode": .string(mode)]),
                    Node("Neg", inputs: ["p"], outputs: ["y"]),
                ],
                [
                    "w": .floats(noise([channels, 9, 1, 1], seed: 2)), "pads": .integers(pads),
                    "fill": .scalar(0.5),
                ])
            let operations = try compare(graph, noise([2, 9, 5, 21]), instructionSet)
            #expect(operations.contains("move pixels"))
        }
    }

    @Test("repeated pixels, joined and padded, are put together in one step")
    func composition() throws {
        let graph = try graph(
            [
                pointwise("x", "small", "w"),
                Node("Resize", inputs: ["small", "", "twice"], outputs: ["large"]),
                pointwise("large", "skip", "v"),
                Node(
                    "Concat", inputs: ["large", "skip"], outputs: ["joined"],
                    attributes: ["axis": .integer(1)]),
                Node(
                    "Pad", inputs: ["joined", "pads"], outputs: ["padded"],
                    attributes: ["mode": .string("reflect")]),
                Node("Conv", inputs: ["padded", "u"], outputs: ["y"]),
            ],
            [
                "w": .floats(noise([16, 9, 1, 1], seed: 2)),
                "v": .floats(noise([12, 16, 1, 1], seed: 3)),
                "u": .floats(noise([8, 28, 3, 3], seed: 4)),
                "twice": .floats(Tensor(shape: [4], values: [1, 1, 2, 2])),
                "pads": .integers(IntegerTensor(shape: [8], values: [0, 0, 1, 1, 0, 0, 1, 1])),
            ])
        for height in [4, 30] {
            let operations = try compare(graph, noise([2, 9, height, 37]))
            // The enlarged picture for the convolution, and the padded one.
            #expect(operations.filter { $0 == "move pixels" }.count == 2)
        }
    }

    @Test("a padding with another number around one with zeros keeps both numbers")
    func differentFillings() throws {
        let pads = IntegerTensor(shape: [8], values: [0, 0, 1, 1, 0, 0, 0, 2])
        let graph = try graph(
            [
                Node("Pad", inputs: ["x", "pads"], outputs: ["zeros"]),
                Node("Pad", inputs: ["zeros", "pads", "three"], outputs: ["y"]),
            ], ["pads": .integers(pads), "three": .scalar(3)])
        _ = try compare(graph, noise([1, 2, 3, 4]))
    }

    @Test("one pixel repeated to a picture")
    func expansion() throws {
        let graph = try graph(
            [
                Node("GlobalAveragePool", inputs: ["x"], outputs: ["mean"]),
                Node("Expand", inputs: ["mean", "shape"], outputs: ["large"]),
                Node(
                    "Concat", inputs: ["x", "large"], outputs: ["joined"],
                    attributes: ["axis": .integer(1)]), pointwise("joined", "y", "w"),
            ],
            [
                "shape": .integers(IntegerTensor(shape: [4], values: [1, 8, 6, 7])),
                "w": .floats(noise([8, 16, 1, 1], seed: 2)),
            ])
        _ = try compare(graph, noise([2, 8, 6, 7]))
    }

    @Test("convolutions write where their channels are joined; no step copies them")
    func joints() throws {
        let graph = try graph(
            [
                pointwise("x", "a", "w"), pointwise("a", "b", "v"), pointwise("b", "c", "v"),
                Node(
                    "Concat", inputs: ["a", "c", "b"], outputs: ["joined"],
                    attributes: ["axis": .integer(1)]), pointwise("joined", "y", "u"),
            ],
            [
                "w": .floats(noise([8, 9, 1, 1], seed: 2)),
                "v": .floats(noise([8, 8, 1, 1], seed: 3)),
                "u": .floats(noise([8, 24, 1, 1], seed: 4)),
            ])
        let operations = try compare(graph, noise([1, 9, 5, 6]))
        #expect(!operations.contains("move pixels"))
    }

    @Test("a piece that is needed longer than the joined whole is not overwritten")
    func longPiece() throws {
        let graph = try graph(
            [
                pointwise("x", "a", "w"), pointwise("a", "b", "v"),
                Node(
                    "Concat", inputs: ["a", "b"], outputs: ["joined"],
                    attributes: ["axis": .integer(1)]),
                Node("Neg", inputs: ["joined"], outputs: ["negative"]),
                pointwise("negative", "d", "u"), Node("Add", inputs: ["a", "d"], outputs: ["y"]),
            ],
            [
                "w": .floats(noise([8, 9, 1, 1], seed: 2)),
                "v": .floats(noise([8, 8, 1, 1], seed: 3)),
                "u": .floats(noise([8, 16, 1, 1], seed: 4)),
            ])
        _ = try compare(graph, noise([1, 9, 5, 6]))
    }

    @Test("joined pictures one after the other, of several pictures, and of odd channels")
    func joins() throws {
        for (images, channels) in [(1, 8), (2, 8), (1, 5)] {
            let graph = try graph(
                [
                    pointwise("x", "a", "w"), Node("Relu", inputs: ["a"], outputs: ["r"]),
                    Node(
                        "Concat", inputs: ["r", "x"], outputs: ["first"],
                        attributes: ["axis": .integer(1)]),
                    Node(
                        "Concat", inputs: ["first", "r"], outputs: ["second"],
                        attributes: ["axis": .integer(-3)]), pointwise("second", "y", "v"),
                ],
                [
                    "w": .floats(noise([channels, 16, 1, 1], seed: 2)),
                    "v": .floats(noise([8, 2 * channels + 16, 1, 1], seed: 3)),
                ])
            _ = try compare(graph, noise([images, 16, 5, 6]))
        }
    }
}

@Suite("pools and heads")
struct PoolAndHeadTests {
    @Test(
        "greatest and mean numbers under windows of all kinds",
        arguments: InstructionSet.available, ["MaxPool", "AveragePool"])
    func pools(instructionSet: InstructionSet, operation: String) throws {
        for (kernel, stride, pads, more) in [
            ([3, 3], 2, [1, 1, 1, 1], [:]), ([2, 2], 2, [0, 0, 0, 0], ["ceil_mode": 1]),
            ([3, 2], 1, [1, 0, 2, 1], ["count_include_pad": 1]),
            ([5, 3], 3, [2, 1, 2, 1], ["ceil_mode": 1, "count_include_pad": 1]),
        ] {
            var attributes: [String: Attribute] = [
                "kernel_shape": .integers(kernel), "strides": .integers([stride, stride]),
                "pads": .integers(pads),
            ]
            for (name, value) in more
            where operation == "AveragePool" || name != "count_include_pad" {
                attributes[name] = .integer(value)
            }
            let graph = try graph([
                Node(operation, inputs: ["x"], outputs: ["y"], attributes: attributes)
            ])
            for shape: Shape in [[2, 11, 9, 13], [1, 8, 40, 60]] {
                let operations = try compare(graph, noise(shape), instructionSet)
                #expect(operations.contains(operation))
            }
        }
        _ = try compare(
            graph([Node("Global" + operation, inputs: ["x"], outputs: ["y"])]),
            noise([2, 9, 17, 33]), instructionSet)
    }

    @Test(
        "convolutions to few channels give the reference's results",
        arguments: InstructionSet.available)
    func heads(instructionSet: InstructionSet) throws {
        for outputs in 1...4 {
            for (kernel, stride, dilation, pad) in [
                (1, 1, 1, 0), (3, 1, 1, 1), (3, 2, 1, 1), (3, 1, 2, 2), (5, 1, 1, 0),
            ] {
                for width in [5, 18, 43] {
                    let graph = try graph(
                        [
                            pointwise("x", "c", "w"),
                            Node(
                                "Conv", inputs: ["c", "v", "b"], outputs: ["h"],
                                attributes: [
                                    "strides": .integers([stride, stride]),
                                    "dilations": .integers([dilation, dilation]),
                                    "pads": .integers([pad, pad, pad, pad]),
                                ]), Node("Sigmoid", inputs: ["h"], outputs: ["y"]),
                        ],
                        [
                            "w": .floats(noise([16, 3, 1, 1], seed: 2)),
                            "v": .floats(noise([outputs, 16, kernel, kernel], seed: 3)),
                            "b": .floats(noise([outputs], seed: 4)),
                        ])
                    let operations = try compare(graph, noise([2, 3, 9, width]), instructionSet)
                    #expect(operations.last == "fathom.Conv")
                }
            }
        }
    }

    @Test(
        "a function after a convolution is applied to what the kernel has just written",
        arguments: InstructionSet.available,
        ["Elu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Softplus"])
    func activations(instructionSet: InstructionSet, operation: String) throws {
        for groups in [1, 16] {
            let graph = try graph(
                [
                    Node(
                        "Conv", inputs: ["x", "w"], outputs: ["c"],
                        attributes: [
                            "group": .integer(groups), "pads": .integers([1, 1, 1, 1]),
                        ]), Node(operation, inputs: ["c"], outputs: ["y"]),
                ], ["w": .floats(noise([16, 16 / groups, 3, 3], seed: 2))])
            for width in [11, 65] {
                let operations = try compare(graph, noise([2, 16, 30, width]), instructionSet)
                #expect(!operations.contains(operation))
            }
        }
    }
}
