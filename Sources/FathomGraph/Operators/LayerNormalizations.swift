import FathomCore

extension Operator {
    /// Normalizations over all axes from one on.
    static let layerNormalizations: [Operator] = [
        layer("LayerNormalization", inputs: 2...3, centers: true),
        layer("RMSNormalization", inputs: 2...2, centers: false),
    ]

    /// (x − mean) / √(variance + ε) · scale + shift, or x / √(mean of x² + ε) · scale.
    private static func layer(
        _ name: String, inputs: ClosedRange<Int>, centers: Bool
    ) -> Operator {
        Operator(
            name, inputs: inputs, outputs: 1...3, lowering: .reference,
            infer: { operands throws(FathomError) in
                let (node, shape) = (operands.node, try operands.floating(0))
                let axis = try node.axis(try node.integer("axis", default: -1), rank: shape.rank)
                for index in 1..<operands.inputs.count where operands.optional(index) != nil {
                    let parameters = try operands.floating(index)
                    guard Broadcast([parameters, shape])?.shape == shape else {
                        throw node.error("its parameters do not fit its input \(shape)")
                    }
                }
                guard centers else { return [Fact(shape)] }
                let moments = try node.shape(
                    shape.dimensions.enumerated().map { $0 < axis ? $1 : 1 })
                return [Fact(shape), Fact(moments), Fact(moments)]
            },
            evaluate: { operands throws(FathomError) in
                let (node, input) = (operands.node, try operands.tensor(0))
                let shape = input.shape
                let axis = try node.axis(try node.integer("axis", default: -1), rank: shape.rank)
                let scale = try operands.required(1).expanded(to: shape).floatValues
                let shift = operands.optional(2)?.expanded(to: shape).floatValues
                let epsilon = Double(try node.float("epsilon", default: 1e-5))
                let length = shape.dimensions[axis...].reduce(1, *)
                var values = input.values
                var (means, factors): ([Float], [Float]) = ([], [])
                for group in 0..<(values.isEmpty ? 0 : values.count / length) {
                    let range = group * length..<(group + 1) * length
                    var (mean, variance) = moments(values[range])
                    if !centers { (mean, variance) = (0, variance + mean * mean) }
                    let factor = 1 / (variance + epsilon).squareRoot()
                    for index in range {
                        let normal = (Double(values[index]) - mean) * factor
                        values[index] = Float(
                            normal * Double(scale[index]) + Double(shift?[index] ?? 0))
                    }
                    means.append(Float(mean))
                    factors.append(Float(factor))
                }
                let result = Value.floats(Tensor(shape: shape, values: values))
                guard centers else { return [result] }
                let outer = try node.shape(
                    shape.dimensions.enumerated().map { $0 < axis ? $1 : 1 })
                guard outer.count == means.count else {
                    throw node.error("\(shape) has nothing to normalize")
                }
                return [
                    result, .floats(Tensor(shape: outer, values: means)),
                    .floats(Tensor(shape: outer, values: factors)),
                ]
            })
    }
}
