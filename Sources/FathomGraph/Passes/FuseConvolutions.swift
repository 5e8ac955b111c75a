import FathomCore

extension GraphPass {
    /// Takes the addition of a tensor of the same shape, then a `Clip` or `Relu` or another function of one number,
    /// into the convolution before it, where nothing else reads what lies between.
    static let fuseConvolutions = GraphPass(name: "fuse-convolutions") {
        (graph, shapes) throws(FathomError) in
        let facts = try graph.facts(inputShapes: shapes)
        var fusion = ConvolutionFusion(graph, facts)
        for index in graph.nodes.indices where graph.nodes[index].operation == "Conv" {
            try fusion.fuse(index)
        }
        return fusion.result
    }
}

private struct ConvolutionFusion {
    private let graph: Graph
    private let facts: [String: Fact]
    private let kept: Set<String>
    private var readers: [String: [Int]] = [:]
    private var nodes: [Node?]
    /// Where convolutions with what follows them stand now, in the place of another node.
    private var fused: Set<Int> = []

    init(_ graph: Graph, _ facts: [String: Fact]) {
        self.graph = graph
        self.facts = facts
        kept = Set(graph.outputs.map(\.name))
        nodes = graph.nodes
        for (index, node) in graph.nodes.enumerated() {
            for input in node.inputs { readers[input, default: []].append(index) }
        }
    }

    var result: Graph {
        var result = graph
        result.nodes = nodes.compactMap { $0 }
        return result
    }

    /// The node that alone reads an edge, unless another convolution has taken it.
    private func onlyReader(_ edge: String) -> Int? {
        guard !kept.contains(edge), let list = readers[edge], list.count == 1,
            nodes[list[0]] != nil, !fused.contains(list[0])
        else { return nil }
        return list[0]
    }

    mutating func fuse(_ index: Int) throws(FathomError) {
        var node = graph.nodes[index]
        var last = index
        var taken: [Int] = []
        if let next = onlyReader(node.outputs[0]), let residual = residual(next, node.outputs[0]) {
            while node.inputs.count < 3 { node.inputs.append("") }
            node.inputs.append(residual)
            node.outputs = graph.nodes[next].outputs
            taken.append(last)
            last = next
        }
        if let next = onlyReader(node.outputs[0]), let (low, high) = try limits(next) {
            node.attributes["minimum"] = .float(low)
            node.attributes["maximum"] = .float(high)
            node.outputs = graph.nodes[next].outputs
            taken.append(last)
            last = next
        }
        if let next = onlyReader(node.outputs[0]), isActivation(next) {
            node.fuse(activation: graph.nodes[next].operation, graph.nodes[next].attributes)
            node.outputs = graph.nodes[next].outputs
            taken.append(last)
            last = next
        }
        guard !taken.isEmpty else { return }
        for place in taken { nodes[place] = nil }
        node.operation = Operator.fusedConvolution
        // Where the last of the fused nodes was, everything that they read is there.
        nodes[last] = node
        fused.insert(last)
    }

    /// What an addition adds to an edge, if it has the same shape.
    private func residual(_ index: Int, _ edge: String) -> String? {
        let node = graph.nodes[index]
        guard node.operation == "Add", node.inputs.count == 2, node.inputs[0] != node.inputs[1],
            let other = node.inputs.first(where: { $0 != edge }),
            facts[other]?.constant == nil, facts[other]?.shape == facts[edge]?.shape
        else { return nil }
        return other
    }

    /// Functions that kernels apply to a convolution's output while it is in the cache.
    private static let activations: Set<String> = [
        "Elu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Softplus",
        "Swish", "Mish", "Gelu", "Selu", "Celu",
    ]

    private func isActivation(_ index: Int) -> Bool {
        Self.activations.contains(graph.nodes[index].operation)
    }

    private func limits(_ index: Int) throws(FathomError) -> (Float, Float)? {
        let node = graph.nodes[index]
        guard ["Clip", "Relu"].contains(node.operation) else { return nil }
        let operands = Operands(
            node, node.inputs.map { facts[$0] }, operatorSet: graph.operatorSet)
        guard case .clip(let low, let high) = try UnaryFunction(operands) else { return nil }
        return (low, high)
    }
}
