import FathomCore
import FathomEngine
import FathomGraph
import Testing

@Suite("matrix products and attention")
struct ProductTests {
    @Test(
        "products of all sizes around the tiles are those of the reference",
        arguments: [
            ([1, 1], [1, 1]), ([3, 5], [5, 7]), ([14, 32], [32, 32]), ([15, 33], [33, 33]),
            ([57, 70], [70, 100]), ([2, 29, 600], [600, 40]), ([2, 3, 9, 17], [2, 3, 17, 35]),
            ([2, 1, 9, 17], [3, 17, 35]), ([17], [17, 20]), ([9, 17], [17]),
        ])
    func sizes(left: [Int], right: [Int]) throws {
        let nodes = [Node("MatMul", inputs: ["a", "b"], outputs: ["y"])]
        try SmallGraph(nodes, inputs: ["a": Shape(left), "b": Shape(right)]).check()
        var random = SeededRandom(2)
        try SmallGraph(
            nodes, inputs: ["a": Shape(left)],
            constants: ["b": .floats(random.tensor(Shape(right)))]
        ).check()
    }

    @Test("Gemm's transpositions, factors and biases", arguments: [0, 1], [0, 1])
    func gemm(transposesLeft: Int, transposesRight: Int) throws {
        var random = SeededRandom(2)
        for bias in [[40], [], [19, 40]] as [Shape] {
            let small = try SmallGraph(
                [
                    Node(
                        "Gemm", inputs: ["a", "b", "c"], outputs: ["y"],
                        attributes: [
                            "transA": .integer(transposesLeft), "transB": .integer(transposesRight),
                            "alpha": .float(0.5), "beta": .float(bias.rank == 2 ? 1 : 2),
                        ])
                ], inputs: ["a": transposesLeft == 0 ? [19, 21] : [21, 19]],
                constants: [
                    "b": .floats(random.tensor(transposesRight == 0 ? [21, 40] : [40, 21])),
                    "c": .floats(random.tensor(bias)),
                ])
            try small.check()
        }
    }

    @Test("a product takes in its bias, factor, residual and activation; the result stays")
    func fused() throws {
        var random = SeededRandom(2)
        let small = try SmallGraph(
            [
                Node("MatMul", inputs: ["x", "w"], outputs: ["a"]),
                Node("Add", inputs: ["bias", "a"], outputs: ["b"]),
                Node("Mul", inputs: ["b", "scale"], outputs: ["c"]),
                Node("Add", inputs: ["x", "c"], outputs: ["d"]),
                Node("Sigmoid", inputs: ["d"], outputs: ["e"]),
                Node("MatMul", inputs: ["e", "w"], outputs: ["f"]),
                Node("Clip", inputs: ["f", "low", "high"], outputs: ["y"]),
            ], inputs: ["x": [2, 37, 45]],
            constants: [
                "w": .floats(random.tensor([45, 45])), "bias": .floats(random.tensor([45])),
                "scale": .floats(random.tensor([1, 1, 45])), "low": .scalar(-0.5),
                "high": .scalar(0.5),
            ])
        let rewritten = try GraphPass.apply(to: small.graph, inputShapes: [:])
        #expect(rewritten.nodes.map(\.operation) == ["fathom.MatMul", "fathom.MatMul"])
        let values = small.values.mapValues(Value.floats)
        let expected = try #require(try small.reference()["y"]?.floatValues)
        let result = try #require(try rewritten.evaluate(values)["y"]?.floatValues)
        #expect(largestDifference(result, expected) < 1e-6)
        try small.check()
        try small.check(disabled: ["fuse-products"])
    }

    /// Attention as PyTorch exports it, from one tensor of queries, keys and values side by side.
    private func attention(tokens: Int, heads: Int, depth: Int, mask: Shape?) throws -> SmallGraph {
        var random = SeededRandom(9)
        func part(_ name: String, _ index: Int) -> [Node] {
            [
                Node(
                    "Slice", inputs: ["t", "p\(index)", "p\(index + 1)", "zero"],
                    outputs: ["\(name)5"]),
                Node("Squeeze", inputs: ["\(name)5", "zero"], outputs: [name]),
            ]
        }
        var nodes =
            [
                Node("Reshape", inputs: ["x", "split"], outputs: ["r"]),
                Node(
                    "Transpose", inputs: ["r"], outputs: ["t"],
                    attributes: ["perm": .integers([2, 0, 3, 1, 4])]),
            ] + part("q", 0) + part("k", 1) + part("v", 2) + [
                Node(
                    "Transpose", inputs: ["k"], outputs: ["kt"],
                    attributes: ["perm": .integers([0, 1, 3, 2])]),
                Node("Mul", inputs: ["q", "scale"], outputs: ["qs"]),
                Node("MatMul", inputs: ["qs", "kt"], outputs: ["s"]),
            ]
        var constants: [String: Value] = [
            "split": .list([2, tokens, 3, heads, depth]), "zero": .list([0]), "p0": .list([0]),
            "p1": .list([1]), "p2": .list([2]), "p3": .list([3]), "scale": .scalar(1.5),
            "joined": .list([2, tokens, heads * depth]),
        ]
        if let mask {
            nodes.append(Node("Add", inputs: ["s", "mask"], outputs: ["m"]))
            constants["mask"] = .floats(random.tensor(mask))
        }
        nodes += [
            Node(
                "Softmax", inputs: [mask == nil ? "s" : "m"], outputs: ["p"],
                attributes: ["axis": .integer(-1)]),
            Node("MatMul", inputs: ["p", "v"], outputs: ["o"]),
            Node(
                "Transpose", inputs: ["o"], outputs: ["ot"],
                attributes: ["perm": .integers([0, 2, 1, 3])]),
            Node("Reshape", inputs: ["ot", "joined"], outputs: ["y"]),
        ]
        return try SmallGraph(
            nodes, inputs: ["x": [2, tokens, 3 * heads * depth]], constants: constants)
    }

    @Test(
        "attention becomes one operator, whatever its sizes; the result stays",
        arguments: [
            (5, 1, 8, nil), (37, 2, 9, nil), (70, 3, 64, [1, 3, 70, 70]), (600, 1, 20, [70]),
            (33, 2, 16, [33, 33]),
        ] as [(Int, Int, Int, [Int]?)])
    func attention(tokens: Int, heads: Int, depth: Int, mask: [Int]?) throws {
        let shape = mask.map { $0.count == 1 ? [1, tokens] : $0 }.map(Shape.init)
        let small = try attention(tokens: tokens, heads: heads, depth: depth, mask: shape)
        let rewritten = try GraphPass.apply(to: small.graph, inputShapes: [:])
        #expect(rewritten.nodes.map(\.operation) == ["fathom.Attention", "Reshape"])
        let values = small.values.mapValues(Value.floats)
        let expected = try #require(try small.reference()["y"]?.floatValues)
        let result = try #require(try rewritten.evaluate(values)["y"]?.floatValues)
        #expect(largestDifference(result, expected) < 1e-5)
        try small.check()
        try small.check(disabled: ["fuse-attention"])
    }
}
