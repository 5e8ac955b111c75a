import FathomCore

extension GraphPass {
    /// Lets the readers of an `Identity`, or of a `Dropout` that is not training, read its input.
    static let removeIdentities = GraphPass(name: "remove-identities") {
        (graph, _) throws(FathomError) in
        var result = graph
        let kept = Set(graph.outputs.map(\.name))
        var renamed: [String: String] = [:]
        result.nodes.removeAll { node in
            guard ["Identity", "Dropout"].contains(node.operation), node.outputs.count == 1,
                !kept.contains(node.outputs[0])
            else { return false }
            renamed[node.outputs[0]] = renamed[node.inputs[0]] ?? node.inputs[0]
            return true
        }
        for index in result.nodes.indices {
            result.nodes[index].inputs = result.nodes[index].inputs.map { renamed[$0] ?? $0 }
        }
        return result
    }
}
