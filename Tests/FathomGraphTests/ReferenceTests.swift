import FathomCore
import FathomGraph
import Foundation
import Testing

/// What Scripts/record_reference_cases.py recorded.
private struct Recording: Decodable {
    struct Case: Decodable {
        let name: String
        let operation: String
        let model: Data
        let inputs: [Data]
        let outputs: [Data]
    }
    let cases: [Case]

    static func read() throws -> Recording {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/operators.json")
        return try JSONDecoder().decode(Recording.self, from: Data(contentsOf: file))
    }
}

/// Whether values are those expected: whole numbers exactly, others to a part of the greatest magnitude.
private func agrees(_ value: Value, _ expected: Value) -> Bool {
    guard value.type == expected.type, value.shape == expected.shape else { return false }
    if let whole = expected.whole { return value.whole == whole }
    let (own, other) = (value.floatValues, expected.floatValues)
    let tolerance: Float = expected.type == .float || expected.type == .double ? 2e-5 : 2e-3
    let largest = max(other.filter(\.isFinite).map(abs).max() ?? 0, 1e-3)
    return zip(own, other).allSatisfy { x, y in
        x == y || x.isNaN && y.isNaN || abs(x - y) <= tolerance * largest
    }
}

@Suite("the meaning of operators")
struct ReferenceTests {
    @Test("every recorded case gives the values recorded, of their shapes and types")
    func recorded() throws {
        for entry in try Recording.read().cases {
            let graph = try Graph(onnx: [UInt8](entry.model), name: entry.name)
            var inputs: [String: Value] = [:]
            for (info, bytes) in zip(graph.inputs, entry.inputs) {
                inputs[info.name] = try Value(onnxTensor: [UInt8](bytes), name: entry.name)
            }
            let outputs = try graph.evaluate(inputs)
            for (info, bytes) in zip(graph.outputs, entry.outputs) {
                let expected = try Value(onnxTensor: [UInt8](bytes), name: entry.name)
                let value = try #require(outputs[info.name], "\(entry.name)")
                #expect(agrees(value, expected), "\(entry.name), \(info.name)")
            }
        }
    }

    @Test("facts known before a run are those of the values computed")
    func facts() throws {
        var planned = 0
        for entry in try Recording.read().cases {
            let graph = try Graph(onnx: [UInt8](entry.model), name: entry.name)
            var shapes: [String: Shape] = [:]
            for (info, bytes) in zip(graph.inputs, entry.inputs) {
                shapes[info.name] = try Value(onnxTensor: [UInt8](bytes), name: entry.name).shape
            }
            // Where a shape depends on the data there are none.
            guard let facts = try? graph.facts(inputShapes: shapes) else { continue }
            planned += 1
            for (info, bytes) in zip(graph.outputs, entry.outputs) {
                let expected = try Value(onnxTensor: [UInt8](bytes), name: entry.name)
                let fact = try #require(facts[info.name], "\(entry.name)")
                #expect(fact.shape == expected.shape, "\(entry.name), \(info.name)")
                #expect(fact.type == expected.type, "\(entry.name), \(info.name)")
            }
        }
        #expect(planned > 150)
    }

    @Test("every ONNX operator of the table has a recorded case, every other one says why not")
    func coverage() throws {
        var recorded = Set(try Recording.read().cases.map(\.operation))
        let engine = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../FathomEngineTests/Recorded/operators.json")
        let others = try JSONDecoder().decode(Names.self, from: Data(contentsOf: engine))
        recorded.formUnion(others.cases.map(\.operation))
        for (name, entry) in Operator.table {
            switch entry.export {
            case .sameName: #expect(recorded.contains(name), "\(name)")
            case .absent(let reason): #expect(!reason.isEmpty, "\(name)")
            }
            switch entry.gradient {
            case .absent(let reason): #expect(!reason.isEmpty, "\(name)")
            case .rule, .zero: break
            }
            #expect(entry.name == name)
        }
        #expect(recorded.isSubset(of: Operator.table.keys))
    }

    /// The operators of the cases that the engine's tests have.
    private struct Names: Decodable {
        struct Case: Decodable { let operation: String }
        let cases: [Case]
    }
}
