import FathomCore
import FathomEngine
import FathomGraph
import Foundation
import Logging

/// A network run on arrays from files, every output written as a file: the way an outside script compares.
public struct ArrayRun: Sendable {
    /// A name or an ONNX file.
    public var model: String
    /// Input names and the `.npy` files that hold them (C order; any kind of numbers).
    public var inputs: [String: String] = [:]
    /// Where `NAME.npy` of each output goes; it is made if need be.
    public var outputFolder: String
    /// The arithmetic.
    public var precision = Precision.fp32
    /// The highest instruction set to use.
    public var instructionSet = InstructionSet.current
    /// Threads; all cores by default.
    public var threads: Int?
    /// Passes to leave out.
    public var disabledPasses: Set<String> = []
    /// Where it says that a network cannot be planned.
    public var logger: Logger?

    /// A run without inputs yet.
    public init(model: String, outputFolder: String) {
        self.model = model
        self.outputFolder = outputFolder
    }

    /// Runs; gives name, file and shape of every output.
    public func run() throws(FathomError) -> [(name: String, path: String, shape: Shape)] {
        let network = try Network(model)
        var values: [String: Value] = [:]
        for (name, path) in inputs { values[name] = try NumpyFile.readValue(path) }
        for input in network.graph.inputs where values[input.name] == nil {
            throw FathomError(
                .usage, operation: "run", subject: "the model \(model)",
                cause: "its input '\(input.name)' was not given",
                remedy: "Add --input \(input.name)=FILE.npy")
        }
        let outputs = try outputs(network.graph, values)
        return try Self.write(
            network.graph.outputs.compactMap { info in
                outputs[info.name].map { (info.name, $0) }
            }, to: outputFolder)
    }

    /// Writes arrays as `NAME.npy` in a folder, which is made if need be; `/` and `:` in names become `_`.
    public static func write(
        _ values: [(name: String, value: Value)], to folder: String
    ) throws(FathomError) -> [(name: String, path: String, shape: Shape)] {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw FathomError(
                operation: "make", subject: "the folder \(folder)",
                cause: error.localizedDescription)
        }
        var written: [(name: String, path: String, shape: Shape)] = []
        for (name, value) in values {
            let file = String(name.map { "/:".contains($0) ? "_" : $0 })
            let path = (folder as NSString).appendingPathComponent("\(file).npy")
            try NumpyFile.write(value, to: path)
            written.append((name, path, value.shape))
        }
        return written
    }

    /// Plans and runs; where shapes depend on the data, evaluates operator by operator.
    private func outputs(
        _ graph: Graph, _ values: [String: Value]
    ) throws(FathomError) -> [String: Value] {
        let pool = threads.map { WorkerPool(threads: max(1, min($0, 256))) } ?? .machine
        let options = SessionOptions(
            pool: pool, instructionSet: instructionSet, disabledPasses: disabledPasses,
            precision: precision)
        let session: Session
        do throws(FathomError) {
            session = try Session(
                graph, inputShapes: values.mapValues(\.shape), options: options)
        } catch  where error.isDataDependence {
            logger?.warning("\(error); it is evaluated operator by operator, slowly")
            return try graph.evaluate(values)
        }
        return try session.run(values)
    }
}
