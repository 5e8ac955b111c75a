import FathomCore
import FathomDepth
import FathomGraph

/// Writes a network as one ONNX file that needs nothing beside it.
public struct ModelExport: Sendable {
    /// A name or an ONNX file; nil for the default network.
    public var model: String?
    /// The input's size, such as "384x224", for which alone the file is to be; nil keeps free axes free.
    public var size: String?
    /// Where it goes; it appears there when it is whole.
    public var output: String
    /// Whether a file of that name may be replaced.
    public var overwrites = false

    /// What was written.
    public struct Result: Sendable, Codable {
        /// The file.
        public var path: String
        /// Its size.
        public var bytes: Int
        /// Nodes in the network as it was, and as it was written.
        public var nodesBefore: Int
        /// See `nodesBefore`.
        public var nodes: Int
        /// Shapes of the inputs as the file states them.
        public var inputs: [String: [String]]
        /// Shapes of the outputs as the file states them.
        public var outputs: [String: [String]]
    }

    /// An export of a network to a file.
    public init(model: String? = nil, output: String) {
        self.model = model
        self.output = output
    }

    /// Writes the file.
    public func run() throws(FathomError) -> Result {
        let network = try Network(model)
        var graph = network.graph
        let before = graph.nodes.count
        if let size {
            let card = try ModelCard(
                metadata: graph.metadata, subject: "model \(network.name)",
                defaultName: network.name)
            graph = try graph.bound(to: InputShapes(size: size, card: card).shapes(of: graph))
        }
        let bytes = try Self.write(graph, to: output, overwrites: overwrites)
        return Result(
            path: output, bytes: bytes, nodesBefore: before, nodes: graph.nodes.count,
            inputs: Self.shapes(graph.inputs), outputs: Self.shapes(graph.outputs))
    }

    /// Writes a graph under a passing name, which becomes the final one when the file is whole; gives its size.
    package static func write(
        _ graph: Graph, to path: String, overwrites: Bool
    ) throws(FathomError) -> Int {
        let file = try PartialFile(path: path, overwrites: overwrites)
        do throws(FathomError) {
            let bytes = try graph.onnxBytes()
            let status = bytes.withUnsafeBytes { buffer in
                Swift.Result { () throws(FathomError) in try file.write(buffer) }
            }
            try status.get()
            try file.finish()
            return bytes.count
        } catch {
            file.abandon()
            throw error
        }
    }

    private static func shapes(_ ports: [ValueInfo]) -> [String: [String]] {
        ports.reduce(into: [:]) { shapes, port in
            shapes[port.name] = (port.dimensions ?? []).map(\.description)
        }
    }
}
