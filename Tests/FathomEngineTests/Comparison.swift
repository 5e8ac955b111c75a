import FathomCore
import FathomEngine
import FathomGraph
import Testing

/// A graph of a few nodes with floating-point inputs, and the numbers that go into it.
struct SmallGraph {
    let graph: Graph
    let values: [String: Tensor]

    /// Inputs are filled with numbers of −1…1, always the same.
    init(
        _ nodes: [Node], inputs: [String: Shape], constants: [String: Value] = [:],
        outputs: [String] = ["y"], operatorSet: Int = 18
    ) throws {
        graph = try Graph(
            name: "small",
            inputs: inputs.sorted { $0.key < $1.key }.map { name, shape in
                ValueInfo(name: name, dimensions: shape.dimensions.map(Dimension.fixed))
            }, outputs: outputs.map { ValueInfo(name: $0, dimensions: nil) }, nodes: nodes,
            initializers: constants, operatorSet: operatorSet)
        var random = SeededRandom(7)
        var values: [String: Tensor] = [:]
        for (name, shape) in inputs.sorted(by: { $0.key < $1.key }) {
            values[name] = random.tensor(shape)
        }
        self.values = values
    }

    /// What the reference evaluation gives.
    func reference() throws -> [String: Value] {
        try graph.evaluate(values.mapValues(Value.floats))
    }

    /// Checks a session against the reference with every instruction set, and that three threads give what one does.
    func check(tolerance: Float = 1e-5, disabled: Set<String> = []) throws {
        let expected = try reference()
        for instructionSet in InstructionSet.available {
            var results: [[String: Tensor]] = []
            for threads in [1, 3] {
                let session = try Session(
                    graph, inputShapes: [:],
                    options: SessionOptions(
                        pool: WorkerPool(threads: threads), instructionSet: instructionSet,
                        disabledPasses: disabled))
                results.append(try session.run(values))
            }
            for (name, value) in expected {
                let tensor = try #require(results[0][name])
                #expect(tensor.shape == value.shape)
                #expect(tensor.values == results[1][name]?.values, "\(name) with three threads")
                let error = largestDifference(tensor.values, value.floatValues)
                #expect(error <= tolerance, "\(name) with \(instructionSet)")
            }
        }
    }
}

/// The greatest difference as a part of the greatest expected magnitude; infinite where the counts differ.
func largestDifference(_ values: [Float], _ expected: [Float]) -> Float {
    guard values.count == expected.count else { return .infinity }
    let largest = max(expected.map(abs).max() ?? 0, 1e-3)
    return (zip(values, expected).map { abs($0 - $1) }.max() ?? 0) / largest
}

extension SeededRandom {
    /// Numbers of −1…1.
    mutating func tensor(_ shape: Shape) -> Tensor {
        Tensor(
            shape: shape,
            values: (0..<shape.count).map { _ in uniform(-1...1) })
    }
}

/// Holds the engine against the reference with every instruction set this machine has; `then` looks at each session.
func expectReference(
    _ graph: Graph, _ values: [String: Tensor], then look: (Session) throws -> Void = { _ in }
) throws {
    let expected = try graph.evaluate(values.mapValues(Value.floats))
    for set in InstructionSet.available {
        let session = try Session(
            graph, inputShapes: values.mapValues(\.shape),
            options: SessionOptions(pool: WorkerPool(threads: 2), instructionSet: set))
        let results = try session.run(values)
        for (name, value) in expected {
            let error = largestDifference(try #require(results[name]).values, value.floatValues)
            #expect(error <= 1e-5, "\(name) with \(set): \(error)")
        }
        try look(session)
    }
}
