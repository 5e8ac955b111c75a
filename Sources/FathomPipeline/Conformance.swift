import FathomCore
import FathomEngine
import FathomGraph
import Foundation

/// ONNX's own operator tests, run: each is a folder with `model.onnx` and `test_data_set_K` folders that hold
/// inputs and expected outputs as `input_K.pb` and `output_K.pb`.
///
/// Each case runs on the reference evaluation and, where its shapes can be planned, in a session; both must be right.
public struct Conformance: Sendable {
    /// A case that is not among the passed ones, and why.
    public struct Remark: Hashable, Sendable, Encodable {
        /// The case's folder, below the folder searched.
        public let `case`: String
        /// What is wrong, or what is not supported.
        public let reason: String
    }

    /// What became of all cases.
    public struct Report: Sendable, Encodable {
        /// How many gave the expected outputs.
        public private(set) var passed = 0
        /// How many did not.
        public private(set) var failed = 0
        /// How many use something that Fathom does not have.
        public private(set) var notClaimed = 0
        /// The cases that passed.
        public private(set) var passedCases: [String] = []
        /// The cases that failed, with what is wrong.
        public private(set) var failedCases: [Remark] = []
        /// The cases not claimed, with what is missing.
        public private(set) var notClaimedCases: [Remark] = []

        fileprivate mutating func add(_ name: String, _ outcome: Outcome) {
            switch outcome {
            case .passed:
                passed += 1
                passedCases.append(name)
            case .failed(let reason):
                failed += 1
                failedCases.append(Remark(case: name, reason: reason))
            case .notClaimed(let reason):
                notClaimed += 1
                notClaimedCases.append(Remark(case: name, reason: reason))
            }
        }
    }

    fileprivate enum Outcome {
        case passed
        case failed(String)
        case notClaimed(String)

        /// What an error means for its case.
        init(_ error: FathomError) {
            self =
                error.operation == FathomError.unsupported
                ? .notClaimed(error.description) : .failed(error.description)
        }
    }

    private let root: URL

    /// The tests below a folder.
    public init(folder: String) {
        root = URL(fileURLWithPath: folder).resolvingSymlinksInPath()
    }

    /// Runs all cases, in the order of their names.
    public func run() throws(FathomError) -> Report {
        var report = Report()
        let cases = try folders()
        guard !cases.isEmpty else {
            throw FathomError(
                operation: "test", subject: root.path,
                cause: "there is no folder below it with a model.onnx",
                remedy: "Give the folder onnx/backend/test/data of the Python package onnx 1.22.0")
        }
        for folder in cases {
            let name = String(folder.path.dropFirst(root.path.count).drop { $0 == "/" })
            report.add(name.isEmpty ? folder.lastPathComponent : name, outcome(folder))
        }
        return report
    }

    private func folders() throws(FathomError) -> [URL] {
        guard let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        else {
            throw FathomError(
                operation: "test", subject: root.path, cause: "it is no folder that can be read")
        }
        var folders: [URL] = []
        for case let file as URL in files where file.lastPathComponent == "model.onnx" {
            folders.append(file.deletingLastPathComponent().resolvingSymlinksInPath())
        }
        return folders.sorted { $0.path < $1.path }
    }

    private func outcome(_ folder: URL) -> Outcome {
        do throws(FathomError) {
            let graph = try Graph(onnxFile: folder.appendingPathComponent("model.onnx").path)
            let sets = Self.names(folder).filter { $0.hasPrefix("test_data_set_") }
            guard !sets.isEmpty else { return .notClaimed("it has no test_data_set folder") }
            for set in sets {
                let data = folder.appendingPathComponent(set)
                if let reason = try difference(graph, data) {
                    return .failed("\(set): \(reason)")
                }
            }
            return .passed
        } catch {
            return Outcome(error)
        }
    }

    /// Runs a graph on one set of inputs; says how its outputs differ from those expected, nil if they do not.
    private func difference(_ graph: Graph, _ data: URL) throws(FathomError) -> String? {
        let given = try tensors(data, "input_")
        let expected = try tensors(data, "output_")
        var inputs: [String: Value] = [:]
        for (input, value) in zip(graph.inputs, given) { inputs[input.name] = value }
        let results = try graph.evaluate(inputs)
        guard expected.count <= graph.outputs.count else {
            return "it has \(graph.outputs.count) outputs, not \(expected.count)"
        }
        for (output, value) in zip(graph.outputs, expected) {
            guard let result = results[output.name] else { return "'\(output.name)' is missing" }
            if let words = result.difference(from: value) { return "'\(output.name)' \(words)" }
        }
        guard let session = try? session(graph, inputs) else { return nil }
        let computed = try session.run(inputs.mapValues { $0.tensor.map(Value.floats) ?? $0 })
        for (output, value) in zip(graph.outputs, expected) {
            // Sessions compute every floating-point type in float32.
            let result = computed[output.name]?.cast(to: value.type)
            if let words = result?.difference(from: value) ?? (result == nil ? "is missing" : nil) {
                return "in a session, '\(output.name)' \(words)"
            }
        }
        return nil
    }

    /// A session for the shapes of some inputs; an error where these do not settle all others.
    private func session(
        _ graph: Graph, _ inputs: [String: Value]
    ) throws(FathomError) -> Session {
        try Session(graph, inputShapes: inputs.mapValues(\.shape))
    }

    /// The tensors of files named by a prefix and a number, in order.
    private func tensors(_ folder: URL, _ prefix: String) throws(FathomError) -> [Value] {
        let count = Self.names(folder).count { $0.hasPrefix(prefix) && $0.hasSuffix(".pb") }
        var values: [Value] = []
        for index in 0..<count {
            let path = folder.appendingPathComponent("\(prefix)\(index).pb").path
            let bytes = try FileBytes.read(path, limit: Int(Int32.max))
            values.append(try Value(onnxTensor: bytes, name: path))
        }
        return values
    }

    private static func names(_ folder: URL) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }
}

extension Value {
    /// As the `onnx` package's own runner compares: |value − expected| ≤ 1e-7 + 1e-3 · |expected|, whole numbers exactly.
    fileprivate func difference(from expected: Value) -> String? {
        guard type == expected.type else {
            return "is \(type.rawValue), not \(expected.type.rawValue)"
        }
        guard shape == expected.shape else { return "is \(shape), not \(expected.shape)" }
        if let own = whole, let other = expected.whole {
            guard
                let place = own.values.indices.first(where: { own.values[$0] != other.values[$0] })
            else { return nil }
            return "is \(own.values[place]) at \(place), not \(other.values[place])"
        }
        for (place, (x, y)) in zip(floatValues, expected.floatValues).enumerated() {
            // NaN and infinities equal themselves.
            if x == y || x.isNaN && y.isNaN { continue }
            guard abs(x - y) <= 1e-7 + 1e-3 * abs(y), y.isFinite else {
                return "is \(x) at \(place), not \(y)"
            }
        }
        return nil
    }
}
