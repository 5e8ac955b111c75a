import FathomCore

extension Node {
    /// The node of the activation that a fused product ends with; nil where it has none.
    package var productActivation: Node? {
        guard case .string(let operation)? = attributes["activation"] else { return nil }
        return Node(
            operation, name: name, inputs: [""], outputs: outputs, attributes: attributes)
    }
}

extension Operator {
    /// The name of the matrix product with what follows it: inputs A, B, bias (one number a column, may be absent)
    /// and residual (of the output's shape, may be absent); attribute `activation` names an operator, whose
    /// attributes stand beside it; `transB` as in `Gemm`.
    public static let fusedProduct = "fathom.MatMul"

    static let fusedProducts: [Operator] = [
        Operator(
            fusedProduct, inputs: 2...4, lowering: .matrix,
            export: .absent("passes make it after import; a file is written from the graph before"),
            infer: { operands throws(FathomError) in
                let product = try MatrixProduct(operands)
                if let activation = operands.node.productActivation,
                    Operator.table[activation.operation] == nil
                {
                    throw operands.node.error("its activation is unknown")
                }
                if let bias = operands.optional(2), bias.shape != [product.columns] {
                    throw operands.node.error("its bias does not fit")
                }
                if let residual = operands.optional(3), residual.shape != product.outputShape {
                    throw operands.node.error("its residual does not fit")
                }
                return [Fact(product.outputShape)]
            },
            evaluate: { operands throws(FathomError) in
                let product = try MatrixProduct(operands.facts)
                var values = try product.evaluate(operands).values
                if let bias = operands.optional(2)?.floatValues {
                    for index in values.indices { values[index] += bias[index % product.columns] }
                }
                if let residual = operands.optional(3)?.floatValues {
                    for index in values.indices { values[index] += residual[index] }
                }
                let sum = Value.floats(Tensor(shape: product.outputShape, values: values))
                guard let activation = operands.node.productActivation,
                    let entry = Operator.table[activation.operation]
                else { return [sum] }
                return try entry.evaluate(
                    Operands(activation, [sum], operatorSet: operands.operatorSet))
            })
    ]
}
