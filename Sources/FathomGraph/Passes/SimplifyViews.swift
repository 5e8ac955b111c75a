import FathomCore

extension GraphPass {
    /// Takes out reshapes and transpositions that change nothing, joins those behind each other, and makes views of
    /// transpositions that only move axes of one element.
    static let simplifyViews = GraphPass(name: "simplify-views") {
        (graph, shapes) throws(FathomError) in
        var editor = try GraphEditor(graph, shapes)
        for index in editor.indices {
            guard let node = editor[index] else { continue }
            if let simpler = ViewSimplifier(editor: editor).simpler(node) {
                editor.replace(index, by: simpler.named(near: node, &editor))
            }
        }
        return editor.result
    }
}

/// A node that does the same with less: its constant input has no name yet.
private struct SimplerNode {
    let operation: String
    let input: String
    var order: [Int] = []
    var shape: Shape?

    func named(near node: Node, _ editor: inout GraphEditor) -> Node {
        var inputs = [input]
        if let shape { inputs.append(editor.add(.list(shape.dimensions), near: node.outputs[0])) }
        return Node(
            operation, name: node.name, inputs: inputs, outputs: node.outputs,
            attributes: order.isEmpty ? [:] : ["perm": .integers(order)])
    }
}

private struct ViewSimplifier {
    let editor: GraphEditor

    func simpler(_ node: Node) -> SimplerNode? {
        guard node.outputs.count == 1, let input = node.inputs.first,
            let before = editor.shape(input), let after = editor.shape(node.outputs[0]),
            before.count > 0, editor.constant(node.outputs[0]) == nil
        else { return nil }
        let isView = Rearrangement.views.contains(node.operation) && node.operation != "Identity"
        if isView || ["Expand", "Slice", "Tile"].contains(node.operation), before == after,
            isView || node.operation != "Slice" || isWhole(node)
        {
            return SimplerNode(operation: "Identity", input: input)
        }
        if isView, let (_, source) = editor.source(input),
            Rearrangement.views.contains(source.operation), source.operation != "Identity"
        {
            return SimplerNode(operation: "Reshape", input: source.inputs[0], shape: after)
        }
        guard node.operation == "Transpose" else { return nil }
        return transposition(node, input, before, after)
    }

    /// Whether a slice of a tensor's own shape leaves the order as it is.
    private func isWhole(_ node: Node) -> Bool {
        guard node.inputs.count > 4 else { return true }
        return editor.constant(node.inputs[4])?.integerValues.allSatisfy { $0 > 0 } ?? false
    }

    private func order(_ node: Node, _ rank: Int) -> [Int]? {
        var order = Array((0..<rank).reversed())
        if case .integers(let stated)? = node.attributes["perm"] { order = stated }
        return order.sorted() == Array(0..<rank) ? order : nil
    }

    private func transposition(
        _ node: Node, _ input: String, _ before: Shape, _ after: Shape
    ) -> SimplerNode? {
        guard let order = order(node, before.rank) else { return nil }
        if order == Array(0..<before.rank) {
            return SimplerNode(operation: "Identity", input: input)
        }
        let moved = order.filter { before[$0] > 1 }
        if moved == moved.sorted() {
            return SimplerNode(operation: "Reshape", input: input, shape: after)
        }
        guard let (_, source) = editor.source(input), source.operation == "Transpose",
            let first = self.order(source, before.rank)
        else { return nil }
        let joined = order.map { first[$0] }
        if joined == Array(0..<before.rank) {
            return SimplerNode(operation: "Identity", input: source.inputs[0])
        }
        return SimplerNode(operation: "Transpose", input: source.inputs[0], order: joined)
    }
}
