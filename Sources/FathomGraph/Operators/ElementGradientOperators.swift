import FathomCore

extension Operator {
    /// 1 where the first operand is greater, ½ where both are equal, else 0; of two operands that broadcast.
    package static let step = "fathom.Step"
    /// A gradient where a result lies strictly between limits, else 0: inputs gradient, result; attributes `minimum`,
    /// `maximum`.
    package static let clipGradient = "fathom.ClipGradient"

    static let madeByGradients = Export.absent(
        "gradients make it; a file is written from the graph before")

    /// What the gradients of functions of one and two numbers are made of.
    static let elementGradients: [Operator] = [
        Operator(
            step, inputs: 2...2, lowering: .binary, export: madeByGradients,
            infer: { operands throws(FathomError) in
                let shapes = [try operands.floating(0), try operands.floating(1)]
                return [Fact(try Pair.shape(shapes, operands.node))]
            },
            evaluate: { operands throws(FathomError) in
                let pair = try Pair(
                    try operands.required(0), try operands.required(1), operands.node)
                let values = zip(pair.left.floatValues, pair.right.floatValues).map {
                    $0 > $1 ? Float(1) : $0 == $1 ? 0.5 : 0
                }
                return [.floats(Tensor(shape: pair.shape, values: values))]
            }),
        Operator(
            clipGradient, inputs: 2...2, lowering: .reference, export: madeByGradients,
            infer: { operands throws(FathomError) in
                let shape = try operands.floating(0)
                guard try operands.floating(1) == shape else {
                    throw operands.node.error("its operands are of different shapes")
                }
                return [Fact(shape)]
            },
            evaluate: { operands throws(FathomError) in
                let low = try operands.node.float("minimum", default: -.infinity)
                let high = try operands.node.float("maximum", default: .infinity)
                let (gradient, result) = (try operands.tensor(0), try operands.tensor(1))
                let values = zip(gradient.values, result.values).map {
                    $1 > low && $1 < high ? $0 : 0
                }
                return [.floats(Tensor(shape: gradient.shape, values: values))]
            }),
    ]
}
