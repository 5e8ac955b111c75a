import FathomCore
import FathomEngine
import FathomGraph
import Foundation
import Testing

/// What Scripts/record_operator_cases.py recorded of ONNX Runtime.
private struct Recording: Decodable {
    struct Tensor: Decodable {
        let name: String
        let shape: [Int]
        let values: RecordedFloats

        var tensor: FathomCore.Tensor {
            FathomCore.Tensor(shape: Shape(shape), values: values.floats)
        }
    }
    struct Case: Decodable, CustomTestStringConvertible {
        let name: String
        let operation: String
        let model: Data
        let inputs: [Tensor]
        let outputs: [Tensor]
        var testDescription: String { name }
    }
    let cases: [Case]

    static let all: Recording? = try? recorded(Recording.self, "operators.json")
}

/// The greatest difference, as a part of the greatest expected magnitude; infinite where the counts differ.
private func distance(_ values: [Float], _ expected: [Float]) -> Float {
    guard values.count == expected.count else { return .infinity }
    let largest = max(expected.map(abs).max() ?? 0, 1e-3)
    return (zip(values, expected).map { abs($0 - $1) }.max() ?? 0) / largest
}

@Suite("operators")
struct OperatorTests {
    @Test("the reference evaluation gives ONNX Runtime's results")
    func reference() throws {
        let recording = try #require(Recording.all)
        for entry in recording.cases {
            let graph = try Graph(onnx: [UInt8](entry.model), name: entry.name)
            let inputs = entry.inputs.map { ($0.name, Value.floats($0.tensor)) }
            let outputs = try graph.evaluate(Dictionary(uniqueKeysWithValues: inputs))
            for expected in entry.outputs {
                let value = try #require(outputs[expected.name])
                #expect(value.shape == Shape(expected.shape), "\(entry.name)")
                let error = distance(value.floatValues, expected.values.floats)
                #expect(error <= 1e-5, "\(entry.name)")
            }
        }
    }

    @Test(
        "a session gives ONNX Runtime's results with every instruction set",
        arguments: InstructionSet.available)
    func session(instructionSet: InstructionSet) throws {
        let recording = try #require(Recording.all)
        for entry in recording.cases {
            let graph = try Graph(onnx: [UInt8](entry.model), name: entry.name)
            let inputs = Dictionary(
                uniqueKeysWithValues: entry.inputs.map { ($0.name, $0.tensor) })
            let session = try Session(
                graph, inputShapes: inputs.mapValues(\.shape),
                options: SessionOptions(instructionSet: instructionSet))
            let outputs = try session.run(inputs)
            for expected in entry.outputs {
                let tensor = try #require(outputs[expected.name])
                #expect(tensor.shape == Shape(expected.shape), "\(entry.name)")
                let error = distance(tensor.values, expected.values.floats)
                #expect(error <= 1e-5, "\(entry.name)")
            }
        }
    }
}
