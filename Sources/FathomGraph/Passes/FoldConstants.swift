import FathomCore

extension GraphPass {
    /// Replaces nodes whose results do not depend on the inputs' elements by initializers.
    static let foldConstants = foldingConstants(leaving: [])

    /// As `foldConstants`, but weights of 8 bits stay that small.
    static let foldConstantsButWeights = foldingConstants(leaving: ["DequantizeLinear"])

    private static func foldingConstants(leaving operations: Set<String>) -> GraphPass {
        GraphPass(name: "fold-constants") { (graph, shapes) throws(FathomError) in
            let facts = try graph.facts(inputShapes: shapes)
            var result = graph
            result.nodes.removeAll { node in
                let written = node.outputs.filter { !$0.isEmpty }
                let constants = written.compactMap { facts[$0]?.constant }
                guard constants.count == written.count, !operations.contains(node.operation)
                else { return false }
                for (name, value) in zip(written, constants) { result.initializers[name] = value }
                return true
            }
            return result
        }
    }
}
