import FathomCore
import FathomGraph
import FathomPipeline
import Foundation

/// Writes a network as a TensorFlow SavedModel.
public struct SavedModelExport: Sendable {
    /// A name or an ONNX file.
    public var model: String
    /// The folder that is made.
    public var output: String
    /// Whether a model in that folder may be replaced.
    public var overwrites = false

    /// What was written.
    public struct Result: Sendable, Codable {
        /// The folder.
        public var path: String
        /// The size of its file.
        public var bytes: Int
        /// TensorFlow's nodes.
        public var nodes: Int
    }

    /// Whether a path asks for a SavedModel: its name ends in `.savedmodel`.
    public static func isMeant(by path: String) -> Bool {
        path.lowercased().split(separator: "/").last?.hasSuffix(".savedmodel") ?? false
    }

    /// An export of a network to a folder.
    public init(model: String, output: String) {
        self.model = model
        self.output = output
    }

    /// Writes the folder with its one file.
    public func run() throws(FathomError) -> Result {
        let model = try SavedModel(Network(model).graph)
        let file = "\(output)/saved_model.pb"
        func failure(_ cause: String, _ remedy: String = "") -> FathomError {
            FathomError(operation: "write", subject: output, cause: cause, remedy: remedy)
        }
        guard overwrites || !FileManager.default.fileExists(atPath: file) else {
            throw failure("there is a model already", "Give another name, or --overwrite")
        }
        do {
            // TensorFlow looks for the folder, though weights are in the graph.
            try FileManager.default.createDirectory(
                atPath: "\(output)/variables", withIntermediateDirectories: true)
        } catch {
            throw failure(error.localizedDescription)
        }
        let status = model.bytes.withUnsafeBytes { bytes in
            Swift.Result { () throws(FathomError) in try FileBytes.write(file, [bytes]) }
        }
        try status.get()
        return Result(path: output, bytes: model.bytes.count, nodes: model.operators.count)
    }
}
