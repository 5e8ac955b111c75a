import CDefaultModel
import FathomCore
import FathomDepth
import FathomEngine
import FathomGraph
import FathomMedia
import Foundation
import Synchronization

/// A network as a person names it: the embedded one, or an ONNX file.
public final class Network: Sendable {
    /// The embedded network's name.
    public static let defaultName = "fathomnet-starter"

    /// What it is called in reports.
    public let name: String
    /// The file; `nil` for the embedded one.
    public let path: String?
    /// The graph, with the metadata of a known network where its file has none.
    public let graph: Graph
    /// Where the card comes from.
    public let cardSource: CardSource
    private let digest = Mutex<String?>(nil)

    /// The embedded network for `nil`, "default" or its name; else the ONNX file of that path.
    public init(_ wanted: String? = nil) throws(FathomError) {
        guard let wanted, wanted != "default", wanted != Self.defaultName else {
            path = nil
            name = Self.defaultName
            graph = try Graph(onnx: Self.embeddedBytes, name: Self.defaultName)
            cardSource = .file
            return
        }
        guard FileManager.default.fileExists(atPath: wanted) else {
            let names = ["default", Self.defaultName]
            let hint = nearestName(to: wanted, among: names).map { "Did you mean '\($0)'? " } ?? ""
            throw FathomError(
                .usage, operation: "load", subject: "the model \(wanted)",
                cause: "there is no such file, and no model of this name",
                remedy: "\(hint)'fathom model list' names the models")
        }
        path = wanted
        var graph = try Graph(onnxFile: wanted)
        cardSource = CardSource.describe(&graph, known: try KnownNetworks.all())
        self.graph = graph
        name = graph.metadata["fathom.name"] ?? URL(fileURLWithPath: wanted).lastPathComponent
    }

    private static var embeddedBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: fathom_default_model_bytes(), count: fathom_default_model_size())
    }

    /// SHA-256 of the file in hexadecimal; computed when first asked for.
    public func sha256() throws(FathomError) -> String {
        if let known = digest.withLock({ $0 }) { return known }
        let result: String
        if let path {
            let data: Data
            do {
                data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
            } catch {
                throw FathomError(
                    operation: "read", subject: path, cause: error.localizedDescription)
            }
            result = try Self.digest(of: data)
        } else {
            result = try Digest.sha256(Self.embeddedBytes)
        }
        digest.withLock { $0 = result }
        return result
    }

    private static func digest(of data: Data) throws(FathomError) -> String {
        let result = data.withUnsafeBytes { bytes in
            Result { () throws(FathomError) in try Digest.sha256(bytes) }
        }
        return try result.get()
    }

    /// A model ready to estimate depth, with a session of its own.
    public func makeModel(
        _ configuration: RunConfiguration, pool: WorkerPool
    ) throws(FathomError) -> DepthModel {
        try DepthModel(
            graph: graph,
            overrides: ModelOverrides(
                mean: configuration.mean, std: configuration.std,
                outputKind: configuration.outputKind, size: configuration.size),
            options: SessionOptions(pool: pool, precision: configuration.precision))
    }
}
