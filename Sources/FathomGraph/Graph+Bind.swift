import FathomCore

extension Graph {
    /// The graph for inputs of these shapes only: free axes get their lengths, and what depends on nothing but shapes
    /// and weights is computed once and for all. Its nodes are ONNX's own, so it can be exported.
    public func bound(to inputShapes: [String: Shape]) throws(FathomError) -> Graph {
        var graph = self
        for pass in GraphPass.binding {
            graph = try pass.rewrite(graph, inputShapes).verified()
        }
        let facts = try graph.facts(inputShapes: inputShapes)
        func bind(_ info: ValueInfo) -> ValueInfo {
            var info = info
            info.dimensions = facts[info.name]?.shape.dimensions.map(Dimension.fixed)
            return info
        }
        graph.inputs = graph.inputs.map(bind)
        graph.outputs = graph.outputs.map(bind)
        return graph
    }
}
