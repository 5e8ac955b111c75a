import FathomCore

extension GraphPass {
    /// Puts a branch in the place of each `If` whose condition is known.
    static let inlineBranches = GraphPass(name: "inline-branches") {
        (graph, shapes) throws(FathomError) in
        var result = graph
        // Each round uncovers those that lay within the last one's branches.
        while result.nodes.contains(where: { $0.operation == "If" }) {
            let facts = try result.facts(inputShapes: shapes)
            var nodes: [Node] = []
            var isChanged = false
            for node in result.nodes {
                guard node.operation == "If", let condition = facts[node.inputs[0]]?.constant
                else {
                    nodes.append(node)
                    continue
                }
                isChanged = true
                let branch = try node.branch(condition.isTrue)
                nodes += branch.inlined(for: node, into: &result.initializers)
            }
            result.nodes = nodes
            if !isChanged { break }
            result = try result.verified()
        }
        return result
    }
}

extension Graph {
    /// The nodes under names that belong to one `If`.
    fileprivate func inlined(
        for node: Node, into initializers: inout [String: Value]
    ) -> [Node] {
        let prefix = "\(node.outputs.first { !$0.isEmpty } ?? node.name)/branch"
        let renamed = Dictionary(
            zip(inputs.map(\.name), node.inputs.dropFirst()),
            uniquingKeysWith: { first, _ in first }
        )
        func local(_ name: String) -> String {
            name.isEmpty ? name : renamed[name] ?? "\(prefix)/\(name)"
        }
        for (name, value) in self.initializers { initializers[local(name)] = value }
        var copies: [Node] = []
        for inner in nodes {
            var copy = inner
            copy.name = "\(prefix)/\(inner.name)"
            copy.inputs = inner.inputs.map(local)
            copy.outputs = inner.outputs.map(local)
            copies.append(copy)
        }
        for (output, name) in zip(outputs, node.outputs) where !name.isEmpty {
            copies.append(Node("Identity", inputs: [local(output.name)], outputs: [name]))
        }
        return copies
    }
}
