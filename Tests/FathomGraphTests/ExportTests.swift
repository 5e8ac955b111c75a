import FathomCore
import FathomGraph
import Testing

@Suite("ONNX export")
struct ExportTests {
    /// A graph with every kind of attribute and element that nodes and weights have.
    private func graph(rows: Dimension = .named("height")) throws -> Graph {
        let weights = (0..<108).map { (index: Int) -> Float in Float(index % 13) / 13 - 0.4 }
        return try Graph(
            name: "test",
            inputs: [ValueInfo(name: "x", dimensions: [.fixed(1), .fixed(3), rows, .unknown])],
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [
                Node(
                    "Conv", name: "first", inputs: ["x", "w", ""], outputs: ["c"],
                    attributes: ["pads": .integers([1, 1, 1, 1]), "group": .integer(1)]),
                Node(
                    "LeakyRelu", inputs: ["c"], outputs: ["a"], attributes: ["alpha": .float(0.2)]),
                Node(
                    "Constant", inputs: [], outputs: ["s"],
                    attributes: [
                        "value": .tensor(.floats(Tensor(shape: [4], values: [1, 1, 2, 2])))
                    ]),
                Node(
                    "Resize", inputs: ["a", "", "s"], outputs: ["r"],
                    attributes: [
                        "mode": .string("linear"),
                        "coordinate_transformation_mode": .string("half_pixel"),
                    ]),
                Node("Shape", inputs: ["r"], outputs: ["n"]),
                Node("Gather", inputs: ["n", "two"], outputs: ["h"]),
                Node(
                    "Concat", inputs: ["oneAndFour", "h", "rest"], outputs: ["t"],
                    attributes: ["axis": .integer(0)]),
                Node("Reshape", inputs: ["r", "t"], outputs: ["y"]),
            ],
            initializers: [
                "w": .floats(Tensor(shape: [4, 3, 3, 3], values: weights)), "two": .list([2]),
                "oneAndFour": .list([1, 4]), "rest": .list([-1]),
                "half": .integers(IntegerTensor(shape: [3], values: [-128, 0, 127], type: .int8)),
            ],
            metadata: ["fathom.name": "tëst", "fathom.size": "64"], operatorSet: 13)
    }

    private let input = Tensor(
        shape: [1, 3, 4, 6], values: (0..<72).map { (index: Int) -> Float in Float(index % 7) - 3 })

    private func result(_ graph: Graph) throws -> Tensor {
        try #require(try graph.evaluate(["x": .floats(input)])["y"]?.tensor)
    }

    @Test("what was written is read back the same")
    func roundTrip() throws {
        let graph = try graph()
        let bytes = try graph.onnxBytes()
        let again = try Graph(onnx: bytes, name: "test")
        #expect(try again.onnxBytes() == bytes)
        #expect(again.metadata == graph.metadata)
        #expect(again.operatorSet == 13)
        #expect(again.inputs == graph.inputs && again.outputs == graph.outputs)
        #expect(again.nodes.map(\.name) == graph.nodes.map(\.name))
        #expect(again.nodes.map(\.inputs) == graph.nodes.map(\.inputs))
        #expect(again.initializers["half"]?.integerValues == [-128, 0, 127])
        #expect(try result(again).values == result(graph).values)
    }

