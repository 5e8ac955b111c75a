import FathomCore
import FathomDepth
import FathomGraph
import FathomPipeline

/// Writes a network with fewer weights.
public struct ModelPruning: Sendable {
    /// A name or an ONNX file.
    public var model: String
    /// Where the pruned network goes.
    public var output: String
    /// The share that goes.
    public var amount = 0.3
    /// How.
    public var method = PruningMethod.channel
    /// Whether a file of that name may be replaced.
    public var overwrites = false

    /// What was done.
    public struct Report: Sendable, Codable {
        /// The file.
        public var path: String
        /// How.
        public var method: String
        /// Parameters before and after.
        public var parametersBefore, parameters: Int
        /// Billions of multiplications with an addition before and after, at the network's usual size.
        public var gmacsBefore, gmacs: Double
        /// The share of the parameters that are 0.
        public var zeros: Double
    }

    /// A pruning of a network.
    public init(model: String, output: String) {
        self.model = model
        self.output = output
    }

    /// Writes the file.
    public func run() throws(FathomError) -> Report {
        let network = try Network(model)
        let card = try ModelCard(
            metadata: network.graph.metadata, subject: "model \(network.name)",
            defaultName: network.name)
        let shapes = try InputShapes(size: nil, card: card).shapes(of: network.graph)
        let pruned = try network.graph.pruned(amount: amount, method: method, inputShapes: shapes)
        let before = try GraphSummary(network.graph, inputShapes: shapes)
        let after = try GraphSummary(pruned, inputShapes: shapes)
        _ = try ModelExport.write(pruned, to: output, overwrites: overwrites)
        let numbers = pruned.initializers.values.compactMap(\.tensor)
        let zeros = numbers.reduce(0) { sum, tensor in
            sum + tensor.values.reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
        }
        let count = numbers.reduce(0) { $0 + $1.count }
        return Report(
            path: output, method: method.rawValue, parametersBefore: before.parameters,
            parameters: after.parameters, gmacsBefore: Double(before.multiplyAdds) / 1e9,
            gmacs: Double(after.multiplyAdds) / 1e9, zeros: Double(zeros) / Double(max(count, 1)))
    }
}
