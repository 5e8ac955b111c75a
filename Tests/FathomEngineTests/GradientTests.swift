import FathomCore
import FathomEngine
import FathomGraph
import Foundation
import Testing

/// Gradients of single operators beside those that PyTorch computed in double precision and checked by finite
/// differences; recorded by `Scripts/record_gradients.py`.
struct GradientTests {
    struct Plain: Decodable {
        let shape: [Int]
        let values: [Float]?
        let integers: [Int]?
        let booleans: [Int]?
        let type: String?

        var value: Value {
            if let integers {
                return .integers(
                    IntegerTensor(
                        shape: Shape(shape), values: integers.map(Int64.init),
                        type: type.flatMap(ElementType.init) ?? .int64))
            }
            if let booleans {
                return .integers(
                    IntegerTensor(
                        shape: Shape(shape), values: booleans.map(Int64.init), type: .bool))
            }
            return .floats(Tensor(shape: Shape(shape), values: values ?? []))
        }
    }

    enum Setting: Decodable {
        case integer(Int), number(Float), integers([Int]), text(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Int.self) {
                self = .integer(value)
            } else if let value = try? container.decode([Int].self) {
                self = .integers(value)
            } else if let value = try? container.decode(String.self) {
                self = .text(value)
            } else {
                self = .number(try container.decode(Float.self))
            }
        }

        /// JSON has no way to tell 2.0 from 2.
        static let real: Set<String> = ["alpha", "beta", "epsilon", "momentum"]

        func attribute(_ name: String) -> Attribute {
            switch self {
            case .integer(let value) where Self.real.contains(name): .float(Float(value))
            case .integer(let value): .integer(value)
            case .number(let value): .float(value)
            case .integers(let values): .integers(values)
            case .text(let text): .string(text)
            }
        }
    }

    struct Case: Decodable, CustomTestStringConvertible {
        let name: String
        let operation: String
        let attributes: [String: Setting]
        let inputs: [String]
        let operands: [String: Plain]
        let constants: [String: Plain]
        let weights: Plain
        let gradients: [String: Plain]
        /// The result itself, where it is worth a look.
        let result: Plain?
        var testDescription: String { name }

        /// The node, the sum of its result times the weights, and the gradients of that.
        func graph() throws -> Graph {
            var builder = GraphBuilder(name: name)
            for (input, plain) in operands.sorted(by: { $0.key < $1.key }) {
                builder.input(input, plain.shape.map(Dimension.fixed))
            }
            for (input, plain) in constants { builder.initializer(input, plain.value) }
            var settings: [String: Attribute] = [:]
            for (key, setting) in attributes { settings[key] = setting.attribute(key) }
            let inTraining = attributes["training_mode"] != nil
            var result =
                inTraining
                ? builder.nodes(operation, inputs, outputs: 3, settings)[0]
                : builder.node(operation, inputs, settings)
            if operation == "QuantizeLinear" {
                result = builder.node(
                    "DequantizeLinear", [result] + inputs.dropFirst(), settings, name: "result")
                builder.output(result)
            }
            let weights = builder.initializer("weights", self.weights.value)
            let loss = builder.sum(builder.multiply(result, weights))
            builder.output(loss)
            return try builder.finish().differentiated(
                loss: loss, parameters: gradients.keys.sorted(), inputShapes: shapes)
        }

        var shapes: [String: Shape] { operands.mapValues { Shape($0.shape) } }
    }

    struct File: Decodable { let cases: [Case] }

    static func cases() throws -> [Case] {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/gradients.json")
        return try JSONDecoder().decode(File.self, from: Data(contentsOf: url)).cases
    }

    private func check(_ results: [String: Value], _ recorded: Case, _ who: String) throws {
        for (name, expected) in recorded.gradients {
            let values = try #require(results[Graph.gradientName(name)]).floatValues
            let wanted = try #require(expected.values)
            try #require(values.count == wanted.count, "\(recorded.name) \(who) \(name)")
            let largest = max(wanted.map(abs).max() ?? 0, 1)
            let error = zip(values, wanted).map { abs($0 - $1) }.max() ?? 0
            #expect(error <= 2e-5 * largest, "\(recorded.name), \(who), \(name): off by \(error)")
        }
        guard let wanted = recorded.result?.values else { return }
        let values = try #require(results["result"]).floatValues
        #expect(zip(values, wanted).allSatisfy { abs($0 - $1) < 1e-6 }, "\(recorded.name), \(who)")
    }

    @Test("an operator's gradients are those of finite differences in double precision")
    func operators() throws {
        let cases = try Self.cases()
        #expect(cases.count > 100)
        for recorded in cases {
            let graph = try recorded.graph()
            let values = recorded.operands.mapValues(\.value)
            try check(try graph.evaluate(values), recorded, "reference")
            for set in InstructionSet.available {
                let session = try Session(
                    graph, inputShapes: recorded.shapes,
                    options: SessionOptions(instructionSet: set))
                try check(try session.run(values), recorded, "engine, \(set.rawValue)")
            }
        }
    }

    @Test("every rule that the table has is recorded")
    func coverage() throws {
        let recorded = Set(try Self.cases().map(\.operation))
        // They only hand on what arrives, or are the way back of what is recorded.
        let plain: Set<String> = [
            "Identity", "Dropout", "Cast", "Sum", "Split", "SpaceToDepth", "DequantizeLinear",
        ]
        for (name, entry) in Operator.table {
            guard case .rule = entry.gradient else { continue }
            #expect(recorded.contains(name) || plain.contains(name), "\(name)")
        }
    }

    @Test("a network that cannot be differentiated says which node and why")
    func absent() throws {
        var builder = GraphBuilder(name: "a")
        builder.input("x", [.fixed(2), .fixed(3)])
        let sum = builder.sum(builder.node("CumSum", ["x", builder.constant([1])]))
        builder.output(sum)
        let graph = try builder.finish()
        let error = #expect(throws: FathomError.self) {
            try graph.differentiated(
                loss: sum, parameters: ["x"], inputShapes: ["x": [2, 3]])
        }
        #expect(error?.cause.contains("CumSum") == true)
        #expect(throws: FathomError.self) {
            try graph.differentiated(loss: "x", parameters: ["x"], inputShapes: ["x": [2, 3]])
        }
        #expect(throws: FathomError.self) {
            try graph.differentiated(loss: sum, parameters: ["y"], inputShapes: ["x": [2, 3]])
        }
    }
}