    @Test("bound to a size, a graph has that size only and computes no shapes")
    func bound() throws {
        let graph = try graph()
        let bound = try graph.bound(to: ["x": input.shape])
        #expect(bound.inputs[0].dimensions == [1, 3, 4, 6].map(Dimension.fixed))
        #expect(bound.outputs[0].dimensions == [1, 4, 8, 12].map(Dimension.fixed))
        #expect(bound.nodes.map(\.operation) == ["Conv", "LeakyRelu", "Resize", "Reshape"])
        let again = try Graph(onnx: bound.onnxBytes(), name: "bound")
        #expect(try result(again).values == result(graph).values)
        #expect(throws: FathomError.self) {
            try again.evaluate(["x": .floats(Tensor(shape: [1, 3, 4, 7]))])
        }
    }

    @Test("weights that are quantized stay so when a graph is bound")
    func boundQuantized() throws {
        var graph = try graph(rows: .fixed(4))
        graph.initializers["q"] = .integers(
            IntegerTensor(
                shape: [4, 3, 3, 3], values: (0..<108).map { Int64($0) - 54 }, type: .int8))
        graph.initializers["scale"] = .scalar(0.01)
        graph.initializers["w"] = nil
        graph.nodes.insert(
            Node("DequantizeLinear", inputs: ["q", "scale"], outputs: ["w"]), at: 0)
        let bound = try graph.bound(to: ["x": input.shape])
        #expect(bound.nodes.contains { $0.operation == "DequantizeLinear" })
        #expect(bound.initializers["q"]?.type == .int8)
        #expect(try result(bound).values == result(graph).values)
    }

    @Test("both branches of an If are written, each with what it reads from around it")
    func branches() throws {
        func branch(_ operation: String) throws -> Attribute {
            .graph(
                try Graph(
                    name: "branch", inputs: [ValueInfo(name: "x", dimensions: nil)],
                    outputs: [ValueInfo(name: "r", dimensions: nil)],
                    nodes: [Node(operation, inputs: ["x", "w"], outputs: ["r"])],
                    initializers: ["w": .scalar(operation == "Add" ? 10 : 2)]))
        }
        let graph = try Graph(
            name: "test",
            inputs: [
                ValueInfo(name: "x", dimensions: [.fixed(2)]),
                ValueInfo(name: "c", dimensions: [], type: .bool),
            ],
            outputs: [ValueInfo(name: "y", dimensions: nil)],
            nodes: [
                Node(
                    "If", inputs: ["c", "x"], outputs: ["y"],
                    attributes: ["then_branch": branch("Add"), "else_branch": branch("Mul")])
            ])
        let again = try Graph(onnx: graph.onnxBytes(), name: "test")
        for (condition, wanted) in [(Int64(1), [Float(11), 12]), (0, [2, 4])] {
            let truth = IntegerTensor(shape: [], values: [condition], type: .bool)
            let results = try again.evaluate([
                "x": .floats(Tensor(shape: [2], values: [1, 2])), "c": .integers(truth),
            ])
            #expect(results["y"]?.floatValues == wanted)
        }
    }

    @Test("a node that only passes make is refused by name")
    func fused() throws {
        var graph = try graph()
        graph.nodes[0].operation = "fathom.Conv"
        let error = #expect(throws: FathomError.self) { try graph.onnxBytes() }
        #expect(error?.description.contains("first") == true)
        #expect(error?.operation == "export")
    }

    @Test("a file cut anywhere is an error, never a crash")
    func truncated() throws {
        let bytes = try graph().onnxBytes()
        for length in stride(from: 0, to: bytes.count - 1, by: 7) {
            #expect(throws: FathomError.self) {
                try Graph(onnx: Array(bytes[..<length]), name: "cut").verified()
            }
        }
    }

    @Test("long weights are found in the file, whatever their length claims to be")
    func longWeights() throws {
        let raw = (0..<4096).map { UInt8($0 % 64) }
        func model(_ dims: [Int64], _ tensor: (ONNXBytes) -> ONNXBytes = { $0 }) -> [UInt8] {
            ONNXBytes.model(
                nodes: [ONNXBytes.node("Add", ["x", "w"], ["y"])],
                initializers: [tensor(ONNXBytes.tensor("w", dims, raw: raw))],
                inputs: [ONNXBytes.value("x", [4, 256])], outputs: [ONNXBytes.value("y", [4, 256])])
        }
        let graph = try Graph(onnx: model([4, 256]), name: "long")
        #expect(graph.initializers["w"]?.shape == [4, 256])
        #expect(graph.initializers["w"]?.tensor?.values[1].bitPattern == 0x0706_0504)
        #expect(throws: FathomError.self) { try Graph(onnx: model([4, 255]), name: "short") }
        // Given twice, the last one counts.
        let twice = model([4, 256]) { $0.data(9, [UInt8](repeating: 0, count: 4096)) }
        let second = try Graph(onnx: twice, name: "twice")
        #expect(second.initializers["w"]?.tensor?.values.allSatisfy { $0 == 0 } == true)
    }
}
