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
        for node in graph.nodes { counts[node.operation, default: 0] += 1 }
        operators = counts.map { Usage(operation: $0, count: $1) }.sorted {
            ($1.count, $0.operation) < ($0.count, $1.operation)
        }
        parameters = graph.initializers.values.reduce(0) { $0 + ($1.tensor?.count ?? 0) }
        multiplyAdds = try Self.costs(graph, facts).reduce(0) { $0 + $1.multiplyAdds }
        outputShapes = graph.outputs.reduce(into: [:]) { shapes, output in
            shapes[output.name] = facts[output.name]?.shape
        }
    }

    /// The arithmetic of one node.
    public struct NodeCost: Hashable, Sendable {
        /// The node's name.
        public let node: String
        /// Multiplications with an addition in a convolution or matrix product; 0 for all else.
        public let multiplyAdds: Int
    }

    /// The arithmetic of every node, in order, for inputs of the given shapes.
    public static func costs(
        _ graph: Graph, inputShapes: [String: Shape]
    ) throws(FathomError) -> [NodeCost] {
        try costs(graph, graph.facts(inputShapes: inputShapes))
    }

    private static func costs(
        _ graph: Graph, _ facts: [String: Fact]
    ) throws(FathomError) -> [NodeCost] {
        var costs: [NodeCost] = []
        for node in graph.nodes {
            let operands = Operands(
                node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
            var count = 0
            switch Operator.table[node.operation]?.lowering {
            case .convolution:
                let convolution = try Convolution(operands)
                let window = convolution.window
                count =
                    convolution.outputShape.count * convolution.inputChannels / convolution.groups
                    * window.rows.kernel * window.columns.kernel
            case .matrix:
                let product = try MatrixProduct(operands)
                count = product.outputShape.count * product.depth
            default: break
            }
            costs.append(NodeCost(node: node.name, multiplyAdds: count))
        }
        return costs
    }
}
