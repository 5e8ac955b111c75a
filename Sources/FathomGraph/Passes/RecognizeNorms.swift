import FathomCore

extension GraphPass {
    /// Puts `LayerNormalization` and `RMSNormalization` in the place of the chains that exporters write for them.
    static let recognizeNorms = GraphPass(name: "recognize-norms") {
        (graph, shapes) throws(FathomError) in
        var finder = NormFinder(editor: try GraphEditor(graph, shapes))
        for index in finder.editor.indices { finder.recognize(index) }
        return finder.editor.result
    }
}

private struct NormFinder {
    var editor: GraphEditor

    /// Begins at the root: √(mean(d²) + ε), with d = x − mean(x), or x itself.
    mutating func recognize(_ index: Int) {
        guard let root = editor[index], root.operation == "Sqrt",
            let (_, sum) = editor.source(root.inputs[0]), sum.operation == "Add",
            let (variance, epsilon) = editor.splitScalar(sum), epsilon > 0,
            let (_, mean) = editor.source(variance), let distance = squared(mean.inputs[0]),
            let axis = lastAxes(mean), let shape = editor.shape(distance)
        else { return }
        let centered = centerOf(distance, axis: axis)
        let length = shape.dimensions[axis...].reduce(1, *)
        guard var end = quotient(root.outputs[0], distance) else { return }
        var scale: String?
        var shift: String?
        var passed: [Int] = []
        if let next = editor.onlyReader(end.node.outputs[0]), next.node.operation == "Mul",
            let other = parameter(next.node, end.node.outputs[0], shape, length)
        {
            scale = other
            passed.append(end.index)
            end = next
            if centered != nil, let last = editor.onlyReader(end.node.outputs[0]),
                last.node.operation == "Add",
                let other = parameter(last.node, end.node.outputs[0], shape, length)
            {
                shift = other
                passed.append(end.index)
                end = last
            }
        }
        let parameters = Shape(Array(shape.dimensions[axis...]))
        let ones = Tensor(
            shape: parameters, values: Array(repeating: 1, count: parameters.count))
        var inputs = [centered ?? distance]
        inputs.append(
            scale.flatMap { reshaped($0, parameters) }
                ?? editor.add(.floats(ones), near: end.node.outputs[0]))
        if let shift { inputs.append(reshaped(shift, parameters) ?? shift) }
        let node = Node(
            centered == nil ? "RMSNormalization" : "LayerNormalization", name: root.name,
            inputs: inputs, outputs: end.node.outputs,
            attributes: ["axis": .integer(axis - shape.rank), "epsilon": .float(epsilon)])
        for place in passed { editor.remove(place) }
        editor.replace(end.index, by: node)
    }

    /// The edge whose square another edge is.
    private func squared(_ edge: String) -> String? {
        guard let (_, node) = editor.source(edge), node.inputs.count == 2 else { return nil }
        if node.operation == "Mul", node.inputs[0] == node.inputs[1] { return node.inputs[0] }
        guard node.operation == "Pow", editor.constant(node.inputs[1])?.floatValues == [2] else {
            return nil
        }
        return node.inputs[0]
    }

    /// The first axis of a mean over the last ones that keeps its axes.
    private func lastAxes(_ node: Node) -> Int? {
        guard node.operation == "ReduceMean", let shape = editor.shape(node.inputs[0]) else {
            return nil
        }
        if case .integer(0)? = node.attributes["keepdims"] { return nil }
        var axes: [Int] = []
        if case .integers(let list)? = node.attributes["axes"] { axes = list }
        if node.inputs.count > 1, let list = editor.constant(node.inputs[1])?.integerValues {
            axes = list
        }
        let sorted = axes.map { $0 < 0 ? $0 + shape.rank : $0 }.sorted()
        guard let first = sorted.first, first >= 0, sorted == Array(first..<shape.rank) else {
            return nil
        }
        return first
    }

    /// x where an edge is x − mean(x).
    private func centerOf(_ edge: String, axis: Int) -> String? {
        guard let (_, node) = editor.source(edge), node.operation == "Sub",
            let (_, mean) = editor.source(node.inputs[1]), mean.operation == "ReduceMean",
            mean.inputs[0] == node.inputs[0], lastAxes(mean) == axis
        else { return nil }
        return node.inputs[0]
    }

    /// The node that divides the distance by the root, or multiplies it by its reciprocal.
    private func quotient(_ root: String, _ distance: String) -> (index: Int, node: Node)? {
        guard let next = editor.onlyReader(root) else { return nil }
        if next.node.operation == "Div", next.node.inputs == [distance, root] { return next }
        let isReciprocal =
            next.node.operation == "Reciprocal"
            || (next.node.operation == "Div" && editor.scalar(next.node.inputs[0]) == 1)
        guard isReciprocal, let product = editor.onlyReader(next.node.outputs[0]),
            product.node.operation == "Mul",
            editor.other(product.node, than: next.node.outputs[0]) == distance
        else { return nil }
        return product
    }

    /// The constant that a node combines an edge with, one number for each of the last axes' elements.
    private func parameter(
        _ node: Node, _ edge: String, _ shape: Shape, _ length: Int
    ) -> String? {
        guard let other = editor.other(node, than: edge), let value = editor.constant(other),
            value.type == .float, value.shape.count == length,
            Array(value.shape.dimensions.drop { $0 == 1 })
                == Array(shape.dimensions.suffix(value.shape.dimensions.drop { $0 == 1 }.count)),
            editor.shape(node.outputs[0]) == shape
        else { return nil }
        return other
    }

    private mutating func reshaped(_ edge: String, _ shape: Shape) -> String? {
        guard let value = editor.constant(edge) else { return nil }
        return value.shape == shape ? edge : editor.add(value.reshaped(to: shape), near: edge)
    }
}
