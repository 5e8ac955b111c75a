import FathomCore
import FathomGraph
import Testing

/// Numbers that look random and are the same every time.
private func numbers(_ shape: Shape, seed: Int = 1) -> Tensor {
    var state = UInt64(seed)
    return Tensor(
        shape: shape,
        values: (0..<shape.count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 23) - 1
        })
}

/// Conv, BatchNormalization, Add and Relu in a row, with an Identity and shape arithmetic beside them.
private func network() throws -> Graph {
    let shape: Shape = [4, 3, 3, 3]
    return try Graph(
        name: "network",
        inputs: [
            ValueInfo(name: "x", dimensions: [.unknown, .fixed(3), .named("h"), .named("w")])
        ],
        outputs: [
            ValueInfo(name: "y", dimensions: nil), ValueInfo(name: "z", dimensions: nil),
        ],
        nodes: [
            Node(
                "Conv", inputs: ["x", "w", "b"], outputs: ["c"],
                attributes: ["pads": .integers([1, 1, 1, 1])]),
            Node(
                "BatchNormalization", inputs: ["c", "scale", "shift", "mean", "variance"],
                outputs: ["n"]),
            Node("Identity", inputs: ["n"], outputs: ["i"]),
            Node(
                "Conv", inputs: ["x", "w"], outputs: ["d"],
                attributes: ["pads": .integers([1, 1, 1, 1])]),
            Node("Add", inputs: ["i", "d"], outputs: ["s"]),
            Node("Relu", inputs: ["s"], outputs: ["y"]),
            Node("Neg", inputs: ["x"], outputs: ["unused"]),
            Node("Shape", inputs: ["y"], outputs: ["shape"]),
            Node("Gather", inputs: ["shape", "one"], outputs: ["channels"]),
            Node("Cast", inputs: ["channels"], outputs: ["count"], attributes: ["to": .integer(1)]),
            Node("Mul", inputs: ["y", "count"], outputs: ["z"]),
        ],
        initializers: [
            "w": .floats(numbers(shape)), "b": .floats(numbers([4], seed: 2)),
            "scale": .floats(numbers([4], seed: 3)), "shift": .floats(numbers([4], seed: 4)),
            "mean": .floats(numbers([4], seed: 5)),
            "variance": .floats(Tensor(shape: [4], values: [0.5, 1, 2, 3])),
            "one": .integers(IntegerTensor(shape: [], values: [1])),
        ])
}

@Suite("passes")
struct PassTests {
    private let shapes: [String: Shape] = ["x": [1, 3, 5, 6]]

    private func results(_ graph: Graph) throws -> [[Float]] {
        let outputs = try graph.evaluate(["x": .floats(numbers([1, 3, 5, 6], seed: 9))])
        return try ["y", "z"].map { try #require(outputs[$0]).floatValues }
    }

    @Test(
        "each alone, and each left out, keeps the results",
        arguments: GraphPass.all.map(\.name))
    func results(pass: String) throws {
        let graph = try network()
        let expected = try results(graph)
        let others = Set(GraphPass.all.map(\.name)).subtracting([pass])
        for disabled in [others, [pass], []] {
            let rewritten = try GraphPass.apply(
                to: graph, inputShapes: shapes, disabled: disabled)
            for (values, wanted) in zip(try results(rewritten), expected) {
                #expect(values.count == wanted.count)
                #expect(zip(values, wanted).allSatisfy { abs($0 - $1) < 1e-5 })
            }
        }
    }

    @Test("together they leave two convolutions, one with the sum and the limit, and a product")
    func together() throws {
        let rewritten = try GraphPass.apply(to: try network(), inputShapes: shapes)
        #expect(rewritten.nodes.map(\.operation).sorted() == ["Conv", "Mul", "fathom.Conv"])
        #expect(rewritten.initializers["mean"] == nil)
    }

    @Test("a sum that is broadcast, or that something else reads, is not fused")
    func noFusion() throws {
        for (inputs, outputs) in [(["c", "small"], ["y"]), (["c", "x"], ["y", "c"])] {
            let graph = try Graph(
                name: "sum",
                inputs: [
                    ValueInfo(name: "x", dimensions: nil),
                    ValueInfo(name: "small", dimensions: nil),
                ],
                outputs: outputs.map { ValueInfo(name: $0, dimensions: nil) },
                nodes: [
                    Node("Conv", inputs: ["x", "w"], outputs: ["c"]),
                    Node("Add", inputs: inputs, outputs: ["y"]),
                ], initializers: ["w": .floats(numbers([2, 2, 1, 1]))])
            let rewritten = try GraphPass.apply(
                to: graph, inputShapes: ["x": [1, 2, 3, 3], "small": [1, 2, 1, 1]])
            #expect(rewritten.nodes.map(\.operation) == ["Conv", "Add"])
        }
    }

    @Test("zeros around a picture become the convolution's own padding; other padding stays")
    func padding() throws {
        for (mode, fill, folds) in [
            ("constant", Float(0), true), ("constant", 1, false), ("reflect", 0, false),
        ] {
            let graph = try Graph(
                name: "padding", inputs: [ValueInfo(name: "x", dimensions: nil)],
                outputs: [ValueInfo(name: "y", dimensions: nil)],
                nodes: [
                    Node(
                        "Pad", inputs: ["x", "pads", "fill"], outputs: ["p"],
                        attributes: ["mode": .string(mode)]),
                    Node(
                        "Conv", inputs: ["p", "w"], outputs: ["y"],
                        attributes: ["pads": .integers([1, 0, 0, 1])]),
                ],
                initializers: [
                    "pads": .integers(
                        IntegerTensor(shape: [8], values: [0, 0, 0, 1, 0, 0, 2, 1])),
                    "fill": .scalar(fill), "w": .floats(numbers([2, 3, 3, 3])),
                ])
            let input = ["x": Value.floats(numbers([1, 3, 5, 6], seed: 9))]
            let rewritten = try GraphPass.apply(to: graph, inputShapes: ["x": [1, 3, 5, 6]])
            #expect(rewritten.nodes.map(\.operation) == (folds ? ["Conv"] : ["Pad", "Conv"]))
            #expect(
                try rewritten.evaluate(input)["y"]?.floatValues
                    == graph.evaluate(input)["y"]?.floatValues)
        }
    }

