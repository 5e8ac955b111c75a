import FathomCore
import FathomGraph
import Testing

@Suite("Quantizing a graph")
struct QuantizationTests {
    /// Two convolutions with a sum over the second, then a head: Conv Clip Conv Add Relu MaxPool Conv.
    private func graph(operatorSet: Int = 13) throws -> Graph {
        func weights(_ outputs: Int, _ inputs: Int, _ kernel: Int) -> Value {
            let shape: Shape = [outputs, inputs, kernel, kernel]
            let values = (0..<shape.count).map { (index: Int) -> Float in
                Float((index * 37 + index / 5) % 41) / 41 - 0.45
            }
            return .floats(Tensor(shape: shape, values: values))
        }
        let padded: [String: Attribute] = ["pads": .integers([1, 1, 1, 1])]
        return try Graph(
            name: "small",
            inputs: [ValueInfo(name: "x", dimensions: [.fixed(1), .fixed(3), .unknown, .unknown])],
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [
                Node("Conv", inputs: ["x", "w0", "b0"], outputs: ["c0"], attributes: padded),
                Node("Clip", inputs: ["c0", "low", "high"], outputs: ["a0"]),
                Node("Conv", inputs: ["a0", "w1"], outputs: ["c1"], attributes: padded),
                Node("Add", inputs: ["c1", "a0"], outputs: ["s"]),
                Node("Relu", inputs: ["s"], outputs: ["a1"]),
                Node(
                    "MaxPool", inputs: ["a1"], outputs: ["p"],
                    attributes: ["kernel_shape": .integers([2, 2]), "strides": .integers([2, 2])]),
                Node("Conv", inputs: ["p", "w2"], outputs: ["y"]),
            ],
            initializers: [
                "w0": weights(8, 3, 3), "w1": weights(8, 8, 3), "w2": weights(1, 8, 1),
                "b0": .floats(
                    Tensor(shape: [8], values: [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75])),
                "low": .scalar(0), "high": .scalar(6),
            ], operatorSet: operatorSet)
    }

    @Test("what lies between quantized layers stays in 8 bits; the output does not")
    func scheme() throws {
        let graph = try graph()
        let layers = QuantizationScheme.possibleLayers(graph)
        #expect(layers == [0, 2, 6])
        let scheme = QuantizationScheme(graph, layers: Set(layers))
        #expect(scheme.between.map { graph.nodes[$0].operation }.sorted() == ["Add", "MaxPool"])
        #expect(Set(scheme.edges) == ["x", "a0", "c1", "a1", "p"])
        #expect(scheme.alike == [["a1", "p"]])
    }

    @Test("what lies beside layers in floating point stays so, too")
    func partialScheme() throws {
        let graph = try graph()
        let scheme = QuantizationScheme(graph, layers: [0])
        #expect(scheme.between.isEmpty)
        #expect(scheme.edges == ["x"])
        #expect(QuantizationScheme(graph, layers: []).edges.isEmpty)
    }

    @Test("a quantized graph computes nearly the same, and is a graph that can be exported")
    func values() throws {
        let graph = try graph().preparedForQuantization()
        let scheme = QuantizationScheme(
            graph, layers: Set(QuantizationScheme.possibleLayers(graph)))
        let input = Tensor(
            shape: [1, 3, 6, 8],
            values: (0..<144).map { (index: Int) -> Float in Float(index * 29 % 31) / 31 - 0.5 })
        var observed = graph
        observed.outputs += scheme.edges.filter { $0 != "x" }.map {
            ValueInfo(name: $0, dimensions: nil)
        }
        let truth = try observed.evaluate(["x": .floats(input)])
        var scales = truth.compactMapValues { value -> EdgeScale? in
            value.tensor.map { EdgeScale(low: $0.values.min() ?? 0, high: $0.values.max() ?? 0) }
        }
        scales["x"] = EdgeScale(low: -0.5, high: 0.5)
        let quantized = try graph.quantized(scheme, scales: scales)
        #expect(quantized.nodes.count { $0.operation == "QuantizeLinear" } == scheme.edges.count)
        #expect(quantized.initializers.values.count { $0.type == .int8 } == 6)
        #expect(quantized.initializers["w0"] == nil)
        let again = try Graph(onnx: quantized.onnxBytes(), name: "again")
        let got = try #require(try again.evaluate(["x": .floats(input)])["y"]?.tensor).values
        let wanted = try #require(truth["y"]?.tensor).values
        let span = (wanted.max() ?? 0) - (wanted.min() ?? 0)
        let worst = zip(got, wanted).map { ($0 - $1).magnitude }.max() ?? .infinity
        #expect(worst < 0.05 * span)
        #expect(got != wanted)
    }

    @Test("0 is exact in every scale", arguments: [(-1, 3), (0, 6), (0.5, 2), (-7, -2), (0, 0)])
    func zero(_ low: Float, _ high: Float) {
        let scale = EdgeScale(low: low, high: high)
        #expect(scale.scale > 0)
        #expect((0...255).contains(scale.zero))
        #expect(Float(255 - scale.zero) * scale.scale >= high - scale.scale)
        #expect(-Float(scale.zero) * scale.scale <= low + scale.scale)
    }

    @Test("a network of operator set 11 is brought to 13 with the same results")
    func olderOperatorSet() throws {
        let graph = try Graph(
            name: "old",
            inputs: [ValueInfo(name: "x", dimensions: [.fixed(1), .fixed(3), .unknown])],
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [
                Node(
                    "Unsqueeze", inputs: ["x"], outputs: ["u"], attributes: ["axes": .integers([0])]
                ),
                Node(
                    "Split", inputs: ["u"], outputs: ["a", "b"],
                    attributes: ["axis": .integer(2), "split": .integers([1, 2])]),
                Node(
                    "ReduceSum", inputs: ["b"], outputs: ["r"],
                    attributes: ["axes": .integers([2]), "keepdims": .integer(1)]),
                Node("Add", inputs: ["a", "r"], outputs: ["s"]),
                Node("Softmax", inputs: ["s"], outputs: ["m"], attributes: ["axis": .integer(-1)]),
                Node(
                    "Squeeze", inputs: ["m"], outputs: ["y"], attributes: ["axes": .integers([0])]),
            ], operatorSet: 11)
        let newer = try graph.preparedForQuantization()
        #expect(newer.operatorSet == 13)
        let input = [
            "x": Value.floats(
                Tensor(shape: [1, 3, 4], values: [1, 5, 2, 0, 3, 3, 1, 2, 4, 0, 1, 6]))
        ]
        let wanted = try #require(try graph.evaluate(input)["y"])
        let got = try #require(try newer.evaluate(input)["y"])
        #expect(got.shape == wanted.shape && got.floatValues == wanted.floatValues)
    }

    @Test("a graph that is quantized already, or too old for it, is refused")
    func refused() throws {
        let old = try graph(operatorSet: 10)
        #expect(throws: FathomError.self) { try old.preparedForQuantization() }
        let graph = try graph()
        let scheme = QuantizationScheme(graph, layers: [0])
        let quantized = try graph.quantized(
            scheme, scales: ["x": EdgeScale(low: -1, high: 1)])
        #expect(throws: FathomError.self) { try quantized.preparedForQuantization() }
        #expect(throws: FathomError.self) { try graph.quantized(scheme, scales: [:]) }
    }
}
