import FathomCore

extension GraphPass {
    /// Makes `QuantizeLinear` and the `DequantizeLinear` that undoes it one node of real numbers, where nothing computes on
    /// the whole ones: in training, and before layers that stay in floating point.
    static let fuseFakeQuantization = GraphPass(name: "fuse-fake-quantization") {
        (graph, _) throws(FathomError) in
        guard graph.nodes.contains(where: { $0.operation == "QuantizeLinear" }) else {
            return graph
        }
        let kept = Set(graph.outputs.map(\.name))
        var readers: [String: [Int]] = [:]
        for (index, node) in graph.nodes.enumerated() {
            for input in Set(node.inputs) { readers[input, default: []].append(index) }
        }
        func axis(_ node: Node) -> Int {
            if case .integer(let stated)? = node.attributes["axis"] { stated } else { 1 }
        }
        var nodes: [Node?] = graph.nodes
        for (index, node) in graph.nodes.enumerated()
        where node.operation == "QuantizeLinear" && node.inputs.count == 3
            && node.attributes["block_size"] == nil && !kept.contains(node.outputs[0])
        {
            guard let list = readers[node.outputs[0]],
                list.allSatisfy({ place in
                    let reader = graph.nodes[place]
                    return reader.operation == "DequantizeLinear" && axis(reader) == axis(node)
                        && reader.inputs[0] == node.outputs[0]
                        && reader.inputs.dropFirst().elementsEqual(node.inputs.dropFirst())
                })
            else { continue }
            let real = graph.nodes[list[0]].outputs[0]
            nodes[index] = Node(
                Operator.fakeQuantization, name: node.name, inputs: node.inputs, outputs: [real],
                attributes: ["axis": .integer(axis(node))])
            nodes[list[0]] = nil
            for other in list.dropFirst() {
                nodes[other] = Node(
                    "Identity", inputs: [real], outputs: graph.nodes[other].outputs)
            }
        }
        var result = graph
        result.nodes = nodes.compactMap { $0 }
        return result
    }
}
