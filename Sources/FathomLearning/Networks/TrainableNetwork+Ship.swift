import FathomCore
import FathomGraph

extension TrainableNetwork {
    /// The network as others use it: without coarser scales, and with a logarithm of the depth undone.
    public func shipped() throws(FathomError) -> Graph {
        var graph = graph
        graph.outputs.removeAll { auxiliaryOutputs.contains($0.name) }
        let logarithm = LearnedDepth.logDepth.edgeName
        guard let index = graph.outputs.firstIndex(where: { $0.name == logarithm }) else {
            return try graph.withoutUnusedNodes()
        }
        var builder = GraphBuilder(extending: graph)
        let depth = builder.node("Exp", [logarithm], name: LearnedDepth.depth.edgeName)
        graph = builder.graph
        graph.outputs[index].name = depth
        return try graph.withoutUnusedNodes()
    }
}

extension Graph {
    /// The graph without nodes and constants that no output needs.
    fileprivate func withoutUnusedNodes() throws(FathomError) -> Graph {
        var needed = Set(outputs.map(\.name))
        var kept: [Node] = []
        for node in nodes.reversed() where node.outputs.contains(where: needed.contains) {
            needed.formUnion(node.inputs)
            kept.append(node)
        }
        return try Graph(
            name: name, inputs: inputs, outputs: outputs, nodes: kept.reversed(),
            initializers: initializers.filter { needed.contains($0.key) }, metadata: metadata,
            operatorSet: operatorSet)
    }
}
