import FathomCore

/// What a person wants to know of a network before running it.
public struct GraphSummary: Sendable {
    /// An operator and how many nodes apply it.
    public struct Usage: Hashable, Sendable {
        /// The operator's name.
        public let operation: String
        /// Nodes that apply it.
        public let count: Int
    }

    /// The operators used, the most frequent first.
    public let operators: [Usage]
    /// Numbers in floating-point initializers.
    public let parameters: Int
    /// Multiplications with an addition in convolutions and matrix products, for the shapes given.
    public let multiplyAdds: Int
    /// Shapes of the outputs, for the shapes given.
    public let outputShapes: [String: Shape]

    /// Walks a graph for inputs of the given shapes.
    public init(_ graph: Graph, inputShapes: [String: Shape]) throws(FathomError) {
        let facts = try graph.facts(inputShapes: inputShapes)
        var counts: [String: Int] = [:]
        var total = 0
        for node in graph.nodes {
            counts[node.operation, default: 0] += 1
            let operands = Operands(
                node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
            switch Operator.table[node.operation]?.lowering {
            case .convolution:
                let convolution = try Convolution(operands)
                let window = convolution.window
                total +=
                    convolution.outputShape.count * convolution.inputChannels / convolution.groups
                    * window.rows.kernel * window.columns.kernel
            case .matrix:
                let product = try MatrixProduct(operands)
                total += product.outputShape.count * product.depth
            default: continue
            }
        }
        operators = counts.map { Usage(operation: $0, count: $1) }.sorted {
            ($1.count, $0.operation) < ($0.count, $1.operation)
        }
        parameters = graph.initializers.values.reduce(0) { $0 + ($1.tensor?.count ?? 0) }
        multiplyAdds = total
        outputShapes = graph.outputs.reduce(into: [:]) { shapes, output in
            shapes[output.name] = facts[output.name]?.shape
        }
    }
}
