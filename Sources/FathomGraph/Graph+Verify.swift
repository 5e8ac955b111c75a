import FathomCore

extension Graph {
    /// The graph with its nodes in order of execution, or the reason why it has no such order.
    ///
    /// Every edge is written once; every edge read is an input, an initializer or written by a node; each
    /// operator is in the table and has the inputs and outputs it wants.
    public func verified() throws(FathomError) -> Graph {
        guard (1...Self.newestOperatorSet).contains(operatorSet) else {
            throw error(
                "it follows ONNX operator set \(operatorSet)",
                remedy: "Sets 1 to \(Self.newestOperatorSet) are understood")
        }
        var writer: [String: Int] = [:]
        for input in inputs {
            guard writer.updateValue(-1, forKey: input.name) == nil else {
                throw error("two inputs are named '\(input.name)'")
            }
        }
        for name in initializers.keys where writer.updateValue(-1, forKey: name) != nil {
            throw error("'\(name)' is both an input and an initializer")
        }
        for (index, node) in nodes.enumerated() {
            try check(node)
            for output in node.outputs where !output.isEmpty {
                guard writer.updateValue(index, forKey: output) == nil else {
                    throw error(
                        "node '\(node.name)' (\(node.operation)) writes '\(output)', which is already defined"
                    )
                }
            }
        }
        for node in nodes {
            for input in node.inputs where !input.isEmpty && writer[input] == nil {
                throw error(
                    "node '\(node.name)' (\(node.operation)) reads '\(input)', which nothing defines"
                )
            }
        }
        for output in outputs where writer[output.name] == nil {
            throw error("the output '\(output.name)' is computed by no node")
        }
        guard Set(outputs.map(\.name)).count == outputs.count else {
            throw error("two outputs have the same name")
        }
        var sorted = self
        sorted.nodes = try order(writer)
        return sorted
    }

    private func check(_ node: Node) throws(FathomError) {
        guard let entry = Operator.table[node.operation] else {
            throw error(
                "node '\(node.name)' uses the operator '\(node.operation)', which Fathom does not have",
                operation: FathomError.unsupported)
        }
        guard entry.inputCount.contains(node.inputs.count) else {
            throw error(
                "node '\(node.name)' (\(node.operation)) has \(node.inputs.count) inputs, not \(entry.inputCount.words)"
            )
        }
        guard entry.outputCount.contains(node.outputs.count) else {
            throw error(
                "node '\(node.name)' (\(node.operation)) has \(node.outputs.count) outputs, not \(entry.outputCount.words)"
            )
        }
        guard node.outputs.contains(where: { !$0.isEmpty }) else {
            throw error("node '\(node.name)' (\(node.operation)) writes nothing")
        }
    }

    /// Kahn's algorithm; keeps the given order where that is already right.
    private func order(_ writer: [String: Int]) throws(FathomError) -> [Node] {
        var waitsFor = [Int](repeating: 0, count: nodes.count)
        var readers = [[Int]](repeating: [], count: nodes.count)
        for (index, node) in nodes.enumerated() {
            for input in node.inputs {
                guard let source = writer[input], source >= 0 else { continue }
                waitsFor[index] += 1
                readers[source].append(index)
            }
        }
        if zip(nodes.indices, nodes).allSatisfy({ index, node in
            node.inputs.allSatisfy { (writer[$0] ?? -1) < index }
        }) {
            return nodes
        }
        var ready = nodes.indices.filter { waitsFor[$0] == 0 }
        var next = 0
        while next < ready.count {
            for reader in readers[ready[next]] {
                waitsFor[reader] -= 1
                if waitsFor[reader] == 0 { ready.append(reader) }
            }
            next += 1
        }
        if let stuck = nodes.indices.first(where: { waitsFor[$0] > 0 }) {
            throw error("its nodes form a circle through '\(nodes[stuck].name)'")
        }
        return ready.map { nodes[$0] }
    }
}

extension ClosedRange<Int> {
    /// As `2` or `1 to 3`.
    fileprivate var words: String {
        lowerBound == upperBound ? "\(lowerBound)" : "\(lowerBound) to \(upperBound)"
    }
}
