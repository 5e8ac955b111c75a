import FathomCore

extension GraphPass {
    /// Takes what follows a matrix product into it: factors and additions that are constant for each column, then
    /// the addition of a tensor of the same shape, then an activation.
    static let fuseProducts = GraphPass(name: "fuse-products") {
        (graph, shapes) throws(FathomError) in
        var fusion = ProductFusion(editor: try GraphEditor(graph, shapes))
        for index in fusion.editor.indices { try fusion.fuse(index) }
        return fusion.editor.result
    }
}

private struct ProductFusion {
    var editor: GraphEditor

    /// A product and what has been taken into it.
    private struct Product {
        var node: Node
        /// Where the node goes: the last of those taken, since all that they read is there.
        var place: Int
        var taken: [Int] = []
        let columns: Int
        /// Factor of each column, 1 where there is none.
        var factors: [Float]?
        var bias: [Float]?
        var residual: String?
    }

    mutating func fuse(_ index: Int) throws(FathomError) {
        guard let node = editor[index], var product = try start(node, index) else { return }
        while let next = editor.onlyReader(product.node.outputs[0]),
            product.residual == nil, takeColumns(next.node, &product)
        {
            advance(&product, next)
        }
        if let next = editor.onlyReader(product.node.outputs[0]),
            let residual = residual(next.node, product.node.outputs[0])
        {
            product.residual = residual
            advance(&product, next)
        }
        if let next = editor.onlyReader(product.node.outputs[0]), try takeActivation(next, &product)
        {
            advance(&product, next)
        }
        guard !product.taken.isEmpty else { return }
        finish(product)
    }

    /// A product that something can be taken into.
    private func start(_ node: Node, _ index: Int) throws(FathomError) -> Product? {
        guard ["MatMul", "Gemm"].contains(node.operation),
            let shape = editor.shape(node.outputs[0]), shape.rank > 1,
            let left = editor.shape(node.inputs[0]), left.rank > 1,
            let right = editor.shape(node.inputs[1]), right.rank > 1
        else { return nil }
        var product = Product(node: node, place: index, columns: shape[shape.rank - 1])
        product.node.attributes = [:]
        product.node.operation = Operator.fusedProduct
        guard node.operation == "Gemm" else { return product }
        guard try node.float("alpha", default: 1) == 1, try node.integer("transA", default: 0) == 0
        else { return nil }
        product.node.attributes["transB"] = node.attributes["transB"]
        if node.inputs.count > 2, !node.inputs[2].isEmpty {
            guard try node.float("beta", default: 1) == 1,
                let bias = columns(node.inputs[2], product.columns)
            else { return nil }
            product.bias = bias
            product.node.inputs.removeLast()
        }
        return product
    }

    private func advance(_ product: inout Product, _ next: (index: Int, node: Node)) {
        product.taken.append(product.place)
        product.place = next.index
        product.node.outputs = next.node.outputs
    }

    /// A constant that is the same in every row, as one number a column.
    private func columns(_ edge: String, _ count: Int) -> [Float]? {
        guard let value = editor.constant(edge), value.type == .float else { return nil }
        if let number = editor.scalar(edge) { return Array(repeating: number, count: count) }
        guard value.shape.count == count, value.shape.dimensions.last == count else { return nil }
        return value.floatValues
    }

    /// Takes a factor or an addend of the columns.
    private func takeColumns(_ node: Node, _ product: inout Product) -> Bool {
        guard let other = editor.other(node, than: product.node.outputs[0]),
            let values = columns(other, product.columns),
            editor.shape(node.outputs[0]) == editor.shape(product.node.outputs[0])
        else { return false }
        let isFirst = node.inputs[0] == product.node.outputs[0]
        let zeros = [Float](repeating: 0, count: product.columns)
        switch node.operation {
        case "Add":
            product.bias = zip(product.bias ?? zeros, values).map(+)
        case "Sub" where isFirst:
            product.bias = zip(product.bias ?? zeros, values).map(-)
        case "Mul", "Div":
            // The weights take the factor, so they must be constant.
            guard editor.constant(product.node.inputs[1])?.tensor != nil,
                node.operation == "Mul" || isFirst
            else { return false }
            let factors = node.operation == "Mul" ? values : values.map { 1 / $0 }
            guard factors.allSatisfy(\.isFinite) else { return false }
            product.bias = product.bias.map { zip($0, factors).map(*) }
            product.factors = product.factors.map { zip($0, factors).map(*) } ?? factors
        default: return false
        }
        return true
    }

    private func residual(_ node: Node, _ edge: String) -> String? {
        guard node.operation == "Add", let other = editor.other(node, than: edge),
            editor.constant(other) == nil, editor.shape(other) == editor.shape(edge)
        else { return nil }
        return other
    }

    private func takeActivation(
        _ next: (index: Int, node: Node), _ product: inout Product
    ) throws(FathomError) -> Bool {
        guard Self.activations.contains(next.node.operation) else { return false }
        let operands = Operands(
            next.node, next.node.inputs.map { editor.facts[$0] },
            operatorSet: editor.graph.operatorSet)
        product.node.attributes["activation"] = .string(next.node.operation)
        product.node.attributes.merge(next.node.attributes) { $1 }
        if ["Clip", "Relu"].contains(next.node.operation),
            case .clip(let low, let high) = try UnaryFunction(operands)
        {
            // Limits may be inputs, which the product has no place for.
            product.node.attributes["activation"] = .string("Clip")
            product.node.attributes["min"] = .float(low)
            product.node.attributes["max"] = .float(high)
        }
        return true
    }

    private static let activations: Set<String> = [
        "Relu", "LeakyRelu", "Sigmoid", "Tanh", "Elu", "HardSigmoid", "HardSwish", "Softplus",
        "Clip", "Gelu", "Swish", "Mish", "Selu",
    ]

    private mutating func finish(_ product: Product) {
        var node = product.node
        let name = node.outputs[0]
        if let factors = product.factors, let weights = editor.constant(node.inputs[1])?.tensor {
            let count = product.columns
            let rowsAreColumns = node.attributes["transB"] != nil && transposes(node)
            let depth = weights.count / max(count, 1)
            let values = weights.values.enumerated().map { index, weight in
                weight * factors[rowsAreColumns ? index / max(depth, 1) : index % count]
            }
            node.inputs[1] = editor.add(
                .floats(Tensor(shape: weights.shape, values: values)), near: "\(name)#weights")
        }
        if let bias = product.bias {
            node.inputs.append(
                editor.add(
                    .floats(Tensor(shape: [product.columns], values: bias)), near: "\(name)#bias"))
        }
        if let residual = product.residual {
            if product.bias == nil { node.inputs.append("") }
            node.inputs.append(residual)
        }
        for place in product.taken { editor.remove(place) }
        editor.replace(product.place, by: node)
    }

    private func transposes(_ node: Node) -> Bool {
        if case .integer(let value)? = node.attributes["transB"] { value != 0 } else { false }
    }
}
