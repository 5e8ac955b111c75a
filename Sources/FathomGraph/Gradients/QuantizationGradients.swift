import FathomCore

extension Gradient {
    /// Rounding to whole numbers and back: the straight-through estimator (Bengio et al., "Estimating or Propagating
    /// Gradients Through Stochastic Neurons", 2013; Jacob et al. 2018). What was within the range of the whole numbers
    /// gets the gradient as if it had not been rounded, what was beyond gets none; scales and zeros learn nothing.
    ///
    /// The gradient on the edge of whole numbers is the one by the real numbers that they stand for, so that scales need
    /// not be multiplied and divided by.
    static let quantizers: [String: GradientRule] = [
        "QuantizeLinear": { d, node, arrived throws(FathomError) in
            let none: [String?] = node.inputs.map { _ in nil }
            guard let gradient = arrived[0], d.wants(node.inputs[0]) else { return none }
            let operands = d.operands(node)
            guard try node.integer("block_size", default: 0) == 0 else {
                throw node.unsupported("a gradient for blocks")
            }
            let zeros = try zeros(operands)
            guard let type = operands.optional(2)?.type, let range = type.quantizedRange,
                let zero = zeros.first, zeros.allSatisfy({ $0 == zero })
            else { throw node.unsupported("a gradient for zeros that are not one constant") }
            let low = Float(range.lowerBound - zero) - 0.5
            let high = Float(range.upperBound - zero) + 0.5
            let x = node.inputs[0]
            let scale = try operands.required(1)
            if scale.shape.count == 1, let step = scale.constant?.tensor?.values[0] {
                return [inside(&d, gradient, x, low * step, high * step)] + none.dropFirst()
            }
            var steps = node.inputs[1]
            if scale.shape.count > 1 {
                let shape = try d.shape(x, node)
                let axis = try node.axis(try node.integer("axis", default: 1), rank: shape.rank)
                let lengths = shape.dimensions.indices.map { $0 == axis ? shape[axis] : 1 }
                steps = d.reshaped(steps, Shape(lengths))
            }
            let whole = d.builder.divide(x, steps)
            return [inside(&d, gradient, whole, low, high)] + none.dropFirst()
        },
        "DequantizeLinear": { d, node, arrived throws(FathomError) in
            let none: [String?] = node.inputs.map { _ in nil }
            guard let gradient = arrived[0], d.wants(node.inputs[0]) else { return none }
            let writer = d.builder.graph.nodes.first { $0.outputs == [node.inputs[0]] }
            guard let writer, writer.operation == "QuantizeLinear",
                writer.inputs.dropFirst().elementsEqual(node.inputs.dropFirst())
            else {
                throw node.unsupported(
                    "a gradient unless it undoes a QuantizeLinear with the same scale and zero")
            }
            return [gradient] + none.dropFirst()
        },
    ]

    /// The constant zeros of a node that quantizes.
    private static func zeros(_ operands: Operands<Fact>) throws(FathomError) -> [Int] {
        guard let zero = operands.optional(2) else {
            throw operands.node.unsupported("a gradient without a zero")
        }
        return zero.constant?.integerValues ?? []
    }

    private static func inside(
        _ d: inout Differentiation, _ gradient: String, _ x: String, _ low: Float, _ high: Float
    ) -> String {
        d.builder.node(
            Operator.clipGradient, [gradient, x],
            ["minimum": .float(low), "maximum": .float(high)])
    }
}