    @Test(
        "a function after a convolution and its sum becomes part of it",
        arguments: ["Elu", "LeakyRelu", "HardSwish"])
    func activation(operation: String) throws {
        let graph = try Graph(
            name: "activation", inputs: [ValueInfo(name: "x", dimensions: nil)],
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [
                Node("Conv", inputs: ["x", "w"], outputs: ["c"]),
                Node("Add", inputs: ["x", "c"], outputs: ["s"]),
                Node(
                    operation, inputs: ["s"], outputs: ["y"], attributes: ["alpha": .float(0.3)]),
            ], initializers: ["w": .floats(numbers([3, 3, 1, 1]))])
        let input = ["x": Value.floats(numbers([1, 3, 5, 6], seed: 9))]
        let rewritten = try GraphPass.apply(to: graph, inputShapes: ["x": [1, 3, 5, 6]])
        #expect(rewritten.nodes.map(\.operation) == ["fathom.Conv"])
        let results = try [graph, rewritten].map {
            try #require(try $0.evaluate(input)["y"]).floatValues
        }
        #expect(zip(results[0], results[1]).allSatisfy { abs($0 - $1) < 1e-6 })
    }

    @Test("a name that is no pass is refused with the names there are")
    func unknownPass() throws {
        let graph = try network()
        let error = #expect(throws: FathomError.self) {
            try GraphPass.apply(to: graph, inputShapes: shapes, disabled: ["fuse-everything"])
        }
        #expect(error?.code == .usage)
        #expect(error?.remedy.contains("fuse-convolutions") == true)
    }

    @Test("a summary counts operators, parameters and multiplications")
    func summary() throws {
        let summary = try GraphSummary(try network(), inputShapes: shapes)
        #expect(summary.operators.first?.operation == "Conv")
        #expect(summary.operators.first?.count == 2)
        #expect(summary.parameters == 4 * 27 + 5 * 4)
        #expect(summary.multiplyAdds == 2 * 4 * 27 * 30)
        #expect(summary.outputShapes["z"] == [1, 4, 5, 6])
    }

    @Test("of two convolutions that are added, one takes the addition and the other stays")
    func twoConvolutionsAdded() throws {
        var builder = GraphBuilder(name: "sum")
        builder.input("x", [.fixed(1), .fixed(2), .fixed(3), .fixed(3)])
        let parts = (1...2).map { seed in
            let weights = numbers([2, 2, 1, 1], seed: seed)
            return builder.node("Conv", ["x", builder.constant(weights, near: "w")])
        }
        builder.output(builder.add(parts[0], parts[1]))
        let graph = try builder.finish()
        let shapes = ["x": Shape([1, 2, 3, 3])]
        let fused = try GraphPass.apply(to: graph, inputShapes: shapes)
        let values = ["x": Value.floats(numbers([1, 2, 3, 3], seed: 9))]
        let (plain, quick) = (try graph.evaluate(values), try fused.evaluate(values))
        #expect(plain.values.first?.floatValues == quick.values.first?.floatValues)
        #expect(fused.nodes.count == 2)
    }
}
