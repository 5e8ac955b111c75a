import FathomCore
import FathomGraph

extension TrainableNetwork {
    /// The network as others use it: without coarser scales, and with a logarithm of the depth undone; of a file's network
    /// the file with the learnt weights, which are whole numbers where they were.
    public func shipped() throws(FathomError) -> Graph {
        if var source {
            for name in parameters + statistics {
                source.initializers[name] = graph.initializers[name]
            }
            return try source.withWholeWeights()
        }
        var graph = graph
        graph.outputs.removeAll { auxiliaryOutputs.contains($0.name) }
        let logarithm = DepthTarget.logDepth.edgeName
        guard let index = graph.outputs.firstIndex(where: { $0.name == logarithm }) else {
            return try GraphPass.removeDeadNodes.rewrite(graph, [:])
        }
        var builder = GraphBuilder(extending: graph)
        let depth = builder.node("Exp", [logarithm], name: DepthTarget.depth.edgeName)
        graph = builder.graph
        graph.outputs[index].name = depth
        return try GraphPass.removeDeadNodes.rewrite(graph, [:])
    }
}
