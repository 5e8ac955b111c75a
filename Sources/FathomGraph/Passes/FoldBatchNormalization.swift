import FathomCore

extension GraphPass {
    /// Takes a `BatchNormalization` into the weights and bias of the convolution before it.
    ///
    /// y = k · (w∗x + b − mean) + shift with k = scale / √(variance + ε), so w′ = k·w and b′ = k·(b − mean) + shift.
    static let foldBatchNormalization = GraphPass(name: "fold-batch-normalization") {
        (graph, _) throws(FathomError) in
        var result = graph
        let readers = graph.readerCounts
        let writers = Dictionary(
            uniqueKeysWithValues: graph.nodes.enumerated().flatMap { index, node in
                node.outputs.filter { !$0.isEmpty }.map { ($0, index) }
            })
        var removed: Set<Int> = []
        for (index, node) in graph.nodes.enumerated()
        where node.operation == "BatchNormalization" && node.outputs.count == 1 {
            guard let source = writers[node.inputs[0]], readers[node.inputs[0]] == 1,
                graph.nodes[source].operation == "Conv",
                let folded = try fold(node, into: graph.nodes[source], graph)
            else { continue }
            let prefix = node.outputs[0]
            // Under names of their own: other nodes may share the weights.
            let names = ["\(prefix)#weights", "\(prefix)#bias"]
            guard names.allSatisfy({ writers[$0] == nil && graph.initializers[$0] == nil }) else {
                continue
            }
            result.initializers[names[0]] = .floats(folded.weights)
            result.initializers[names[1]] = .floats(folded.bias)
            result.nodes[source].inputs = [graph.nodes[source].inputs[0]] + names
            result.nodes[source].outputs = node.outputs
            removed.insert(index)
        }
        result.nodes = result.nodes.indices.filter { !removed.contains($0) }.map {
            result.nodes[$0]
        }
        return result
    }

    private static func fold(
        _ node: Node, into convolution: Node, _ graph: Graph
    ) throws(FathomError) -> (weights: Tensor, bias: Tensor)? {
        let parameters = node.inputs.dropFirst().map { graph.initializers[$0]?.tensor?.values }
        guard let weights = graph.initializers[convolution.inputs[1]]?.tensor,
            parameters.count == 4, let scale = parameters[0], let shift = parameters[1],
            let mean = parameters[2], let variance = parameters[3]
        else { return nil }
        let channels = weights.shape.rank > 0 ? weights.shape[0] : 0
        var bias = [Float](repeating: 0, count: channels)
        if convolution.inputs.count > 2, !convolution.inputs[2].isEmpty {
            guard let tensor = graph.initializers[convolution.inputs[2]]?.tensor else { return nil }
            bias = tensor.values
        }
        guard channels > 0,
            [scale, shift, mean, variance, bias].allSatisfy({ $0.count == channels })
        else { return nil }
        let epsilon = try node.float("epsilon", default: 1e-5)
        let factors = zip(scale, variance).map { $0 / ($1 + epsilon).squareRoot() }
        let each = weights.count / channels
        return (
            Tensor(
                shape: weights.shape,
                values: weights.values.enumerated().map { $1 * factors[$0 / each] }),
            Tensor(
                shape: [channels],
                values: (0..<channels).map { factors[$0] * (bias[$0] - mean[$0]) + shift[$0] })
        )
    }
}
