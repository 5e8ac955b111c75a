import FathomCore
import FathomDepth
import FathomGraph

/// What `fathom model info` says about a network.
public struct NetworkDescription: Sendable, Codable {
    /// An input or output.
    public struct Port: Sendable, Codable {
        /// Its name.
        public var name: String
        /// Its dimensions as the file has them: numbers, or names of free ones.
        public var shape: [String]
        /// Its element type.
        public var type: String
    }

    /// The network's name.
    public var name: String
    /// SHA-256 of its file.
    public var sha256: String
    /// What goes in.
    public var inputs: [Port]
    /// What comes out.
    public var outputs: [Port]
    /// How many nodes apply each operator.
    public var operators: [String: Int]
    /// Numbers in its weights.
    public var parameters: Int
    /// Billions of multiplications with an addition at `sizeOfCost`.
    public var gmacs: Double?
    /// The input's shape for which `gmacs` holds.
    public var sizeOfCost: [Int]?
    /// Its metadata as the file has them.
    public var metadata: [String: String]
    /// How it is fed and read: metadata, or the contract's defaults.
    public var card: [String: String]

    /// Describes a network; `size` such as "384x224" is the input's, for the cost.
    public init(_ network: Network, size: String? = nil) throws(FathomError) {
        let graph = network.graph
        name = network.name
        sha256 = try network.sha256()
        inputs = graph.inputs.map(Self.port)
        outputs = graph.outputs.map(Self.port)
        metadata =
            network.cardSource.isFile
            ? graph.metadata : graph.metadata.filter { !$0.key.hasPrefix("fathom.") }
        let card = try ModelCard(
            metadata: graph.metadata, subject: "model \(network.name)", defaultName: network.name)
        self.card = [
            "mean": card.mean.map { "\($0)" }.joined(separator: ","),
            "std": card.std.map { "\($0)" }.joined(separator: ","),
            "sizeMultiple": "\(card.sizeMultiple)", "size": "\(card.size)",
            "output": card.outputKind.rawValue, "license": card.license,
            "source": network.cardSource.words,
        ]
        var counts: [String: Int] = [:]
        for node in graph.nodes { counts[node.operation, default: 0] += 1 }
        operators = counts
        let shapes = try InputShapes(size: size, card: card).shapes(of: graph)
        // A graph whose shapes depend on more than a picture's size is described without its cost.
        let summary = try? GraphSummary(graph, inputShapes: shapes)
        parameters =
            summary?.parameters ?? 0
        gmacs = summary.map { Double($0.multiplyAdds) / 1e9 }
        sizeOfCost = graph.inputs.first.flatMap { shapes[$0.name]?.dimensions }
    }

    /// For a person to read.
    public var lines: [String] {
        var lines = ["\(name)  sha256 \(sha256)"]
        for port in inputs {
            lines.append(
                "input       \(port.name)  \(port.type) [\(port.shape.joined(separator: ", "))]")
        }
        for port in outputs {
            lines.append(
                "output      \(port.name)  \(port.type) [\(port.shape.joined(separator: ", "))]")
        }
        let used = operators.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        lines.append(
            "operators   " + used.map { "\($0.value) × \($0.key)" }.joined(separator: ", "))
        lines.append("parameters  \(parameters)")
        if let gmacs, let sizeOfCost {
            let rounded = Double(Int(gmacs * 1000 + 0.5)) / 1000
            lines.append(
                "cost        \(rounded) GMAC at \(sizeOfCost.map(String.init).joined(separator: "×"))"
            )
        }
        for (key, value) in card.sorted(by: { $0.key < $1.key }) {
            lines.append("card        \(key): \(value)")
        }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            lines.append("metadata    \(key): \(value)")
        }
        return lines
    }

    private static func port(_ info: ValueInfo) -> Port {
        Port(
            name: info.name, shape: (info.dimensions ?? []).map(\.description),
            type: "\(info.type)")
    }
}
