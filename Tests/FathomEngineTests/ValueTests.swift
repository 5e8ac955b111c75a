import FathomCore
import FathomEngine
import FathomGraph
import Testing

@Suite("values of any type in a session")
struct ValueTests {
    private func graph(_ nodes: [Node], inputs: [ValueInfo], outputs: [String]) throws -> Graph {
        try Graph(
            name: "values", inputs: inputs,
            outputs: outputs.map { ValueInfo(name: $0, dimensions: nil) }, nodes: nodes)
    }

    private static let toWhole = Attribute.integer(7)
    private static let toFloat = Attribute.integer(1)

    @Test("whole numbers go in, through operators and out beside floating-point ones")
    func mixed() throws {
        let graph = try graph(
            [
                Node("Cast", inputs: ["x"], outputs: ["whole"], attributes: ["to": Self.toWhole]),
                Node("Add", inputs: ["whole", "n"], outputs: ["sum"]),
                Node("Cast", inputs: ["sum"], outputs: ["back"], attributes: ["to": Self.toFloat]),
                Node("Mul", inputs: ["back", "x"], outputs: ["product"]),
            ],
            inputs: [
                ValueInfo(name: "x", dimensions: [.fixed(3)]),
                ValueInfo(name: "n", dimensions: [.fixed(3)], type: .int64),
            ], outputs: ["sum", "product"])
        let session = try Session(graph, inputShapes: [:])
        #expect(session.inputTypes == ["x": .float, "n": .int64])
        let values: [String: Value] = [
            "x": .floats(Tensor(shape: [3], values: [1.5, -2.5, 3])),
            "n": .integers(IntegerTensor(shape: [3], values: [10, 20, -30])),
        ]
        let outputs = try session.run(values)
        #expect(outputs["sum"]?.type == .int64)
        #expect(outputs["sum"]?.integerValues == [11, 18, -27])
        #expect(outputs["product"]?.floatValues == [16.5, -45, -81])
        let reference = try graph.evaluate(values)
        #expect(reference["product"]?.floatValues == outputs["product"]?.floatValues)
    }

    @Test("a value of another type than the input's is refused")
    func wrongType() throws {
        let graph = try graph(
            [Node("Cast", inputs: ["n"], outputs: ["y"], attributes: ["to": Self.toFloat])],
            inputs: [ValueInfo(name: "n", dimensions: [.fixed(2)], type: .int64)], outputs: ["y"])
        let session = try Session(graph, inputShapes: [:])
        #expect(throws: FathomError.self) {
            let wrong: [String: Value] = ["n": .floats(Tensor(shape: [2]))]
            _ = try session.run(wrong)
        }
    }

    @Test("a shape that depends on the data says so")
    func dependence() throws {
        let graph = try graph(
            [Node("Reshape", inputs: ["x", "shape"], outputs: ["y"])],
            inputs: [
                ValueInfo(name: "x", dimensions: [.fixed(6)]),
                ValueInfo(name: "shape", dimensions: [.fixed(2)], type: .int64),
            ], outputs: ["y"])
        do {
            _ = try Session(graph, inputShapes: [:])
            Issue.record("it was planned")
        } catch {
            #expect(error.isDataDependence)
        }
        let values: [String: Value] = [
            "x": .floats(Tensor(shape: [6])), "shape": .list([2, 3]),
        ]
        #expect(try graph.evaluate(values)["y"]?.shape == [2, 3])
    }
}
