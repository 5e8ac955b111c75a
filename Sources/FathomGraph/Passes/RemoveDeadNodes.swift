import FathomCore

extension GraphPass {
    /// Removes nodes and initializers that no output depends on.
    package static let removeDeadNodes = GraphPass(name: "remove-dead-nodes") {
        (graph, _) throws(FathomError) in
        var result = graph
        var needed = Set(graph.outputs.map(\.name))
        var nodes: [Node] = []
        for node in graph.nodes.reversed() where node.outputs.contains(where: needed.contains) {
            needed.formUnion(node.inputs)
            nodes.append(node)
        }
        result.nodes = nodes.reversed()
        result.initializers = graph.initializers.filter { needed.contains($0.key) }
        return result
    }
}
