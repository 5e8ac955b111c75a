import FathomCore
import FathomEngine
import FathomGraph
import Testing

/// Numbers that look random and are the same every time.
private func noise(_ shape: Shape, seed: Int = 1) -> Value {
    var state = UInt64(seed)
    return .floats(
        Tensor(
            shape: shape,
            values: (0..<shape.count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(state >> 40) / Float(1 << 23) - 1
            }))
}

@Suite("depthwise convolutions together with their neighbours")
struct DepthwiseBandTests {
    /// The session's y is the reference's with 1 and 5 threads; returns the nodes of the plan's steps.
    private func compare(
        _ nodes: [Node], _ weights: [String: Value], input shape: Shape,
        _ instructionSet: InstructionSet
    ) throws -> [String] {
        let graph = try Graph(
            name: "band", inputs: [ValueInfo(name: "x", dimensions: nil)],
            outputs: [ValueInfo(name: "y", dimensions: nil)], nodes: nodes,
            initializers: weights)
        let input = noise(shape)
        let expected = try #require(try graph.evaluate(["x": input])["y"])
        var steps: [String] = []
        for threads in [1, 5] {
            let session = try Session(
                graph, inputShapes: ["x": shape],
                options: SessionOptions(
                    pool: WorkerPool(threads: threads), instructionSet: instructionSet))
            let output = try #require(try session.run(["x": input])["y"])
            let worst = zip(output.floatValues, expected.floatValues).map { abs($0 - $1) }.max()
            #expect(output.shape == expected.shape)
            #expect((worst ?? 0) < 1e-4, "\(shape), \(threads) threads")
            steps = try session.profile().map(\.node)
        }
        return steps
    }

    private func depthwise(
        _ input: String, _ output: String, _ weights: String, channels: Int, kernel: Int,
        stride: Int = 1
    ) -> Node {
        Node(
            "Conv", inputs: [input, weights], outputs: [output],
            attributes: [
                "group": .integer(channels), "strides": .integers([stride, stride]),
                "pads": .integers(Array(repeating: kernel / 2, count: 4)),
            ])
    }

    @Test(
        "an interpolation, a depthwise and a pointwise convolution and its sum are one step",
        arguments: InstructionSet.available)
    func interpolated(instructionSet: InstructionSet) throws {
        for (channels, kernel, stride, size) in [
            (9, 3, 1, [20, 33]), (16, 5, 1, [31, 17]), (24, 3, 2, [30, 40]),
        ] {
            let large = size.map { $0 * 2 }
            let small = large.map { ($0 - 1) / stride + 1 }
            let steps = try compare(
                [
                    Node(
                        "Resize", inputs: ["x", "", "twice"], outputs: ["large"],
                        attributes: ["mode": .string("linear")]),
                    depthwise(
                        "large", "d", "v", channels: channels, kernel: kernel, stride: stride),
                    Node("Relu", inputs: ["d"], outputs: ["r"]),
                    Node("Conv", inputs: ["r", "w", "b"], outputs: ["p"]),
                    Node("Add", inputs: ["p", "more"], outputs: ["s"]),
                    Node("Sigmoid", inputs: ["s"], outputs: ["y"]),
                ],
                [
                    "twice": .floats(Tensor(shape: [4], values: [1, 1, 2, 2])),
                    "v": noise([channels, 1, kernel, kernel], seed: 2),
                    "w": noise([19, channels, 1, 1], seed: 3), "b": noise([19], seed: 4),
                    "more": noise(Shape([2, 19] + small), seed: 5),
                ], input: Shape([2, channels] + size), instructionSet)
            #expect(!steps.contains("large") && !steps.contains("r"))
        }
    }

    @Test(
        "depthwise and pointwise convolutions in turn, each two one step, the last sum too",
        arguments: InstructionSet.available)
    func inTurn(instructionSet: InstructionSet) throws {
        for size in [[33, 32], [17, 95]] {
            let steps = try compare(
                [
                    depthwise("x", "a", "v", channels: 16, kernel: 3),
                    Node("Conv", inputs: ["a", "w"], outputs: ["b"]),
                    Node("Relu", inputs: ["b"], outputs: ["c"]),
                    depthwise("c", "d", "v", channels: 16, kernel: 3),
                    Node("Conv", inputs: ["d", "w"], outputs: ["e"]),
                    Node("Add", inputs: ["c", "e"], outputs: ["y"]),
                ], ["v": noise([16, 1, 3, 3], seed: 2), "w": noise([16, 16, 1, 1], seed: 3)],
                input: Shape([1, 16] + size), instructionSet)
            #expect(!steps.contains("a") && !steps.contains("d"))
        }
    }

    @Test("what two nodes read, or is an output, is not hidden in a step")
    func readTwice() throws {
        let steps = try compare(
            [
                depthwise("x", "a", "v", channels: 16, kernel: 3),
                Node("Conv", inputs: ["a", "w"], outputs: ["b"]),
                Node("Add", inputs: ["a", "b"], outputs: ["y"]),
            ], ["v": noise([16, 1, 3, 3], seed: 2), "w": noise([16, 16, 1, 1], seed: 3)],
            input: [1, 16, 40, 30], .current)
        #expect(steps.contains("a"))
    }
}
